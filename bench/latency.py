"""How long after its answer an event is applied, at a rate that the system can bear.

First what it can bear is measured: events as fast as they are answered, until all are applied. Then events come at a
share of that, each at its own instant whatever the answers do (open loop), and for each is seen when it was answered
and when the transaction that applied it was committed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from bench import events, machine
from bench.burst import System, processing
from bench.figures import Noise, percentiles, told
from bench.options import options_for
from bench.posting import Answer, post
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers


@dataclass(frozen=True)
class Sample:
    """Milliseconds: from an event's instant to its answer, and from the answer to the commit that applied it."""

    rate: float
    answer: tuple[float, float]  # p50, p99
    applied: tuple[float, float]
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("latency", __doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each (%(default)s)")
    parser.add_argument("--share", type=float, default=0.3, help="of what it can bear (%(default)s)")
    parser.add_argument("--events", type=int, default=2_000, help="to find out what it can bear (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    result = Result(
        "latency",
        "From an event's instant to its answer, and from there until it is applied",
        "milliseconds",
        {
            "answer, p50": [s.answer[0] for s in samples],
            "answer, p99": [s.answer[1] for s in samples],
            "then applied, p50": [s.applied[0] for s in samples],
            "then applied, p99": [s.applied[1] for s in samples],
        },
        [
            Judged("p50 until applied / p50 of the answer", [s.applied[0] / s.answer[0] for s in samples], at_most=5),
            Judged("p99 until applied / p50 until applied", [s.applied[1] / s.applied[0] for s in samples], at_most=10),
        ],
    )
    return finish([result], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> list[Sample]:
    print("events/s   answer: p50   p99 ms   then applied: p50   p99 ms   others before   others during")
    samples = []
    for _ in range(options.reps):
        sample = _sample(stack, options)
        samples.append(sample)
        print(
            f"{sample.rate:8.0f} {sample.answer[0]:13.2f} {sample.answer[1]:8.2f} {sample.applied[0]:19.2f} "
            f"{sample.applied[1]:8.2f} {sample.noise.before:15.2f} {sample.noise.during:15.2f}",
            flush=True,
        )
    print()
    print(told([sample.noise for sample in samples]))
    return samples


def _sample(stack: Stack, options: argparse.Namespace) -> Sample:
    with processing(stack) as system:
        given = events.many(options.events + round(options.seconds * 1000))
        rate = options.share * _bearable(stack, system, given[: options.events])
        told_of = given[options.events :][: max(50, round(rate * options.seconds))]
        prepared = [system.request(each.raw) for each in told_of]
        before = machine.wait_for_quiet(options.patience)
        with machine.measured() as cost:
            answers = post(prepared, system.port, stack.home, rate=rate)
            system.wait_until_applied()
        applied = _applied_at(system.database_url)
    later = [(applied[each.id] - answer.answered) / 1000 for each, answer in zip(told_of, answers, strict=True)]
    first = [(answer.answered - answer.due) / 1000 for answer in answers]
    return Sample(rate, percentiles(first), percentiles(later), Noise(before, cost.others))


def _bearable(stack: Stack, system: System, given: Sequence[events.Told]) -> float:
    """Events a second, from the first request until all are applied."""
    answers: list[Answer] = post([system.request(each.raw) for each in given], system.port, stack.home)
    return len(given) / (system.wait_until_applied() - min(each.sent for each in answers) / 1e6)


def _applied_at(database_url: str) -> dict[str, float]:
    """When the transaction that ended each event was committed, in microseconds since 1970."""
    question = "select id, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000 from inbox_events"
    with psycopg.connect(database_url) as connection:
        return {id: float(at) for id, at in connection.execute(question)}
