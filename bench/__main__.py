"""`./dev bench NAME`: one benchmark; without a name, the list of them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from local.children import LocalError

BENCHMARKS = {
    "receive": ("bench.receive", "events taken by HTTP, beside a minimal durable Flask receiver, or a peer"),
    "start": ("bench.start", "from the receiver's start to its first answer, beside the minimal one"),
    "memory": ("bench.memory", "memory of the receiver's processes, and whether it grows"),
    "apply": ("bench.apply", "events applied by two processes, beside bare psycopg that writes the same rows"),
    "workers": ("bench.workers", "events applied by a real worker of two processes, beside one of one"),
    "burst": ("bench.burst", "a burst over HTTP until all is applied, beside a peer that applies inline"),
    "latency": ("bench.latency", "from an event's answer until it is applied, at a steady rate"),
    "growth": ("bench.growth", "the same questions on a database with little history and on one with much"),
    "webhooks": ("bench.webhooks", "events sent by the make-believe Chargebee to a receiver that does nothing"),
    "simulator": ("bench.simulator", "10,000 customers with a year of life each, made: time and memory"),
    "mail": ("bench.mail", "mails that one core writes in a second, and that one process sends"),
    "slow": ("bench.slow_clients", "answers of the receiver while slow clients hold its connections"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one benchmark; its exit code."""
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        print(f"./dev bench NAME [--help]\n\n{_listed()}")
        return 0
    name, *options = arguments
    if name not in BENCHMARKS:
        print(f"There is no benchmark {name!r}. There are:\n\n{_listed()}", file=sys.stderr)
        return 2
    try:
        importlib.import_module(BENCHMARKS[name][0]).main(options)
    except LocalError as problem:
        print(f"./dev bench {name}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _listed() -> str:
    return "\n".join(f"    {name:9} {question}" for name, (_, question) in BENCHMARKS.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
