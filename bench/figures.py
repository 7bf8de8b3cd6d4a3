"""How figures are shown: the median with the least and the greatest, and ratios within one repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def spread(values: Sequence[float], digits: int = 0) -> str:
    """`1890 [1650 - 1978]`: the median, the least and the greatest; of one value, just that."""
    if not values:
        return "nothing measured"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{median(values):.{digits}f} [{min(values):.{digits}f} - {max(values):.{digits}f}]"


def ratios(ours: Sequence[float], limit: Sequence[float]) -> list[float]:
    """Ours over the limit's, repetition by repetition."""
    return [mine / theirs for mine, theirs in zip(ours, limit, strict=True)]


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th, each a value that was measured."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(0.99 * (len(ordered) - 1))]


@dataclass(frozen=True)
class Noise:
    """Processors that others used: just before a sample, and during it."""

    before: float
    during: float


def told(noises: Sequence[Noise]) -> str:
    before, during = [noise.before for noise in noises], [noise.during for noise in noises]
    return f"processors used by others before a sample: {spread(before, 2)}; during it: {spread(during, 2)}"
