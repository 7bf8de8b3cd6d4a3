"""Breaks the running system on purpose, for longer than the tests do: `./dev chaos`.

The first flag names a way to break it, and the module that knows how, which reads the rest. Without one of these flags
real processes are killed: runs.py reads all of them. Whatever goes wrong is printed with its seed and the one command
that replays it. Exit code 1 where something went wrong.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

from local.children import LocalError

# A flag: the module whose main() takes what follows it and gives the exit code, and what is asked for.
WAYS: dict[str, tuple[str, str]] = {
    "--fuzz": ("tests.crash.fuzz", "[N] [--seed S]: so many calls of nonsense to the receiver"),
    "--pairs": ("tests.crash.pairs", "[--seed S]: deaths at two points, one after the other, for all pairs of them"),
    "--histories": ("tests.crash.histories", "[N] [--seed S]: so many customers' lives, each compared with its end"),
}
RUNS = "tests.crash.runs"
RUNS_TAKE = """[--runs N | --hours H] [--seed S] [--subscriptions N] [--kills N]
                 runs of real processes that live some weeks while they are killed"""


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for; its exit code."""
    flag, *options = arguments or ["--help"]
    if flag in ("help", "-h", "--help"):
        print(f"./dev chaos [FLAG] [--help]\n\n{_listed()}")
        return 0
    module = WAYS[flag][0] if flag in WAYS else RUNS
    try:
        code: int = importlib.import_module(module).main(options if flag in WAYS else arguments)
    except LocalError as problem:
        print(f"./dev chaos: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _listed() -> str:
    return "\n".join([f"    {RUNS_TAKE}", *(f"    {flag:12} {question}" for flag, (_, question) in WAYS.items())])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this has its processes ended too
    sys.exit(main(sys.argv[1:]))
