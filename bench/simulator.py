"""How long the make-believe Chargebee takes to live a year with 10,000 customers, and how much memory that needs.

Each repetition is a process of its own, so that the memory measured is that of one site. All must come to the same
history. Afterwards events from all over the history are read, as webhook bodies.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench import machine
from bench.figures import Noise, spread, told
from bench.options import options_for
from bench.results import Judged, Result, finish
from local.children import LocalError
from simulator import Site
from simulator.population import populate
from simulator.webhooks import bytes_of

_READ = 20_000  # events that are read afterwards


@dataclass(frozen=True)
class Made:
    """What one process made, and what that took."""

    seconds: float
    cpu: float
    peak: float  # MiB
    customers: int
    events: int
    versions: int
    digest: str
    reading: float  # events read a second, as bytes


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options_for("simulator", __doc__, reps=3)
    parser.add_argument("--customers", type=int, default=10_000, help="who come to the site (%(default)s)")
    parser.add_argument("--years", type=float, default=1, help="that each of them lives there (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the site (%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> list[Result]:
    options = parse(arguments)
    machine.require_linux()
    made = measure(options)
    seconds, peaks = [one.seconds for one in made], [one.peak for one in made]
    judged = [
        Judged("seconds for all customers' years", seconds, at_most=60, digits=1),
        Judged("MiB at the most", peaks, at_most=1024, digits=0),
    ]
    return finish(
        [Result("simulator", "A year of all customers, made", "seconds", {"made": seconds}, judged)], options.chart
    )


def measure(options: argparse.Namespace) -> list[Made]:
    print(f"{options.customers} customers, years of each: {options.years:g}, {options.reps} repetitions.\n")
    print("seconds   CPU s   peak MiB    events   versions   events read/s   others before   others during")
    made, noises = [], []
    for _ in range(options.reps):
        before = machine.wait_for_quiet(options.patience)
        with machine.measured() as cost:
            one = _in_a_process(options)
        made.append(one)
        noises.append(Noise(before, cost.others))
        print(
            f"{one.seconds:7.1f} {one.cpu:7.1f} {one.peak:10.0f} {one.events:9} {one.versions:10} "
            f"{one.reading:15.0f} {before:15.2f} {cost.others:15.2f}",
            flush=True,
        )
    print("\nmedian [least - greatest]")
    print(
        f"{spread([one.seconds for one in made], 1)} s, {spread([one.peak for one in made])} MiB, "
        f"{spread([one.events / one.seconds for one in made])} events made a second, "
        f"{spread([one.reading for one in made])} read"
    )
    print(told(noises))
    if len({one.digest for one in made}) > 1:
        raise LocalError("the same seed made different histories: the simulator is not deterministic any more")
    return made


def _in_a_process(options: argparse.Namespace) -> Made:
    """Make a population in a fresh interpreter, which hashes with a seed of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(make, options.customers, options.years, options.seed).result()


def make(customers: int, years: float, seed: int) -> Made:
    site = Site(seed=seed)
    start, cpu = time.perf_counter(), time.process_time()
    populate(site, customers, years=years)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Made(
        seconds,
        cpu,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        len(site.ids("customer")),
        len(site.events),
        sum(len(site.versions.numbers(key)) for key in site.versions),
        *_reading(site),
    )


def _reading(site: Site) -> tuple[str, float]:
    """A digest of all events and of the bodies that were read, and how many of those a second."""
    records = site.event_records[:: max(1, len(site.events) // _READ)]
    start = time.perf_counter()
    bodies = [bytes_of(site.event(record.id)) for record in records]
    rate = len(records) / (time.perf_counter() - start)
    digest = hashlib.sha256()
    for record in site.event_records:
        digest.update(repr(record).encode())
    for body in bodies:
        digest.update(body)
    return digest.hexdigest(), rate
