"""How much memory the receiver's processes hold, and whether it grows: seen after every tenth of the events.

Memory is proportional (PSS): what processes share is divided among them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import linear_regression
from typing import NamedTuple

from bench import machine
from bench.posting import post
from bench.receivers import serving
from bench.stack import Stack, on_servers
from local.children import LocalError

_PART = 5000  # requests that are prepared at once


class Sample(NamedTuple):
    events: int
    greatest: float  # MB of the process that holds most, of those that serve
    all: float  # MB of all, the main process included


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench memory", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="kept open at once (%(default)s)")
    options = parser.parse_args(arguments)
    if options.events < 10:
        parser.error("--events must be 10 at least")
    return options


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    on_servers(lambda stack: measure(stack, options))


def measure(stack: Stack, options: argparse.Namespace) -> list[Sample]:
    print(" events   greatest of those that serve   all, MB")
    samples = []
    with serving(stack, "quittance") as receiver:
        sent = 0
        for tenth in range(1, 11):
            while (left := options.events * tenth // 10 - sent) > 0:
                part = min(left, _PART)
                answers = post(receiver.requests(part), receiver.port, stack.home, connections=options.connections)
                if refused := [each.status for each in answers if each.status != 200]:
                    raise LocalError(f"{len(refused)} events were not answered with 200, the first with {refused[0]}")
                sent += part
            serve = [machine.memory(pid) for pid in machine.children_of(receiver.pid)]
            sample = Sample(sent, max(serve), sum(serve) + machine.memory(receiver.pid))
            samples.append(sample)
            print(f"{sample.events:7} {sample.greatest:30.1f} {sample.all:9.1f}", flush=True)
    later = samples[1:]  # the first tenth warms up
    slope = linear_regression([s.events for s in later], [s.greatest for s in later]).slope
    greatest = max(s.greatest for s in samples)
    print(f"\ngreatest {greatest:.1f} MB; after warming up {100_000 * slope:+.2f} MB in 100,000 events")
    return samples
