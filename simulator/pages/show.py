"""Amounts, instants and links as the reader of the pages sees them, in French or English."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal
from flask import url_for
from markupsafe import Markup, escape

from ..pricing import CURRENCY
from ..terms import instant_of
from .words import Words

LOCALES = {"fr": "fr_CA", "en": "en_CA"}


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in cents, in a sentence."""

    minor: int


@dataclass(frozen=True, slots=True)
class Link:
    """An object of the site, in a sentence."""

    kind: str
    id: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an object, in a sentence."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things, in a sentence: `key.one` and `key.many` of the catalogue."""

    key: str
    number: int


Fact = Amount | Count | Link | Status | datetime | int | str


class Show:
    """What a page shows, in one language and the site's time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.words = Words(language)
        self._locale = LOCALES[language]
        self._zone = zone

    def money(self, minor: int | None, currency: str = CURRENCY) -> str:
        """An amount: `3 010,09 $` or `$3,010.09`."""
        return format_currency(Decimal(minor or 0) / 100, currency, locale=self._locale)

    def plain(self, minor: int) -> str:
        """An amount as it is typed into a field: `3010,09` or `3010.09`."""
        return format_decimal(Decimal(minor) / 100, "0.00", locale=self._locale)

    def number(self, count: int) -> str:
        """A whole number: `1 200` or `1,200`."""
        return format_decimal(count, locale=self._locale)

    def date(self, at: int | datetime | None) -> str:
        """A day of the site's time zone: `10 févr. 2021`; a dash where there is none."""
        return format_date(self._local(at), "medium", locale=self._locale) if at else "–"

    def instant(self, at: int | datetime | None) -> str:
        """A day and its time: `10 févr. 2021, 15 h 40`."""
        if not at:
            return "–"
        return f"{self.date(at)}, {format_time(self._local(at), 'short', locale=self._locale)}"

    def field(self, at: int | datetime) -> str:
        """An instant as a datetime-local field holds it."""
        return f"{self._local(at):%Y-%m-%dT%H:%M}"

    def iso(self, at: int | datetime) -> str:
        """An instant for machines that read the page."""
        return self._local(at).isoformat(timespec="seconds")

    def link(self, kind: str, id: str, text: str | None = None) -> Markup:
        """A link to the page of an object."""
        return Markup('<a href="{}">{}</a>').format(url_for(f"sim.{PAGE_OF[kind]}", id=id), text or id)

    def fact(self, fact: Fact) -> Markup:
        """One fact of a sentence, escaped."""
        match fact:
            case Amount(minor):
                return escape(self.money(minor))
            case Count(key, number):
                return escape(self.words.count(key, number, number=self.number(number)))
            case Link(kind, id, text):
                return self.link(kind, id, text)
            case Status(kind, value):
                word = self.words.status(kind, value)
                return escape(word[0].lower() + word[1:])
            case datetime():
                return escape(self.instant(fact))
            case int():
                return escape(self.number(fact))
        return escape(fact)

    def name(self, name: str) -> Markup:
        """A long name of the provider's, which may go on on the next line after each `_`."""
        return Markup("_<wbr>").join(name.split("_"))

    def sentence(self, key: str, **facts: Fact) -> Markup:
        """A sentence of the catalogue with its facts in place, each escaped."""
        text = Markup(self.words(key))  # noqa: S704 (the catalogue is ours)
        return text.format(**{name: self.fact(fact) for name, fact in facts.items()})

    def json(self, body: object) -> str:
        """A body as the API writes it, indented."""
        return json.dumps(body, ensure_ascii=False, indent=2)

    def _local(self, at: int | datetime) -> datetime:
        return (at if isinstance(at, datetime) else instant_of(at)).astimezone(self._zone)


# The page on which an object of a kind is seen.
PAGE_OF = {"customer": "customer", "subscription": "subscription", "invoice": "invoice", "event": "event"}
