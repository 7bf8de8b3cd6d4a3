"""A flood: many more calls at once than there are threads. All are answered, and what was taken is applied later."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import psycopg
import pytest

from bench import machine
from bench.posting import Answer, offer, request
from tests.conftest import eventually
from tests.webhooks.calls import CREDENTIALS, FIRST, PATH, an_event

CONNECTIONS = 320  # a receiver with four threads takes 16 in its stride, and has its best rate with them
EVENTS = 2000

pytestmark = [pytest.mark.long, pytest.mark.timeout(150)]
Flood = Callable[..., dict[str, Answer]]


@pytest.fixture
def flood(serve, tmp_path) -> Flood:
    """Post so many events at once; the answers by the events' ids. A connection that breaks or hears nothing fails."""
    port, numbers = serve(), count()

    def flood(events: int = EVENTS) -> dict[str, Answer]:
        ids = [f"ev_{next(numbers)}" for _ in range(events)]
        calls = [request(PATH, {"Authorization": FIRST}, an_event(id=id)) for id in ids]
        return dict(zip(ids, offer(calls, port, tmp_path, connections=CONNECTIONS), strict=True))

    return flood


def taken(answers: dict[str, Answer]) -> set[str]:
    """What was answered with 200; every other answer is a 503 that says when to come again."""
    others = {(each.status, each.retry_after) for each in answers.values() if each.status != 200}
    assert others <= {(503, 30)}
    return {id for id, each in answers.items() if each.status == 200}


def stored(db: psycopg.Connection) -> set[str]:
    return {id for (id,) in db.execute("select id from inbox_events")}


def test_under_a_flood_every_answer_is_200_or_503_and_what_was_taken_is_applied(flood, start, db):
    promised = taken(flood())
    assert promised and promised <= stored(db)

    worker = ("celery", "-A", "worker.app", "worker", "-P", "solo", "-Q", "events", "--without-mingle")
    start(*worker, name="worker", WEBHOOK_CREDENTIALS=CREDENTIALS)
    pending = "select count(*) from inbox_events where status = 'pending'"
    eventually(lambda: db.execute(pending).fetchone() == (0,), seconds=60)


def test_a_flood_over_a_database_that_takes_nothing_is_told_to_come_again_and_is_taken_then(flood, db):
    flood(16)
    with db.transaction():
        db.execute("lock table inbox_events in share mode")  # may be read, and written by nobody
        assert taken(flood(CONNECTIONS)) == set()
    promised = taken(flood())
    assert promised and promised <= stored(db)


def test_flood_after_flood_memory_stays_what_it_was(flood):
    (receiver,) = (pid for pid in machine.children_of(os.getpid()) if b"granian" in _command_of(pid))

    def held() -> float:
        return sum(map(machine.memory, machine.children_of(receiver)))

    flood()
    after_one = held()
    for _ in range(4):
        flood()
    assert held() < after_one + 10  # MB, of some fifty


def _command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
