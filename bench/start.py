"""How long the receiver takes from its start to its first answer, beside a minimal one on the same server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from bench import machine
from bench.figures import Noise, ratios, spread, told
from bench.options import options_for
from bench.receivers import serving
from bench.results import Judged, Result, finish
from bench.stack import Stack, on_servers

SIDES = ("minimal", "quittance")


@dataclass(frozen=True)
class Sample:
    seconds: float
    cpu: float  # seconds of all its processes until then
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    return options_for("start", __doc__, reps=9).parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    samples = on_servers(lambda stack: measure(stack, options))
    ours, theirs = samples["quittance"], samples["minimal"]
    result = Result(
        "start",
        "From the receiver's start to its first answer, beside a minimal one",
        "seconds",
        {side: [s.seconds for s in samples[side]] for side in SIDES},
        [
            Judged(
                "start: quittance / minimal", ratios([s.seconds for s in ours], [s.seconds for s in theirs]), at_most=2
            ),
            Judged("CPU until then: quittance / minimal", ratios([s.cpu for s in ours], [s.cpu for s in theirs])),
        ],
    )
    return finish([result], options.chart)


def measure(stack: Stack, options: argparse.Namespace) -> dict[str, list[Sample]]:
    print("side        seconds   CPU seconds   others before   others during")
    samples: dict[str, list[Sample]] = {side: [] for side in SIDES}
    for repetition in range(options.reps):
        for side in SIDES if repetition % 2 == 0 else reversed(SIDES):
            before = machine.wait_for_quiet(options.patience)
            with machine.measured() as cost, serving(stack, side) as receiver:
                used = machine.cpu_seconds(receiver.pid)
            sample = Sample(receiver.started_in, used, Noise(before, cost.others))
            samples[side].append(sample)
            print(
                f"{side:9} {sample.seconds:9.2f} {sample.cpu:13.2f} "
                f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                flush=True,
            )
    print("\nmedian [least - greatest]")
    for side in SIDES:
        print(f"{side:9} {spread([s.seconds for s in samples[side]], 2)} s")
    print(told([s.noise for side in SIDES for s in samples[side]]))
    return samples
