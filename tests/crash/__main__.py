"""Breaks the running system on purpose, for longer than the tests do: `./dev chaos`.

The first flag names a way to break it, and the module that knows how, which reads the rest. Whatever goes wrong is
printed with its seed and the one command that replays it. Exit code 1 where something went wrong.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from local.children import LocalError

# A flag: the module whose main() takes what follows it and gives the exit code, and what is asked for.
WAYS: dict[str, tuple[str, str]] = {
    "--histories": ("tests.crash.histories", "[N] [--seed S]: so many customers' lives, each compared with its end"),
}


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for; its exit code."""
    flag, *options = arguments or ["--help"]
    if flag in ("help", "-h", "--help"):
        print(f"./dev chaos FLAG [N] [--help]\n\n{_listed()}")
        return 0
    if flag not in WAYS:
        print(f"./dev chaos does not know {flag!r}. There is:\n\n{_listed()}", file=sys.stderr)
        return 2
    try:
        code: int = importlib.import_module(WAYS[flag][0]).main(options)
    except LocalError as problem:
        print(f"./dev chaos: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _listed() -> str:
    return "\n".join(f"    {flag:12} {question}" for flag, (_, question) in WAYS.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
