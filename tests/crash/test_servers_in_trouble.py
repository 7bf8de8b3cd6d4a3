"""Servers that stop again and again, hang, forget or are full: work goes on when they do, and within its bound."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from local.children import NOBODY
from local.postgres import Postgres
from local.valkey import Valkey
from tests.builders import Body, a_customer, a_subscription, an_event
from tests.conftest import eventually
from tests.crash.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.bound, pytest.mark.timeout(300)]

SEATS = "select seats from subscriptions where id = 'sub_1'"
MIB = 1024 * 1024


def of_seats(seats: int) -> Body:
    return an_event(a_customer(), a_subscription(seats, seats=seats))


def is_applied(stack: Stack, seats: int) -> bool:
    return stack.everything_ended() and stack.rows(SEATS) == [seats]


# ---- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def over_postgres(
    start: Callable[..., subprocess.Popen[bytes]],
    postgres: Postgres,
    broker_url: str,
    key_prefix: str,
    tmp_path: Path,
) -> Stack:
    """A stack over a database server that may be hurt."""
    return Stack(start, postgres.dsn("q"), tmp_path, BROKER_URL=broker_url, BROKER_KEY_PREFIX=key_prefix)


def processes_of(postgres: Postgres) -> list[int]:
    """The server's own, and one for each session and duty."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postgres.pid)], capture_output=True, text=True)
    return [postgres.pid, *map(int, found.stdout.split())]


@contextmanager
def frozen(postgres: Postgres) -> Iterator[None]:
    stopped = processes_of(postgres)

    def signal_all(what: signal.Signals) -> None:
        for pid in stopped:
            with suppress(ProcessLookupError):  # a session may end at any moment
                os.kill(pid, what)

    signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(signal.SIGCONT)


def let_files_grow_to(postgres: Postgres, most: int) -> None:
    """The kernel refuses to write beyond, as it does on a full disk; what starts later inherits it."""
    soft = "unlimited" if most == resource.RLIM_INFINITY else most
    who: dict[str, Any] = (
        {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    )  # whom the server runs as
    for pid in processes_of(postgres):
        done = subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={soft}:unlimited"], **who)
        # A session may end before its turn; its process is then no longer one of the server's.
        assert done.returncode == 0 or pid not in processes_of(postgres), f"prlimit of process {pid} failed"


def test_work_resumes_within_5_seconds_of_each_return_of_the_database(over_postgres: Stack, postgres: Postgres) -> None:
    stack = over_postgres
    receiver, worker, beat = stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: is_applied(stack, 1))
    for seats in range(2, 22):
        postgres.kill()
        assert stack.post(of_seats(100)) == 503
        postgres.start()
        assert stack.post(of_seats(seats)) == 200
        eventually(lambda seats=seats: stack.rows(SEATS) == [seats], seconds=5)
    assert stack.endings() == {"applied": 21}
    assert [process.poll() for process in (receiver, worker, beat)] == [None] * 3


def test_a_frozen_database_keeps_nobody_for_ever_and_all_goes_on_when_it_thaws(
    over_postgres: Stack, postgres: Postgres
) -> None:
    stack = over_postgres
    receiver, worker, beat = stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: is_applied(stack, 1))
    with frozen(postgres):
        assert stack.post(of_seats(2)) == 503
        eventually(lambda: "time limit" in stack.said("worker"), seconds=60)  # of a task that waits for its answer
    assert stack.post(of_seats(3)) == 200
    eventually(lambda: is_applied(stack, 3))
    assert [process.poll() for process in (receiver, worker, beat)] == [None] * 3


def a_large_event(number: int) -> Body:
    """Of 700 KB that cannot be made smaller."""
    noise = random.Random(number).randbytes(350_000).hex()
    return an_event(a_customer(id=f"cust_{number}"), a_subscription(id=f"sub_{number}", seats=number, note=noise))


def test_a_full_disk_is_503_and_no_part_of_a_row_until_there_is_room(over_postgres: Stack, postgres: Postgres) -> None:
    stack = over_postgres
    stack.receiver()
    worker = stack.worker()
    stack.beat()
    let_files_grow_to(postgres, 17 * MIB)  # above the 16 of a segment of the log
    answers = []
    while 503 not in answers:
        answers.append(stack.post(a_large_event(len(answers))))
        assert len(answers) < 60, "the disk is never full"
    answers.append(stack.post(a_large_event(len(answers))))
    stored = answers.count(200)
    assert answers == [200] * stored + [503] * 2
    assert stack.rows("select count(*) from inbox_events where length(raw) > 700000") == [stored]
    assert stack.rows("select count(*) from inbox_events") == [stored]

    let_files_grow_to(postgres, resource.RLIM_INFINITY)
    assert stack.post(a_large_event(stored)) == 200
    eventually(stack.everything_ended, seconds=90)
    assert stack.endings() == {"applied": stored + 1}
    assert stack.rows("select count(*) from subscriptions") == [stored + 1]
    assert worker.poll() is None


def test_a_log_that_cannot_be_written_loses_nothing_that_was_answered_200(
    over_postgres: Stack, postgres: Postgres
) -> None:
    stack = over_postgres
    stack.receiver()
    answers = {seats: stack.post(of_seats(seats)) for seats in range(1, 6)}
    let_files_grow_to(postgres, 8192)  # no page of the log finds room: the server gives up
    answers |= {seats: stack.post(of_seats(seats)) for seats in range(6, 9)}
    postgres.kill()
    postgres.start()
    answers[9] = stack.post(of_seats(9))
    assert answers == {seats: 503 if 6 <= seats < 9 else 200 for seats in range(1, 10)}
    stack.worker()
    eventually(lambda: is_applied(stack, 9))
    assert sum(stack.endings().values()) == 6


# ---- the broker ------------------------------------------------------------------------------------------------------


@pytest.fixture
def over_valkey(start: Callable[..., subprocess.Popen[bytes]], db_url: str, valkey: Valkey, tmp_path: Path) -> Stack:
    """A stack over a broker that may be hurt."""
    return Stack(start, db_url, tmp_path, BROKER_URL=valkey.url(), BROKER_KEY_PREFIX="")


def test_a_flushed_broker_costs_less_than_a_minute(over_valkey: Stack, valkey: Valkey) -> None:
    stack = over_valkey
    stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: is_applied(stack, 1))
    with stack.held_row("subscriptions", "sub_1") as waiting:
        answers = [stack.post(of_seats(seats)) for seats in range(2, 12)]
        eventually(waiting)
        with redis.Redis.from_url(valkey.url()) as broker:
            broker.flushall()
    assert answers == [200] * 10
    eventually(lambda: is_applied(stack, 11), seconds=60)
    with psycopg.connect(stack.db_url, autocommit=True) as connection:  # and nobody rings for this one
        connection.execute("update inbox_events set status = 'pending', starts = 0, due_at = now() where seq = 1")
    eventually(stack.everything_ended, seconds=60)
    eventually(lambda: stack.rows("select worker from heartbeats where at > now() - interval '20 s'"))


def test_a_broker_that_hangs_or_is_down_costs_no_call_and_work_goes_on_within_a_minute(
    over_valkey: Stack, valkey: Valkey
) -> None:
    stack = over_valkey
    receiver, worker, beat = stack.receiver(), stack.worker(processes=2), stack.beat()
    assert stack.post(of_seats(1)) == 200
    eventually(lambda: is_applied(stack, 1))
    os.kill(valkey.pid, signal.SIGSTOP)
    assert [stack.post(of_seats(seats)) for seats in range(2, 12)] == [200] * 10
    noticed = ("got no reply", "Timeout reading")  # as it happens to listen or to acknowledge
    eventually(lambda: any(words in stack.said("worker") for words in noticed), seconds=60)
    os.kill(valkey.pid, signal.SIGCONT)
    eventually(lambda: is_applied(stack, 11), seconds=60)
    valkey.kill()
    assert [stack.post(of_seats(seats)) for seats in range(12, 22)] == [200] * 10
    valkey.start()
    eventually(lambda: is_applied(stack, 21), seconds=60)
    assert [process.poll() for process in (receiver, worker, beat)] == [None] * 3


def test_a_worker_asked_to_stop_while_the_broker_is_away_stops(over_valkey: Stack, valkey: Valkey) -> None:
    stack = over_valkey
    workers = "select worker from heartbeats"
    one, other = stack.worker("told while it hangs"), stack.worker("told while it is down")
    eventually(lambda: len(stack.rows(workers)) == 2)
    os.kill(valkey.pid, signal.SIGSTOP)
    one.terminate()
    assert eventually(lambda: one.poll() is not None, seconds=75)
    os.kill(valkey.pid, signal.SIGCONT)
    valkey.kill()
    other.terminate()
    assert eventually(lambda: other.poll() is not None, seconds=75)
    assert (one.returncode, other.returncode, stack.rows(workers)) == (0, 0, [])
