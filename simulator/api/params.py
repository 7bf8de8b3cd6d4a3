"""What a call may be given: a table for each call, of the parameters' names and of what each may hold.

Names stand in the tables as on the wire: `comment`, `transaction[amount]`, `coupon_ids[]` for a list, and
`subscription_items[quantity][]` for a column of rows. A parameter that a table does not name is refused, so that
nothing a caller asks for is passed over in silence. An empty text clears a field: it is read as None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..state import Body
from ..terms import instant_of
from .errors import wrong

Reader = Callable[[str, str], Any]  # a parameter's name and its text -> its value
Table = Mapping[str, Reader]

_NAME = re.compile(r"(\w+)(?:\[([a-z_]\w*)\])?(?:\[(\d{1,4})\])?", re.ASCII)
_LAST_SECOND = 4102444799  # of 2099: beyond it no date is meant
MOST = 2**53 - 1  # the largest number that every JSON reader keeps exactly


def text(longest: int) -> Reader:
    def read(name: str, given: str) -> str | None:
        if len(given) > longest:
            raise wrong(name, f"should not be longer than {longest} characters")
        return given or None

    return read


def choice(*values: str) -> Reader:
    def read(name: str, given: str) -> str:
        if given not in values:
            raise wrong(name, f"{given[:50]} is not one of {', '.join(values)}")
        return given

    return read


def number(least: int = 0, most: int = MOST) -> Reader:
    def read(name: str, given: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", given, re.ASCII):
            raise wrong(name, f"{given[:50]} is not a whole number")
        if not least <= int(given) <= most:
            raise wrong(name, f"should be between {least} and {most}")
        return int(given)

    return read


def timestamp(name: str, given: str) -> int:
    """Seconds since the epoch, up to the end of 2099."""
    return int(number(0, _LAST_SECOND)(name, given))


def instant(name: str, given: str) -> datetime:
    """The same, as the actions of the site take it."""
    return instant_of(timestamp(name, given))


def flag(name: str, given: str) -> bool:
    return bool(choice("true", "false")(name, given) == "true")


def email(name: str, given: str) -> str | None:
    found: str | None = text(70)(name, given)
    if found and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", found):
        raise wrong(name, f"{found} is not an e-mail address")
    return found


def json_object(name: str, given: str) -> Body:
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise wrong(name, "is not a JSON object")
    return value


class required:
    """A reader whose parameter must be there, in every row where it is a column."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __call__(self, name: str, given: str) -> Any:
        if not given.strip():
            raise wrong(name, "cannot be blank")
        return self.reader(name, given)


# Tables that allow it keep whatever custom field they are given: this site has no list of the ones it knows.
CUSTOM_FIELDS: Table = {"cf_*": text(65000)}


def read(table: Table, wire: Iterable[tuple[str, str]]) -> Body:
    """What a request gives: a dict, a group of parameters being a dict in it, and rows a list of dicts."""
    given: Body = {}
    rows: dict[str, dict[int, Any]] = {}
    for name, value in wire:
        outer, inner, place, reader = _parse(table, name)
        found = reader(name, value)
        if place is not None:
            row = rows.setdefault(outer, {})
            if inner:
                row.setdefault(place, {})[inner] = found
            else:
                row[place] = found
        elif inner:
            given.setdefault(outer, {})[inner] = found
        else:
            given[outer] = found
    _check_required(table, given, rows)
    given.update((outer, [row[place] for place in sorted(row)]) for outer, row in rows.items())
    return given


def _parse(table: Table, name: str) -> tuple[str, str | None, int | None, Reader]:
    parts = _NAME.fullmatch(name)
    if parts:
        outer, inner, place = parts.groups()
        known = outer + (f"[{inner}]" if inner else "") + ("[]" if place else "")
        if known.startswith("cf_") and not inner and not place:
            known = "cf_*"
        if known in table:
            return outer, inner, int(place) if place else None, table[known]
    raise wrong(name[:100], "is no parameter of this call, or one that this site does not know")


def _check_required(table: Table, given: Body, rows: Mapping[str, Mapping[int, Any]]) -> None:
    for name in (name for name, reader in table.items() if isinstance(reader, required)):
        outer, inner, place = re.fullmatch(r"(\w+)(?:\[(\w+)\])?(\[\])?", name).groups()  # type: ignore[union-attr]
        if place and inner:
            for number, row in rows.get(outer, {}).items():
                if row.get(inner) is None:
                    raise wrong(f"{outer}[{inner}][{number}]", "cannot be blank")
        elif place:
            if not rows.get(outer):
                raise wrong(f"{outer}[0]", "cannot be blank")
        elif (given.get(outer, {}).get(inner) if inner else given.get(outer)) is None:
            raise wrong(name.removesuffix("[]"), "cannot be blank")


# Parts that several calls have.

COMMENT: Table = {"comment": text(300)}


def address(name: str) -> Table:
    """The parameters of an address."""
    longest = {"first_name": 150, "last_name": 150, "company": 250, "phone": 50, "line1": 150, "line2": 150}
    longest |= {"line3": 150, "city": 50, "state_code": 50, "state": 50, "zip": 20, "country": 50}
    fields: dict[str, Reader] = {field: text(length) for field, length in longest.items()}
    fields |= {"email": email, "validation_status": choice("not_validated", "valid", "partially_valid", "invalid")}
    return {f"{name}[{field}]": reader for field, reader in fields.items()}
