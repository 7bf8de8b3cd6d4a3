"""Shares of an amount, to the cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.pricing import share


@pytest.mark.parametrize(("part", "whole", "shared"), [(1, 2, 50), (1, 3, 33), (2, 3, 67), (1, 200, 1), (0, 7, 0)])
def test_a_share_of_a_hundred_cents_is_rounded_half_up(part: int, whole: int, shared: int) -> None:
    assert share(100, part, whole) == shared


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_the_two_shares_of_an_amount_add_up_to_it_within_a_cent(amount: int, part: int) -> None:
    assert share(amount, part, 10**6) + share(amount, 10**6 - part, 10**6) in (amount, amount + 1)
