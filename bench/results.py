"""What a benchmark found: figures beside what is wanted of them, as lines, as rows of a table and as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median

from bench.figures import spread


@dataclass(frozen=True)
class Judged:
    """A figure of which something is wanted: so much at the least, or at the most. Its median counts."""

    what: str
    values: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None
    digits: int = 2

    @property
    def wanted(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    @property
    def reached(self) -> bool:
        middle = median(self.values)
        return middle >= (self.at_least or middle) and middle <= (self.at_most or middle)

    @property
    def found(self) -> str:
        return spread(self.values, self.digits)

    def __str__(self) -> str:
        if not self.wanted:
            return f"{self.what} = {self.found}"
        return f"{self.what} = {self.found}, wanted {self.wanted}{'' if self.reached else ': NOT REACHED'}"


@dataclass(frozen=True)
class Result:
    """One question and its answer: values in one unit, by what they are of, and what is judged of them."""

    name: str  # of its chart: letters, digits and dashes
    question: str
    unit: str
    bars: Mapping[str, Sequence[float]]
    judged: Sequence[Judged] = field(default=())


def finish(results: list[Result], folder: Path | None) -> list[Result]:
    """Say how each figure stands to what is wanted; draw each result into this folder, where one is given."""
    print()
    for result in results:
        for each in result.judged:
            print(each)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{result.name}.svg"
            file.write_text(chart(result))
            print(f"Drawn: {file}")
    return results


def table(results: Sequence[Result]) -> str:
    """All that is judged, as a table in Markdown."""
    rows = ["| benchmark | what | median [least - greatest] | wanted |", "|---|---|---|---|"]
    for result in results:
        for each in result.judged:
            found = each.found if each.reached else f"**{each.found}**"
            rows.append(f"| {result.name} | {each.what} | {found} | {each.wanted} |")
    return "\n".join(rows)


# ---- the chart -------------------------------------------------------------------------------------------------------

_WIDTH, _LEFT, _RIGHT = 720, 190, 110  # all, for the names, for the figures
_ROW, _BAR = 34, 18
_STYLE = """
    text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #16212b }
    .question { font-weight: 600 } .muted { font-size: 12px; fill: #5b6670 }
    .bar { fill: #b9d6cd } .ours { fill: #0b5f52 } .range { stroke: #5b6670; stroke-width: 1.5 }
    .card { fill: #ffffff; stroke: #e4e0d6 }
    @media (prefers-color-scheme: dark) {
      text { fill: #eef2f1 } .muted { fill: #a3afb6 } .bar { fill: #2f5850 } .ours { fill: #6fd3bd }
      .range { stroke: #a3afb6 } .card { fill: #192127; stroke: #2b363e }
    }"""


def chart(result: Result) -> str:
    """Bars as long as the medians, with a line from the least to the greatest, as SVG for light and dark pages."""
    longest = max(max(values) for values in result.bars.values()) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    top = 46
    body = []
    for row, (name, values) in enumerate(result.bars.items()):
        middle, y = median(values), top + row * _ROW
        ours = " ours" if name.startswith("quittance") or len(result.bars) == 1 else ""
        body += [
            f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="bar{ours}" x="{_LEFT}" y="{y}" width="{middle * scale:.1f}" height="{_BAR}" rx="3"/>',
            f'<line class="range" x1="{_LEFT + min(values) * scale:.1f}" x2="{_LEFT + max(values) * scale:.1f}" '
            f'y1="{y + _BAR / 2}" y2="{y + _BAR / 2}"/>',
            f'<text x="{_LEFT + max(values) * scale + 8:.1f}" y="{y + 14}">{_short(middle)}</text>',
        ]
    bottom = top + len(result.bars) * _ROW + 8
    for line, each in enumerate(result.judged):
        body.append(f'<text class="muted" x="16" y="{bottom + line * 18 + 4}">{escape(str(each))}</text>')
    height = bottom + len(result.judged) * 18 + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(result.question)}">\n<style>{_STYLE}\n</style>\n'
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>\n'
        f'<text class="question" x="16" y="26">{escape(result.question)}</text>\n'
        f'<text class="muted" x="{_WIDTH - 16}" y="26" text-anchor="end">{escape(result.unit)}</text>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
