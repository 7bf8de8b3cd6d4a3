"""Amounts, dates and percentages, exactly as customers read them. U+00A0 is written out so that it can be seen."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from billing.money import Money
from emails import format


@pytest.mark.parametrize(
    ("amount", "french", "english"),
    [
        (Money(301009, "CAD"), "3\u00a0010,09\u00a0$", "$3,010.09"),
        (Money(5900, "CAD"), "59,00\u00a0$", "$59.00"),
        (Money(0, "CAD"), "0,00\u00a0$", "$0.00"),
        (Money(6784, "CAD"), "67,84\u00a0$", "$67.84"),
        (Money(5404222, "CAD"), "54\u00a0042,22\u00a0$", "$54,042.22"),
        (Money(-5900, "CAD"), "-59,00\u00a0$", "-$59.00"),
        (Money(301009, "USD"), "3\u00a0010,09\u00a0$\u00a0US", "US$3,010.09"),
        (Money(123456789012, "CAD"), "1\u00a0234\u00a0567\u00a0890,12\u00a0$", "$1,234,567,890.12"),
        (Money(9007199254740993, "CAD"), "90\u00a0071\u00a0992\u00a0547\u00a0409,93\u00a0$", "$90,071,992,547,409.93"),
        (Money(500, "JPY"), "500\u00a0¥", "JP¥500"),
        (Money(1234, "KWD"), "1,234\u00a0KWD", "KWD1.234"),
        (Money(1234, "IQD"), "1,234\u00a0IQD", "IQD1.234"),
    ],
)
def test_money(amount: Money, french: str, english: str) -> None:
    assert format.money(amount, "fr_CA") == french
    assert format.money(amount, "en_CA") == english


@pytest.mark.parametrize(
    ("day", "french", "english"),
    [
        (dt.date(2021, 2, 15), "15 févr. 2021", "Feb 15, 2021"),
        (dt.date(2021, 1, 11), "11 janv. 2021", "Jan 11, 2021"),
        (dt.date(2021, 5, 30), "30 mai 2021", "May 30, 2021"),
    ],
)
def test_date(day: dt.date, french: str, english: str) -> None:
    assert format.date(day, "fr_CA") == french
    assert format.date(day, "en_CA") == english


@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
def test_no_space_is_the_narrow_one_of_france(locale: str) -> None:
    shown = [format.money(Money(301009, "USD"), locale), format.percent(Decimal("0.09975"), locale)]
    shown += [format.number(1_234_567, locale), format.date(dt.date(2021, 2, 15), locale)]
    assert "\u202f" not in "".join(shown)


def test_a_month_has_its_whole_name() -> None:
    assert format.month(dt.date(2021, 3, 31), "fr_CA") == "mars 2021"
    assert format.month(dt.date(2021, 8, 1), "fr_CA") == "août 2021"
    assert format.month(dt.date(2021, 3, 31), "en_CA") == "March 2021"


def test_a_date_whose_year_is_said_nearby() -> None:
    assert format.day_and_month(dt.date(2021, 1, 15), "fr_CA") == "15 janv."
    assert format.day_and_month(dt.date(2021, 1, 15), "en_CA") == "Jan 15"


@pytest.mark.parametrize(
    ("fraction", "french", "english"),
    [(Decimal("0.09975"), "9,975\u00a0%", "9.975%"), (Decimal("0.05"), "5\u00a0%", "5%"), (0.05, "5\u00a0%", "5%")],
)
def test_percent(fraction: Decimal | float, french: str, english: str) -> None:
    assert format.percent(fraction, "fr_CA") == french
    assert format.percent(fraction, "en_CA") == english


def test_a_whole_number() -> None:
    assert format.number(1200, "fr_CA") == "1\u00a0200"
    assert format.number(1200, "en_CA") == "1,200"


def test_a_list_is_a_phrase() -> None:
    assert format.listed(["F-1", "F-2", "F-3"], "fr_CA") == "F-1, F-2 et F-3"
    assert format.listed(["F-1", "F-2"], "en_CA") == "F-1 and F-2"
    assert format.listed(["F-1"], "fr_CA") == "F-1"


@pytest.mark.parametrize(
    ("name", "french", "english"),
    [
        ("GST", "TPS", "GST"),
        ("TVQ", "TVQ", "QST"),
        ("HST (Ontario)", "TVH (Ontario)", "HST (Ontario)"),
        ("Sales tax", "Sales tax", "Sales tax"),
        ("GSTX", "GSTX", "GSTX"),
    ],
)
def test_a_canadian_tax_is_named_in_the_readers_language(name: str, french: str, english: str) -> None:
    assert format.tax_name(name, "fr_CA") == french
    assert format.tax_name(name, "en_CA") == english


@pytest.mark.parametrize(
    ("text", "french", "english"),
    [
        ("TPS : 123456789 RT0001", "TPS\u00a0:\u00a0123456789\u00a0RT0001", "GST:\u00a0123456789\u00a0RT0001"),
        ("QST 1234567890 TQ0001", "TVQ\u00a0:\u00a01234567890\u00a0TQ0001", "QST:\u00a01234567890\u00a0TQ0001"),
        ("  123 456 ", "123\u00a0456", "123\u00a0456"),
    ],
)
def test_a_tax_registration_is_labelled_in_the_readers_language(text: str, french: str, english: str) -> None:
    assert format.tax_number(text, "fr_CA") == french
    assert format.tax_number(text, "en_CA") == english


def test_a_card_brand_is_written_as_on_the_card() -> None:
    assert format.card_brand("american_express") == "American Express"
    assert format.card_brand("Visa") == "Visa"
    assert format.card_brand("other") is None
    assert format.card_brand(None) is None


def test_an_address_on_several_lines_becomes_one_and_keeps_its_postal_code_together() -> None:
    assert (
        format.one_line("1234 rue Test,\nbureau 001\n\nMontréal (Québec) H1H 1H1\n")
        == "1234 rue Test, bureau 001, Montréal (Québec) H1H\u00a01H1"
    )


def test_a_sentence_keeps_its_other_capitals() -> None:
    assert format.sentence("frais de la TPS") == "Frais de la TPS"
    assert format.sentence("") == ""
