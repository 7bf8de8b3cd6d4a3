"""Amounts are exact integers in a currency's minor unit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import NeedsAttention
from billing.money import Money, decimals_of


@pytest.mark.parametrize(
    ("money", "major"),
    [
        (Money(6784, "CAD"), "67.84"),
        (Money(-6784, "USD"), "-67.84"),
        (Money(1, "EUR"), "0.01"),
        (Money(0, "CAD"), "0.00"),
        (Money(6784, "JPY"), "6784"),
        (Money(6784, "KRW"), "6784"),
        (Money(6784, "KWD"), "6.784"),
        (Money(10**17 + 1, "CAD"), "1000000000000000.01"),
    ],
)
def test_whole_units_are_reckoned_by_the_currency_and_exact(money: Money, major: str) -> None:
    assert str(money.major) == major


@pytest.mark.parametrize(("currency", "digits"), [("CAD", 2), ("JPY", 0), ("TND", 3), ("XYZ", 2)])
def test_a_currency_has_its_number_of_digits(currency: str, digits: int) -> None:
    assert decimals_of(currency) == digits


def test_amounts_of_one_currency_add_subtract_and_compare() -> None:
    five, seven = Money(500, "CAD"), Money(700, "CAD")
    assert five + seven == Money(1200, "CAD")
    assert five - seven == Money(-200, "CAD")
    assert five < seven and five <= seven and five <= five and not five < five
    assert five and not five - five


@pytest.mark.parametrize(
    "reckon", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b]
)
def test_two_currencies_are_never_reckoned_together(reckon: Callable[[Money, Money], Any]) -> None:
    with pytest.raises(NeedsAttention, match="the currencies differ"):
        reckon(Money(1, "CAD"), Money(1, "JPY"))


def test_one_amount_in_two_currencies_is_not_the_same() -> None:
    assert Money(100, "CAD") != Money(100, "USD")


@given(st.integers(-(10**18), 10**18), st.sampled_from(["CAD", "JPY", "KWD"]))
def test_no_cent_is_lost_between_minor_and_whole_units(minor: int, currency: str) -> None:
    assert Money(minor, currency).major * 10 ** decimals_of(currency) == Decimal(minor)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("3010.09", "CAD", 301_009),
        ("3 010,09", "CAD", 301_009),
        ("3\u00a0010,09", "CAD", 301_009),
        ("100", "CAD", 10_000),
        ("0.5", "CAD", 50),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1_234),
    ],
)
def test_an_amount_is_read_as_people_type_it(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["", "0", "0.00", "-5", "1,234", "1.234,50", "1e3", "5 $", "½", "1.5.0", "٣"])
def test_what_may_mean_another_amount_is_refused(text: str) -> None:
    with pytest.raises(NeedsAttention):
        Money.parse(text, "CAD")


def test_an_amount_is_told_with_its_currency() -> None:
    assert [str(Money(6784, "CAD")), str(Money(500, "JPY"))] == ["67.84 CAD", "500 JPY"]
