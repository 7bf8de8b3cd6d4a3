"""Machines whose clocks are wrong, or are set while they work: what is due is the database's question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.builders import Quittance, a_customer, a_subscription, an_event
from tests.conftest import ROOT, eventually
from tests.crash.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.bound, pytest.mark.timeout(240)]

HOUR = 3600


class Clock:
    """Tells processes a wrong time."""

    def __init__(self, file: Path, off: int = 0) -> None:
        self._file = file
        self.set(off)

    def set(self, off: int) -> None:
        """So many seconds ahead of what is right; negative: behind."""
        self._file.write_text(str(off))

    @property
    def environ(self) -> dict[str, str]:
        folder = Path(__file__).parent / "wrong_clock"
        return {"PYTHONPATH": f"{folder}:{ROOT}", "CLOCK_OFF": str(self._file)}


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_scheduler_whose_clock_is_set_goes_on_asking(
    stack: Stack, broker_url: str, key_prefix: str, tmp_path: Path, off: int
) -> None:
    with redis.Redis.from_url(broker_url) as broker:

        def sweeps() -> int:
            messages = [json.loads(message) for message in broker.lrange(f"{key_prefix}events", 0, -1)]
            return sum(message["headers"]["task"] == "tasks.sweep" for message in messages)

        clock = Clock(tmp_path / "off")
        stack.beat(**clock.environ)
        eventually(sweeps)
        clock.set(off)
        before = sweeps()
        eventually(lambda: sweeps() >= before + 2)


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_workers_and_schedulers_whose_clocks_differ_make_nothing_late_and_no_cancellation_early(
    stack: Stack, door: Quittance, tmp_path: Path, off: int
) -> None:
    stack.beat()
    stack.worker(**Clock(tmp_path / "off", off).environ)
    (ends,) = stack.rows("select ceil(extract(epoch from now()))::bigint + 15")
    ending = a_subscription(status="non_renewing", cancelled_at=ends, current_term_end=ends)
    assert door.post(an_event(a_customer(), ending)).status_code == 200  # nobody is rung: the sweep must find it
    eventually(lambda: stack.rows("select state from cancellations") == ["scheduled"], seconds=15)
    late = "select extract(epoch from now() - effective_at) from cancellations where state = 'run'"
    (seconds,) = eventually(lambda: stack.rows(late), seconds=15 + 90)
    assert seconds >= 0
