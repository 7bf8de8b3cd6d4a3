"""The broker and the database are killed under a running system: nothing acknowledged is lost, and all comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from local.postgres import Postgres
from local.valkey import Valkey
from tests.builders import Body, a_subscription, an_event
from tests.conftest import eventually
from tests.crash.stack import Stack, kill

pytestmark = pytest.mark.timeout(180)

SEATS = "select seats from subscriptions where id = 'sub_1'"


def of_seats(seats: int) -> Body:
    return an_event(a_subscription(seats, seats=seats))


def everything_is_applied(stack: Stack, events: int, seats: int | None = None) -> None:
    endings = stack.endings()
    assert endings.keys() <= {"applied", "ignored"}  # ignored: a newer one came first
    assert sum(endings.values()) == events
    assert stack.rows(SEATS) == [seats or events]
    assert stack.rows("select sum(after - before) from seat_entries") == [seats or events]


@pytest.mark.long
def test_a_broker_that_is_killed_and_forgets_everything_costs_only_time(
    start: Callable[..., subprocess.Popen[bytes]], db_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    stack = Stack(start, db_url, tmp_path, BROKER_URL=valkey.url(), BROKER_KEY_PREFIX="")
    receiver, worker, beat = stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: stack.rows(SEATS) == [1])

    with stack.held_row("subscriptions", "sub_1") as waiting:
        assert stack.post(of_seats(2)) == 200
        eventually(waiting)  # a message that is not acknowledged yet, in the middle of its task
        valkey.kill()
    assert [stack.post(of_seats(seats)) for seats in range(3, 32)] == [200] * 29
    kill(receiver)  # what it still meant to ring for is gone too: only the sweep can find these
    valkey.start()
    eventually(stack.everything_ended, seconds=90)
    everything_is_applied(stack, 31)
    assert (worker.poll(), beat.poll()) == (None, None)


@pytest.fixture
def fragile(
    start: Callable[..., subprocess.Popen[bytes]],
    postgres: Postgres,
    broker_url: str,
    key_prefix: str,
    tmp_path: Path,
) -> Stack:
    """A stack over a database that may be killed."""
    return Stack(start, postgres.dsn("q"), tmp_path, BROKER_URL=broker_url, BROKER_KEY_PREFIX=key_prefix)


@pytest.mark.long
def test_a_database_that_is_killed_loses_nothing_that_was_answered_200(fragile: Stack, postgres: Postgres) -> None:
    stack = fragile
    receiver, worker, beat = stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: stack.rows(SEATS) == [1])

    answers = {}
    with pytest.raises(psycopg.OperationalError), stack.held_row("subscriptions", "sub_1") as waiting:
        for seats in range(2, 22):
            answers[seats] = stack.post(of_seats(seats))
        eventually(waiting)  # a worker is in the middle of a batch
        postgres.kill()  # the holder's own session with it
    answers[22] = stack.post(of_seats(22))
    assert httpx.get(f"{stack.receiver_url}/readyz", trust_env=False).status_code == 503
    postgres.start()
    answers[23] = stack.post(of_seats(23))
    assert answers == {seats: 503 if seats == 22 else 200 for seats in range(2, 24)}

    eventually(stack.everything_ended, seconds=90)
    everything_is_applied(stack, 22, seats=23)
    assert [process.poll() for process in (receiver, worker, beat)] == [None] * 3
