"""What is printed: one JSON document, or tables that fit 80 columns.

What comes from elsewhere may hold anything; nothing of it reaches a terminal that the terminal would obey.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import click

WIDTH = 80
GAP = 2
LONGEST_ID = 36  # letters of a word that a table shows whole: a UUID has as many

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
limited = click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest so many."
)


def _some_id(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("it is empty: give the id", ctx, param)
    return value


one_id = click.argument("id", metavar="ID", callback=_some_id)

# Control characters, invisible ones that turn text around, and halves of characters.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_BREAKS = re.compile(r"(?<=[_:/,;@.-])")

GOOD, WAITING, BAD = "green", "yellow", "red"
STATES = {
    **dict.fromkeys(("applied", "sent", "run", "paid", "succeeded", "active", "at head"), GOOD),
    **dict.fromkeys(("pending", "new", "sending", "scheduled", "awaiting", "partial", "warning", "behind"), WAITING),
    **dict.fromkeys(("parked", "failed", "held", "error", "taken_back"), BAD),
}


def called(words: str) -> str:
    """A verb as whoever runs this would type it: CALLED_AS says by which name the command was called."""
    return f"{os.environ.get('CALLED_AS') or 'quittance'} {words}".rstrip()


# ---- values ----------------------------------------------------------------------------------------------------------


def instant(value: datetime | None) -> str | None:
    """ISO 8601, UTC: 2021-02-15T14:30:00Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def plain(value: Any) -> Any:
    """A column's value as JSON has it."""
    if isinstance(value, datetime):
        return instant(value)
    return value.isoformat() if isinstance(value, date) else value


def cell(value: Any) -> str:
    """A value as a table shows it; an instant to the minute, UTC."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(plain(value))
    if _INSTANT.match(text):
        return text[:16].replace("T", " ")
    return harmless(text).replace("\n", " ")


def harmless(text: str) -> str:
    """The text without what a terminal would obey."""
    return _OBEYED.sub("\ufffd", text)


# ---- printing --------------------------------------------------------------------------------------------------------


def say_json(document: Any) -> None:
    """One JSON document on standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=plain)
    if _OBEYED.search(text) or not _can_say(text):
        text = json.dumps(document, indent=2, default=plain)
    click.echo(text)


def shown_body(body: Any) -> str:
    """A body for a terminal, pretty."""
    text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
    return harmless(text)


def say(text: str) -> None:
    click.echo(text)


def note(text: str) -> None:
    """A message beside the answer: on standard error."""
    click.echo(text, err=True)


def note_limit(limit: int) -> None:
    note(f"Only the newest {limit} are shown; --limit shows more.")


def note_shortened() -> None:
    note("The middle of very long ids is left out; --json has them whole.")


def _can_say(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


# ---- tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """`whole`: others are narrowed first, for this is what one copies, down to `least` as long as that is enough.

    `shortened`: a very long id loses its middle. `colours` go by the cell's text.
    """

    title: str
    right: bool = False
    whole: bool = False
    shortened: bool = False
    least: int = 10
    colours: Mapping[str, str] = field(default_factory=lambda: STATES)


def say_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    notes: Sequence[str | None] = (),
    empty: str = "None.",
) -> None:
    """Print rows under their titles; the note of a row goes below it. Cells that do not fit go on in the next line."""
    say("\n".join(lines_of(columns, rows, notes=notes)) if rows else empty)


def shortens(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> bool:
    """Whether a table of these rows does not show every id whole."""
    places = [place for place, column in enumerate(columns) if column.shortened]
    return any(shortened(text) != text for row in rows for text in (cell(row[place]) for place in places))


def lines_of(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    notes: Sequence[str | None] = (),
    width: int | None = None,
) -> Iterator[str]:
    cells = [
        [
            shortened(cell(value)) if column.shortened else cell(value)
            for column, value in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    room = width or _room()
    widths = _widths(columns, cells, room)
    yield from _lines(columns, [column.title.upper() for column in columns], widths, heading=True)
    for number, row in enumerate(cells):
        yield from _lines(columns, row, widths)
        if number < len(notes) and (told := notes[number]):
            yield from ("    " + line for line in wrapped(cell(told), room - 4))


def say_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    left = max(len(name) for name in facts)
    for name, value in facts.items():
        first, *more = wrapped(cell(value), _room() - left - GAP)
        say(f"{name.ljust(left)}{' ' * GAP}{_coloured(first, STATES.get(first))}")
        for line in more:
            say(" " * (left + GAP) + line)


def heading(text: str) -> None:
    say("\n" + click.style(text, bold=True))


def _room() -> int:
    """80 columns, or as many as the terminal has."""
    return max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else WIDTH


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    widths = [max(len(column.title), *(len(row[place]) for row in cells), 1) for place, column in enumerate(columns)]
    left = room - GAP * (len(columns) - 1)
    for whole, at_all_costs in ((False, False), (True, False), (False, True), (True, True)):
        while sum(widths) > left:
            able = [
                n
                for n, column in enumerate(columns)
                if column.whole is whole and widths[n] > (1 if at_all_costs else column.least)
            ]
            if not able:
                break
            widths[max(able, key=lambda n: widths[n])] -= 1
    return widths


def _lines(
    columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], *, heading: bool = False
) -> Iterator[str]:
    parts = [wrapped(text, width) for text, width in zip(row, widths, strict=True)]
    for number in range(max(len(part) for part in parts)):
        line = []
        for place, (column, text, part, width) in enumerate(zip(columns, row, parts, widths, strict=True)):
            piece = part[number] if number < len(part) else ""
            last = place == len(columns) - 1
            padded = piece.rjust(width) if column.right else piece if last else piece.ljust(width)
            colour = None if heading else column.colours.get(text)
            line.append(click.style(padded, bold=True) if heading else _coloured(padded, colour))
        yield (" " * GAP).join(line).rstrip()


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of this width; a word that is longer is broken after a mark. Nothing is left out."""
    lines = [""]
    for word in text.split(" "):
        gap = " " if lines[-1] else ""
        if len(lines[-1] + gap + word) <= width:
            lines[-1] += gap + word
            continue
        pieces = _BREAKS.split(word) if len(word) > width else [word]
        if lines[-1]:
            lines.append("")
        for piece in pieces:
            if lines[-1] and len(lines[-1] + piece) > width:
                lines.append("")
            while len(piece) > width:
                lines[-1], piece = piece[:width], piece[width:]
                lines.append("")
            lines[-1] += piece
    return lines


def shortened(text: str) -> str:
    """The text with the middle of very long words left out, which are ids such as sha256:0123..89ab."""
    return " ".join(word if len(word) <= LONGEST_ID else f"{word[:19]}..{word[-8:]}" for word in text.split(" "))


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _coloured(text: str, colour: str | None) -> str:
    return click.style(text, fg=colour) if colour and text.strip() else text
