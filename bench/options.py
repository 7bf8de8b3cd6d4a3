"""The options that most benchmarks take."""

from __future__ import annotations

import argparse
from pathlib import Path


def options_for(name: str, about: str | None, *, reps: int | None = 5) -> argparse.ArgumentParser:
    """A parser with what is taken by all, and by those that repeat and wait for a quiet machine."""
    made = argparse.ArgumentParser(prog=f"./dev bench {name}", description=about)
    made.add_argument("--chart", type=Path, metavar="FOLDER", help="also draw what is found, as SVG in this folder")
    if reps:
        made.add_argument("--reps", type=int, default=reps, help="repetitions of each side (%(default)s)")
        made.add_argument(
            "--patience", type=float, default=10, help="seconds to wait for a quiet machine (%(default)s)"
        )
    return made
