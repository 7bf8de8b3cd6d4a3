"""Amounts, dates and percentages as customers read them, in French and English.

Everything that shows a value to a person goes through here, so that a mail, a page and a JSON `display` field agree.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import NumberPattern, format_decimal, format_percent, parse_pattern

from billing.money import Money, decimals_of

NBSP = "\u00a0"

# Babel's own fr_CA percentages drop the space when a pattern is given, so the pattern carries it.
_PERCENT = {"fr_CA": f"#,##0.###{NBSP}%", "en_CA": "#,##0.###%"}

# Canadian taxes have one official name in each language; Chargebee holds only the one the merchant typed.
_TAXES = (("GST", "TPS"), ("QST", "TVQ"), ("HST", "TVH"), ("PST", "TVP"))
_TAX_WORD = re.compile(r"\b(" + "|".join(name for pair in _TAXES for name in pair) + r")\b")

_BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "american_express": "American Express",
    "discover": "Discover",
    "jcb": "JCB",
    "diners_club": "Diners Club",
}


def money(amount: Money, locale: str) -> str:
    """An amount with its currency: `3 010,09 $` or `$3,010.09`; spaces in French are U+00A0.

    The decimals are those of the minor unit that `Money` counts in, so nothing is ever rounded.
    """
    pattern = _money_pattern(locale, decimals_of(amount.currency))
    return str(pattern.apply(amount.major, _place(locale), currency=amount.currency, currency_digits=False))


def date(day: dt.date, locale: str) -> str:
    """A date: `15 févr. 2021` or `Feb 15, 2021`."""
    return format_date(day, "medium", locale=_place(locale))


def day_and_month(day: dt.date, locale: str) -> str:
    """A date whose year is said nearby: `15 janv.` or `Jan 15`."""
    return format_skeleton("MMMd", day, locale=_place(locale))


def month(day: dt.date, locale: str) -> str:
    """The month of a date: `mars 2021` or `March 2021`."""
    return format_skeleton("yMMMM", day, locale=_place(locale))


def percent(fraction: Decimal | float, locale: str) -> str:
    """A fraction as a percentage: 0.09975 is `9,975 %` or `9.975%`."""
    return format_percent(fraction, _PERCENT[locale], locale=locale)


def number(count: int, locale: str) -> str:
    """A whole number: `1 200` or `1,200`."""
    return format_decimal(count, locale=locale)


def listed(items: Sequence[str], locale: str) -> str:
    """Items as a phrase: `A, B et C` or `A, B and C`."""
    return format_list(list(items), style="standard", locale=locale)


def tax_name(name: str, locale: str) -> str:
    """A tax under its name in the reader's language: GST is TPS in French. Other names stay as they are."""
    here = {pair[_side(locale)] for pair in _TAXES}
    other = {pair[1 - _side(locale)]: pair[_side(locale)] for pair in _TAXES}
    return _TAX_WORD.sub(lambda found: found[0] if found[0] in here else other[found[0]], name)


def tax_number(text: str, locale: str) -> str:
    """A registration as configured (`TPS 123456789 RT0001`), its label and colon in the reader's language."""
    label = re.match(r"([A-Z]{3})\b\s*:?\s*", text)
    number = NBSP.join(text[label.end() if label else 0 :].split())
    if not label:
        return number
    return f"{tax_name(label[1], locale)}{NBSP if locale.startswith('fr') else ''}:{NBSP}{number}"


def card_brand(code: str | None) -> str | None:
    """A card's brand as printed on it, from Chargebee's `card_type`; None for a brand nobody would recognise."""
    if code is None:
        return None
    return _BRANDS.get(code.lower().replace(" ", "_"))


def sentence(text: str) -> str:
    """The text with its first letter as a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> str:
    """The text with its spaces made such that no line ends there."""
    return text.replace(" ", NBSP)


def one_line(text: str) -> str:
    """An address that was configured on several lines, on one, its postal code in one piece."""
    joined = ", ".join(part.strip().rstrip(",") for part in text.splitlines() if part.strip())
    return re.sub(r"\b([A-Z]\d[A-Z]) (\d[A-Z]\d)\b", rf"\1{NBSP}\2", joined)


@cache
def _place(locale: str) -> Locale:
    return Locale.parse(locale)


@cache
def _money_pattern(locale: str, decimals: int) -> NumberPattern:
    pattern = parse_pattern(_place(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (decimals, decimals)
    return pattern


def _side(locale: str) -> int:
    return 1 if locale.startswith("fr") else 0
