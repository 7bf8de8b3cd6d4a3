"""Québec's taxes and proration, to the cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.pricing import share
from simulator.taxes import TAXES, TPS, TVQ, tax_by_line, tax_on


@pytest.mark.parametrize(
    ("amount", "tps", "tvq", "total"),
    [
        (5900, 295, 589, 6784),  # 5.885 is rounded up
        (261804, 13090, 26115, 301009),
        (150000, 7500, 14963, 172463),  # 149.625 is rounded up
        (10, 1, 1, 12),  # half a cent is a cent
        (9, 0, 1, 10),
        (0, 0, 0, 0),
    ],
)
def test_each_tax_is_rounded_half_up_on_the_amount_before_tax(amount: int, tps: int, tvq: int, total: int) -> None:
    assert (tax_on(amount, TPS), tax_on(amount, TVQ)) == (tps, tvq)
    assert amount + tps + tvq == total


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6))
def test_the_taxes_of_the_lines_add_up_to_the_tax_of_the_invoice(amounts: list[int]) -> None:
    for tax in TAXES.values():
        shares = tax_by_line(amounts, tax)
        assert sum(shares) == tax_on(sum(amounts), tax)
        assert all(abs(part - tax_on(amount, tax)) <= 1 for part, amount in zip(shares, amounts, strict=True))


@pytest.mark.parametrize(("part", "whole", "shared"), [(1, 2, 50), (1, 3, 33), (2, 3, 67), (1, 200, 1), (0, 7, 0)])
def test_a_share_of_a_hundred_cents_is_rounded_half_up(part: int, whole: int, shared: int) -> None:
    assert share(100, part, whole) == shared


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_the_two_shares_of_an_amount_add_up_to_it_within_a_cent(amount: int, part: int) -> None:
    assert share(amount, part, 10**6) + share(amount, 10**6 - part, 10**6) in (amount, amount + 1)
