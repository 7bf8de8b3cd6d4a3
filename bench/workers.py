"""How many events a second a real Celery worker applies: two processes beside one, or batches beside an event a task.

The events are in the inbox, and what is to be said to the worker is in the broker, before it starts. Counting begins
when a part of them has been applied, so that it is warm.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from celery import Celery

from bench import events, machine
from bench.figures import Noise, ratios, spread, told
from bench.options import options_for
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers
from local.children import LocalError, wait_until

_WARM = 0.2  # of the events, before counting begins
_LONGEST = 300  # seconds


@dataclass(frozen=True)
class Side:
    """A way to work: so many processes, and a message for each event, or one to ring."""

    name: str
    processes: int
    event_a_task: bool = False


ONE, TWO = Side("1 process", 1), Side("2 processes", 2)
BATCHES, SINGLES = Side("in batches", 2), Side("event a task", 2, event_a_task=True)


@dataclass(frozen=True)
class Sample:
    rate: float
    worker: float  # processor time of the worker, milliseconds an event
    postgres: float  # the same of PostgreSQL
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("workers", __doc__)
    parser.add_argument("--events", type=int, default=3000, help="that each side applies (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options, ONE, TWO))
    title = "Events that a real worker applies, with one process and with two"
    return finish([result_of("workers", title, samples, at_least=1.6)], options.chart)


def result_of(name: str, title: str, samples: dict[Side, list[Sample]], *, at_least: float) -> Result:
    (limit, theirs), (ours, mine) = samples.items()
    rates = ratios([s.rate for s in mine], [s.rate for s in theirs])
    cpu = ratios([s.worker + s.postgres for s in mine], [s.worker + s.postgres for s in theirs])
    return Result(
        name,
        title,
        "events a second",
        {side.name: [s.rate for s in taken] for side, taken in samples.items()},
        [
            Judged(f"events: {ours.name} / {limit.name}", rates, at_least=at_least),
            Judged(f"CPU an event: {ours.name} / {limit.name}", cpu),
        ],
    )


def measure(stack: Stack, options: argparse.Namespace, limit: Side, ours: Side) -> dict[Side, list[Sample]]:
    """Both sides in turn; the ratio is ours over the other's."""
    given = events.many(options.events)
    print("side           events/s   CPU ms/event: worker   PostgreSQL   others before   others during")
    samples: dict[Side, list[Sample]] = {limit: [], ours: []}
    for repetition in range(options.reps):
        for side in (limit, ours) if repetition % 2 == 0 else (ours, limit):
            sample = _sample(stack, side, given, options.patience)
            samples[side].append(sample)
            print(
                f"{side.name:12} {sample.rate:10.0f} {sample.worker:22.2f} {sample.postgres:12.2f} "
                f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                flush=True,
            )
    print("\nmedian [least - greatest]")
    for side, found in samples.items():
        print(
            f"{side.name:12} {spread([s.rate for s in found])} events/s; CPU an event: worker "
            f"{spread([s.worker for s in found], 2)} ms, PostgreSQL {spread([s.postgres for s in found], 2)} ms"
        )
    print(told([s.noise for found in samples.values() for s in found]))
    return samples


# ---- one sample ------------------------------------------------------------------------------------------------------


def _sample(stack: Stack, side: Side, given: Sequence[events.Told], patience: float) -> Sample:
    with stack.database() as database_url:
        environment = stack.environment(database_url)
        events.fill(database_url, given)
        messages = _messages(side, database_url, given)
        before = machine.wait_for_quiet(patience)
        _send(environment, messages)
        with _worker(stack, side, environment) as worker, psycopg.connect(database_url, autocommit=True) as connection:
            start = _look(connection, stack, worker, at_least=int(len(given) * _WARM))
            others = machine.Others()
            end = _look(connection, stack, worker, at_least=len(given))
        count = end.ended - start.ended
        return Sample(
            rate=count / (end.at - start.at),
            worker=1000 * (end.worker - start.worker) / count,
            postgres=1000 * (end.postgres - start.postgres) / count,
            noise=Noise(before, others.share()),
        )


def _messages(side: Side, database_url: str, given: Sequence[events.Told]) -> list[tuple[str, list[str]]]:
    if not side.event_a_task:
        return [("tasks.apply_pending", [])]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update inbox_events set due_at = now() + interval '1 day'")  # no sweep shall find them
    return [("bench.apply_event", [each.id]) for each in given]


def _send(environment: dict[str, str], messages: Sequence[tuple[str, list[str]]]) -> None:
    app = Celery("bench", broker=environment["BROKER_URL"], set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": environment["BROKER_KEY_PREFIX"]}
    with app.connection_for_write() as broker, app.amqp.Producer(broker) as producer:
        for name, arguments in messages:
            app.send_task(name, arguments, queue="events", producer=producer, ignore_result=True)


@contextmanager
def _worker(stack: Stack, side: Side, environment: dict[str, str]) -> Iterator[int]:
    app = "bench.an_event_a_task" if side.event_a_task else "worker.app"
    command = f"celery -A {app} worker -Q events -c {side.processes} -n bench@%h -l WARNING"
    command += " --without-mingle --without-gossip --without-heartbeat"
    name = f"worker-{secrets.token_hex(4)}"
    with stack.process(*command.split(), environment=environment, answers=lambda: True, name=name) as child:
        yield child.pid


class _Seen(NamedTuple):
    at: float
    ended: int
    worker: float
    postgres: float


def _look(connection: psycopg.Connection, stack: Stack, worker: int, at_least: int) -> _Seen:
    """Wait until so many have ended; when that was, and what it has cost until then."""
    ended = 0

    def so_many() -> bool:
        nonlocal ended
        ((ended,),) = connection.execute("select count(*) from inbox_events where status <> 'pending'").fetchall()
        return bool(ended >= at_least)

    if not wait_until(so_many, _LONGEST, every=0.02):
        raise LocalError(f"{ended} of {at_least} events were applied in {_LONGEST} seconds")
    return _Seen(time.monotonic(), ended, machine.cpu_seconds(worker), machine.cpu_seconds(stack.postgres.pid))
