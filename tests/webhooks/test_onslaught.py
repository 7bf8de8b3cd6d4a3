"""Nonsense by the thousand: no answer of 500 or more, no hang, a row for each 200 and none without, all of it ended."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webhooks.calls import FIRST, Call, an_event, over_a_socket
from tests.webhooks.onslaught import ROUND, Onslaught
from tests.webhooks.wire import assail

CALLS = 5000
CONNECTIONS = 300


@pytest.fixture
def onslaught(db_url: str, tmp_path: Path) -> Iterator[Onslaught]:
    onslaught = Onslaught(db_url, tmp_path)
    yield onslaught
    onslaught.close()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, CALLS // ROUND + 1))
def test_calls_of_nonsense(onslaught: Onslaught, seed: int) -> None:
    told = onslaught.round(seed)
    assert {"200", "400", "401", "415", "applied", "parked", "ignored"} <= told.keys()


@pytest.mark.long
def test_bytes_of_nonsense_on_a_socket(port: int, db) -> None:
    told = Counter[str]()
    for seed in range(CONNECTIONS):
        told += assail(port, random.Random(f"{seed} connection"))
    rows = db.execute("select count(*) from inbox_events").fetchone()[0]
    assert 0 < told["stored"] <= rows  # who went away without a word heard of none
    assert over_a_socket(port, Call(an_event(id="ev_last"), authorization=FIRST)).json == {"status": "stored"}
