"""How much memory the processes hold that take events and that apply them, and whether it grows.

Seen after every tenth of the events, when all that came are applied. Memory is proportional (PSS): what processes share
is divided among them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import linear_regression
from typing import NamedTuple

from bench import events, machine
from bench.burst import System, processing
from bench.options import options_for
from bench.posting import post
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers

_PART = 5000  # requests that are prepared at once
_VARIED = 1000  # events of whole histories at the start: all that can follow from an event follows once


class Sample(NamedTuple):
    """MB of the process that holds most: of those that serve, and of those that apply."""

    events: int
    serving: float
    applying: float


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("memory", __doc__, reps=None)
    parser.add_argument("--events", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="kept open at once (%(default)s)")
    options = parser.parse_args(arguments)
    if options.events < 10:
        parser.error("--events must be 10 at least")
    return options


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    results = []
    for name, who, most in (("serving", "A process of the receiver", 60), ("applying", "A process of the worker", 110)):
        held = [getattr(sample, name) for sample in samples]
        later = samples[len(samples) // 2 :]  # the first half warms up
        slope = linear_regression([s.events for s in later], [getattr(s, name) for s in later]).slope
        judged = [
            Judged(f"MB of a process {name}, at the most", [max(held)], at_most=most, digits=1),
            Judged(f"MB more of one {name} in 100,000 events (second half)", [100_000 * slope], at_most=1),
        ]
        bars = {f"after {sample.events:,}": [getattr(sample, name)] for sample in samples}
        results.append(Result(f"memory-{name}", f"{who}: memory as events come", "MB", bars, judged))
    return finish(results, options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> list[Sample]:
    print(" events   serving   applying: MB of the process that holds most")
    samples = []
    with processing(stack) as system:
        varied = min(_VARIED, options.events // 10)
        coming = events.changed_customers(options.events - varied, customers=200)
        _send(stack, system, [each.raw for each in events.many(varied)], options.connections)
        sent = varied
        for tenth in range(1, 11):
            while (left := options.events * tenth // 10 - sent) > 0:
                part = [next(coming) for _ in range(min(left, _PART))]
                _send(stack, system, part, options.connections)
                sent += len(part)
            system.wait_until_applied()
            sample = Sample(sent, _greatest(system.receiver), _greatest(system.worker))
            samples.append(sample)
            print(f"{sample.events:7} {sample.serving:9.1f} {sample.applying:10.1f}", flush=True)
    return samples


def _send(stack: Stack, system: System, bodies: Sequence[bytes], connections: int) -> None:
    post([system.request(body) for body in bodies], system.port, stack.home, connections=connections)


def _greatest(parent: int) -> float:
    return max(machine.memory(pid) for pid in machine.children_of(parent))
