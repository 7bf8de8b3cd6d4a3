"""What a person types into a form, as values of the site. What cannot be read is named, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from ..site import Site
from ..state import Body
from .show import Show

Values = dict[str, Any]
Option = tuple[str, str]  # what is sent, and what is read
LARGEST = 10**12  # cents: more is a slip of the hand
_AMOUNT = re.compile(r"(\d+)(?:[.,](\d{1,2}))?")
_THOUSANDS = re.compile(r"\d{1,3}([ ,.])\d{3}(?:\1\d{3})*(?:(?!\1)[.,]\d{1,2})?")
_TWO_WAYS = re.compile(r"\d{1,3}[.,]\d{3}")  # thousands in one language, a slip of the hand in the other
_MAIL = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")


class Unreadable(Exception):
    """Some fields cannot be read: field -> the word for its fault."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `default` is what stands in it before anybody has typed."""

    name: str
    kind: str = "text"  # text | mail | address | money | whole | choice | instant | yes | many
    required: bool = False
    options: Callable[[Site, Show, Body], Sequence[Option]] | None = None
    default: Callable[[Site, Show, Body], str] = lambda site, show, body: ""
    ahead: bool = False  # an instant that must be to come
    least: int = 0
    most: int = 100_000

    def read(self, given: str, site: Site, show: Show, body: Body) -> Any:
        """The value of what was typed; None where nothing was.

        Raises:
            ValueError: it cannot be read; the message is a word of the catalogue, after `fault.`.
        """
        text = " ".join(given.split())
        if self.kind == "yes":
            return bool(text)
        if not text:
            if self.required:
                raise ValueError("missing")
            return None
        if len(text) > 250:
            raise ValueError("long")
        return self._value(text, site, show, body)

    def _value(self, text: str, site: Site, show: Show, body: Body) -> Any:
        match self.kind:
            case "money":
                return amount_of(text)
            case "whole":
                return _whole(text, self.least, self.most)
            case "instant":
                at = _instant(text, site.zone)
                if self.ahead and at <= site.now:
                    raise ValueError("past")
                return at
            case "mail":
                if not _MAIL.fullmatch(text):
                    raise ValueError("mail")
            case "address":
                if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", text):
                    raise ValueError("address")
            case "choice":
                if self.options is None or text not in {option for option, _ in self.options(site, show, body)}:
                    raise ValueError("choice")
        return text


def read(fields: Sequence[Field], given: MultiDict[str, str], site: Site, show: Show, body: Body) -> Values:
    """The values of a form.

    Raises:
        Unreadable: one field or more cannot be read.
    """
    values: Values = {}
    faults: dict[str, str] = {}
    for field in fields:
        try:
            if field.kind == "many":
                values[field.name] = _many(given.getlist(field.name))
            else:
                values[field.name] = field.read(given.get(field.name, ""), site, show, body)
        except ValueError as fault:
            faults[field.name] = str(fault)
    if faults:
        raise Unreadable(faults)
    return values


def amount_of(text: str) -> int:
    """An amount in cents, typed in either language: `3 010,09 $`, `$3,010.09`, `3010`.

    `3,010` is three thousand to one reader and a slip of the hand to the other: it is not read.
    """
    bare = " ".join(text.replace("$", " ").split())
    if _TWO_WAYS.fullmatch(bare):
        raise ValueError("two_ways")
    if _THOUSANDS.fullmatch(bare):
        cents = re.search(r"[.,]\d{1,2}$", bare)
        bare = re.sub(r"\D", "", bare[: cents.start()] if cents else bare) + (cents[0] if cents else "")
    found = _AMOUNT.fullmatch(bare)
    if not found:
        raise ValueError("money")
    minor = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
    if not 0 < minor < LARGEST:
        raise ValueError("money")
    return minor


def _many(texts: list[str]) -> list[str]:
    if len(texts) < 2:
        raise ValueError("few")
    return texts


def _whole(text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ValueError("whole")
    return int(text)


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("instant") from None
