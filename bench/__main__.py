"""`./dev bench NAME`: one benchmark, or all; without a name, the list of them."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.children import LocalError

from .results import Result, table
from .stack import running

BENCHMARKS = {
    "receive": ("bench.receive", "events taken by HTTP, beside a minimal durable Flask receiver, or a peer"),
    "start": ("bench.start", "from the receiver's start to its first answer, beside the minimal one"),
    "memory": ("bench.memory", "memory of processes that take and apply events, and whether it grows"),
    "apply": ("bench.apply", "events applied by two processes, beside bare psycopg that writes the same rows"),
    "workers": ("bench.workers", "events applied by a real worker of two processes, beside one of one"),
    "burst": ("bench.burst", "a burst over HTTP until all is applied, beside a peer that applies inline"),
    "latency": ("bench.latency", "from an event's answer until it is applied, at a steady rate"),
    "growth": ("bench.growth", "the same questions on a database with little history and on one with much"),
    "slow": ("bench.slow_clients", "answers of the receiver while slow clients hold its connections"),
    "webhooks": ("bench.webhooks", "events sent by the make-believe Chargebee to a receiver that does nothing"),
    "simulator": ("bench.simulator", "10,000 customers with a year of life each, made: time and memory"),
    "mail": ("bench.mail", "mails that one core writes in a second, and that one process sends"),
}

# All that `all` does, in the order of docs/performance.md; and with how little it does that when it shall be quick.
# Peers are left out then: they are installed from the network.
ROWS: list[tuple[str, str, str | None]] = [
    ("receive", "", "--reps 1 --patience 0 --requests 300"),
    ("receive", "--peer djstripe", None),
    ("apply", "", "--reps 1 --patience 0 --events 200"),
    ("apply", "--per-event", "--per-event --reps 1 --patience 0 --events 300"),
    ("burst", "--peer djstripe", "--peer none --reps 1 --patience 0 --events 300 --mixed"),
    ("burst", "--peer sync", None),
    ("latency", "", "--reps 1 --patience 0 --events 200 --seconds 2"),
    ("workers", "", "--reps 1 --patience 0 --events 400"),
    ("growth", "", "--times 1 --share 0.002"),
    ("memory", "", "--events 400"),
    ("slow", "", "--reps 1 --patience 0 --seconds 1 --slow 50"),
    ("start", "", "--reps 1 --patience 0"),
    ("webhooks", "", "--reps 1 --patience 0 --events 200"),
    ("simulator", "", "--reps 1 --patience 0 --customers 50"),
    ("mail", "", "--reps 1 --patience 0 --mails 4"),
]


def main(arguments: Sequence[str]) -> int:
    """Run one benchmark, or all; the exit code."""
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        print(f"./dev bench NAME [--help]\n\n{_listed()}")
        return 0
    name, *options = arguments
    if name == "all":
        return everything(options)
    if name not in BENCHMARKS:
        print(f"There is no benchmark {name!r}. There are:\n\n{_listed()}", file=sys.stderr)
        return 2
    try:
        run(name, options)
    except LocalError as problem:
        print(f"./dev bench {name}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(name: str, options: Sequence[str]) -> list[Result]:
    found: list[Result] = importlib.import_module(BENCHMARKS[name][0]).main(options)
    return found


def everything(arguments: Sequence[str]) -> int:
    """One after the other, and a table of what they found; 1 where one of them could not measure."""
    parser = argparse.ArgumentParser(
        prog="./dev bench all", description="All benchmarks, and a table of their figures."
    )
    parser.add_argument("--quick", action="store_true", help="so little of each that the figures mean nothing")
    parser.add_argument("--chart", type=Path, metavar="FOLDER", help="draw what is found, as SVG in this folder")
    chosen = parser.parse_args(arguments)
    results, failed = [], []
    with contextlib.ExitStack() as shared:
        if chosen.quick:
            shared.enter_context(running())  # the servers for all; else each has its own, as when it runs alone
        for name, usual, quick in ROWS:
            options = quick if chosen.quick else usual
            if options is None:
                continue
            given = options.split() + (["--chart", str(chosen.chart)] if chosen.chart else [])
            start = time.monotonic()
            print(f"\n==== {name} {options}", flush=True)
            try:
                results += run(name, given)
            except LocalError as problem:
                failed.append(f"{name} {options}".strip())
                print(f"{name}: {problem}", file=sys.stderr)
            print(f"==== {name}: {time.monotonic() - start:.1f} s", flush=True)
    print("\nAll of this was quick: its figures mean nothing." if chosen.quick else f"\n{table(results)}")
    if failed:
        print(f"\nNot measured: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _listed() -> str:
    listed = [f"    {name:9} {question}" for name, (_, question) in BENCHMARKS.items()]
    return "\n".join(
        [*listed, "    all       one after the other [--quick: so little that it only shows that they run]"]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
