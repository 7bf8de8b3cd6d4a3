"""How many webhooks a second the make-believe Chargebee sends to a receiver that does nothing.

The receiver is a process of its own. Every event is another body, made while it is sent, over connections kept open.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench import machine
from bench.figures import Noise, percentiles, spread, told
from bench.options import options_for
from bench.results import Judged, Result, finish
from bench.stack import ROOT
from local import children
from local.children import LocalError, free_port
from simulator import Endpoint, Simulation, Site
from simulator.population import populate


@dataclass(frozen=True)
class Sample:
    """Everything sent once. Times are in milliseconds, from before a connection is taken to the end of the answer."""

    rate: float
    p50: float
    p99: float
    cpu: float  # milliseconds of the sender for one event
    noise: Noise


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("webhooks", __doc__)
    parser.add_argument("--events", type=int, default=5000, help="sent in each of them (%(default)s)")
    parser.add_argument("--connections", type=int, default=4, help="sending at once (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    machine.require_linux()
    rates = [sample.rate for sample in measure(options)]
    judged = [Judged("webhooks a second", rates, at_least=1000, digits=0)]
    question = "Webhooks that the make-believe Chargebee sends"
    return finish([Result("webhooks", question, "events a second", {"sent": rates}, judged)], options.chart)


def measure(options: argparse.Namespace) -> list[Sample]:
    site = Site(seed=1)
    populate(site, max(1, options.events // 40), events=options.events)
    print(f"{len(site.events)} events over {options.connections} connections, {options.reps} repetitions.\n")
    print("events/s   p50 ms   p99 ms   CPU ms/event   others before   others during")
    samples = []
    with _sink() as url:
        for _ in range(options.reps):
            sample = _sample(site, url, options)
            samples.append(sample)
            print(
                f"{sample.rate:8.0f} {sample.p50:8.2f} {sample.p99:8.2f} {sample.cpu:14.3f} "
                f"{sample.noise.before:15.2f} {sample.noise.during:15.2f}",
                flush=True,
            )
    print("\nmedian [least - greatest]")
    print(
        f"{spread([s.rate for s in samples])} events/s, p50 {spread([s.p50 for s in samples], 2)} ms, "
        f"p99 {spread([s.p99 for s in samples], 2)} ms, CPU {spread([s.cpu for s in samples], 3)} ms/event"
    )
    print(told([sample.noise for sample in samples]))
    return samples


def _sample(site: Site, url: str, options: argparse.Namespace) -> Sample:
    before = machine.wait_for_quiet(options.patience)
    took: list[float] = []
    used = machine.cpu_seconds(os.getpid())
    with machine.measured() as cost:
        endpoint = Endpoint(url, "chargebee", "measured-here-only")
        with Simulation(site, [endpoint], connections=options.connections) as simulation:
            simulation.deliveries.watch = lambda attempt: took.append(1000 * attempt.answer.took)
            simulation.send_due()
            if simulation.deliveries.counts["accepted"] < len(site.events):
                raise LocalError(f"the sink did not accept everything: {dict(simulation.deliveries.counts)}")
    used = machine.cpu_seconds(os.getpid()) - used
    p50, p99 = percentiles(took)
    return Sample(
        len(took) / cost.seconds,
        p50,
        p99,
        1000 * used / len(took),
        Noise(before, cost.others),
    )


@contextmanager
def _sink() -> Iterator[str]:
    """Where the receiver that does nothing listens."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bench.sink", str(port)]
        child = children.spawn(command, output=log.fileno(), environment=environment, directory=ROOT)
        try:
            if not children.wait_until(lambda: _listens(port), 10, every=0.05):
                raise LocalError(f"the sink does not listen on port {port}; try again")
            yield f"http://127.0.0.1:{port}/hooks"
        finally:
            children.stop(child)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
