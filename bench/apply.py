"""How many events a second two worker processes apply, beside bare psycopg that writes the same rows.

The pipeline is the real one: claim, merge, derivations, ledger, audit, outbox. The bare loop has as many processes, one
transaction an event, and knows beforehand what to write: that was recorded from a dry run. They take turns, each on a
database of its own with the same events, and the ratio is taken within each repetition.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError
from typing import NamedTuple

import psycopg
import structlog

from bench import events, limit, machine, tables, workers
from bench.events import Told
from bench.figures import Noise, ratios, spread, told
from bench.options import options_for
from bench.recording import Recorded, Tally, record, tally
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers
from local.children import LocalError
from models.session import engine_for
from tasks import inbox, registry
from tasks.world import Rules

SIDES = ("bare", "quittance")
RULES = Rules(effects_horizon=timedelta(days=36500))  # the events are of 2021, and their mails are to be queued
_WARM = inbox.BATCH  # events for each process, applied before anything is measured
_PATIENCE = 600  # seconds for anything that the other processes do
_STANDSTILL = 30  # seconds without one event applied, after which something is wrong


@dataclass(frozen=True)
class Sample:
    """One side, once."""

    rate: float
    applying: float  # processor time of the processes that apply, milliseconds an event
    postgres: float  # the same of PostgreSQL
    noise: Noise
    differing: dict[str, int]  # rows that the dry run has not, or has besides, by table


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("apply", __doc__)
    parser.add_argument("--events", type=int, default=3000, help="that each side applies (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="on each side (%(default)s)")
    parser.add_argument("--per-event", action="store_true", help="beside one Celery task an event, in a real worker")
    options = parser.parse_args(arguments)
    if options.events <= _WARM * options.processes:
        parser.error(f"--events must be more than {_WARM * options.processes}: so many are applied before")
    return options


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    if options.per_event:
        samples = on_servers(lambda stack: workers.measure(stack, options, workers.SINGLES, workers.BATCHES))
        title = "Events that a real worker applies, in batches and as a task each"
        return finish([workers.result_of("apply-per-event", title, samples, at_least=4)], options.chart)
    return finish([_result(on_servers(lambda stack: measure(stack, options)))], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    given = events.many(options.events)
    with stack.database() as database_url:
        events.fill(database_url, given)
        recorded = record(database_url, given, RULES)
        wanted = tables.rows_of(database_url)
    with stack.database() as database_url:
        events.fill(database_url, given)
        _explain(recorded, tally(database_url, RULES))
    print(
        f"{options.processes} processes on each side, {options.reps} repetitions.\n\n"
        "side      events/s   CPU ms/event: applying   PostgreSQL   others before   others during"
    )
    samples: dict[str, list[Sample]] = {side: [] for side in SIDES}
    for repetition in range(options.reps):
        for side in SIDES if repetition % 2 == 0 else reversed(SIDES):
            sample = _sample(stack, side, given, recorded, wanted, options)
            samples[side].append(sample)
            print(
                f"{side:9} {sample.rate:8.0f} {sample.applying:24.2f} {sample.postgres:12.2f} "
                f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                flush=True,
            )
    _summarise(samples)
    return samples


def _explain(recorded: Sequence[Recorded], tally: Tally) -> None:
    """Where the pipeline's time goes, by its statements in the dry run."""
    count = len(recorded)
    endings = Counter(each.status for each in recorded)
    print(f"{count} events of {len({each.history for each in recorded})} histories; " + _shown(endings, 1))
    print(
        f"A dry run by one process: {1000 * tally.seconds / count:.2f} ms an event, "
        f"{1000 * tally.in_database / count:.2f} of them waiting for statements."
    )
    print(f"Statements an event: {_shown(tally.statements, count)}.")
    print(f"Rows an event: {tally.rows.total() / count:.1f} ({_shown(tally.rows, count)}).")


def _shown(counted: Counter[str], per: int) -> str:
    digits = 0 if per == 1 else 2
    return ", ".join(f"{name} {number / per:.{digits}f}" for name, number in counted.most_common())


def _summarise(samples: dict[str, list[Sample]]) -> None:
    print("\nmedian [least - greatest]")
    for side in SIDES:
        print(
            f"{side:9} {spread([s.rate for s in samples[side]])} events/s; CPU an event: applying "
            f"{spread([s.applying for s in samples[side]], 2)} ms, PostgreSQL "
            f"{spread([s.postgres for s in samples[side]], 2)} ms"
        )
    print(told([s.noise for side in SIDES for s in samples[side]]))
    print(_compared(samples))


def _result(samples: dict[str, list[Sample]]) -> Result:
    ours, theirs = samples["quittance"], samples["bare"]
    cpu = ratios([s.applying + s.postgres for s in ours], [s.applying + s.postgres for s in theirs])
    return Result(
        "apply",
        "Events applied, beside bare psycopg that writes the same rows",
        "events a second",
        {side: [s.rate for s in samples[side]] for side in SIDES},
        [
            Judged("events: quittance / bare", ratios([s.rate for s in ours], [s.rate for s in theirs]), at_least=1.2),
            Judged("CPU an event: quittance / bare", cpu),
        ],
    )


def _compared(samples: dict[str, list[Sample]]) -> str:
    steps = Counter[str]()
    for sample in samples["quittance"]:
        steps.update(sample.differing)
    if not steps:
        return "Both sides left equal rows in every table, each time."
    return (
        "Both sides left equal objects, payments, open follow-ups and standing cancellations, each time. Two processes"
        " may meet a customer's events in another order: rows that tell of the way there differed, in all repetitions"
        f" together: {_shown(steps, 1)}."
    )


# ---- one sample ------------------------------------------------------------------------------------------------------


def _sample(
    stack: Stack,
    side: str,
    given: Sequence[Told],
    recorded: Sequence[Recorded],
    wanted: tables.Rows,
    options: argparse.Namespace,
) -> Sample:
    with stack.database() as database_url:
        warm = _WARM * options.processes
        events.fill(database_url, given[:warm])
        postgres = stack.postgres.pid
        log = stack.home / "apply.log"
        with _workers(side, database_url, log, recorded[:warm], recorded[warm:], options.processes) as workers:
            workers.meet()  # connected, and warm
            events.fill(database_url, given[warm:])
            left = _pending(database_url)
            before = machine.wait_for_quiet(options.patience)
            used = machine.cpu_seconds(postgres)
            with machine.measured() as cost:
                workers.meet()
                done = [workers.result() for _ in range(options.processes)]
            used = machine.cpu_seconds(postgres) - used
        seconds = max(each.end for each in done) - min(each.start for each in done)
        differing = tables.differences(wanted, tables.rows_of(database_url))
        if wrong := differing.keys() - (tables.IN_STEPS if side == "quittance" else set()):
            raise LocalError(f"{side} left other rows than the dry run in {', '.join(sorted(wrong))}: a fault of ours")
        return Sample(
            rate=left / seconds,
            applying=1000 * sum(each.cpu for each in done) / left,
            postgres=1000 * used / left,
            noise=Noise(before, cost.others),
            differing=differing,
        )


def _pending(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        ((count,),) = connection.execute("select count(*) from inbox_events where status = 'pending'").fetchall()
    return int(count)


# ---- the processes that apply ----------------------------------------------------------------------------------------


class Done(NamedTuple):
    """When a process began and ended, by the clock that all share, and what it used."""

    start: float
    end: float
    cpu: float


class _Workers:
    """Processes that apply, and the two points where they wait for one another and for us."""

    def __init__(
        self, side: str, database_url: str, log: Path, first: Sequence[Recorded], rest: Sequence[Recorded], count: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._gate = context.Barrier(count + 1)
        self._results: Queue[Done | str] = context.Queue()
        self._processes = []
        for number in range(count):
            arguments: tuple[object, ...] = (database_url, log, self._gate, self._results)
            if side == "bare":  # it claims nothing: whole histories are given to it
                arguments += tuple([e for e in part if e.history % count == number] for part in (first, rest))
            self._processes.append(context.Process(target=_work, args=(side, *arguments), daemon=True))

    def start(self) -> None:
        for process in self._processes:
            process.start()

    def meet(self) -> None:
        try:
            self._gate.wait(_PATIENCE)
        except BrokenBarrierError:
            raise LocalError(f"a process that applies could not: {self._results.get(timeout=5)}") from None

    def result(self) -> Done:
        result = self._results.get(timeout=_PATIENCE)
        if isinstance(result, str):
            raise LocalError(f"a process that applies could not: {result}")
        return result

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


@contextmanager
def _workers(
    side: str, database_url: str, log: Path, first: Sequence[Recorded], rest: Sequence[Recorded], count: int
) -> Iterator[_Workers]:
    workers = _Workers(side, database_url, log, first, rest, count)
    workers.start()
    try:
        yield workers
    finally:
        workers.end()


def _work(
    side: str, database_url: str, log: Path, gate: Barrier, results: Queue[Done | str], *shares: Sequence[Recorded]
) -> None:
    """One process: apply some events to be warm, meet the others twice, apply the rest."""
    with open(log, "a") as output:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
        try:
            if side == "bare":
                _bare(database_url, gate, results, *shares)
            else:
                _pipeline(database_url, gate, results)
        except Exception:
            output.flush()
            end = "".join(log.read_text().splitlines(keepends=True)[-5:])
            results.put(f"{traceback.format_exc()}\nThe end of its log is:\n{end}")
            gate.abort()


def _bare(
    database_url: str,
    gate: Barrier,
    results: Queue[Done | str],
    first: Sequence[Recorded],
    rest: Sequence[Recorded],
) -> None:
    with limit.connect(database_url) as connection:
        limit.apply(connection, first)
        gate.wait(_PATIENCE)
        gate.wait(_PATIENCE)
        start, used = time.monotonic(), time.process_time()
        limit.apply(connection, rest)
        results.put(Done(start, time.monotonic(), time.process_time() - used))


def _pipeline(database_url: str, gate: Barrier, results: Queue[Done | str]) -> None:
    engine = engine_for(database_url)
    registry.load()
    with psycopg.connect(database_url, autocommit=True) as connection:
        inbox.apply_pending(engine, RULES, seconds=0)  # one pass: a batch
        gate.wait(_PATIENCE)
        gate.wait(_PATIENCE)
        start, used = time.monotonic(), time.process_time()
        progress = start
        while connection.execute("select 1 from inbox_events where status = 'pending' limit 1").fetchone():
            if inbox.apply_pending(engine, RULES, seconds=5):
                progress = time.monotonic()
            elif time.monotonic() > progress + _STANDSTILL:
                raise TimeoutError(f"events are pending and none was applied for {_STANDSTILL} s")
            else:
                time.sleep(0.005)  # the others hold what is left
        results.put(Done(start, time.monotonic(), time.process_time() - used))
    engine.dispose()
