"""Contrast, and the nearest colour that can be read."""

from __future__ import annotations

import pytest

from billing.colours import READABLE, contrast, is_colour, nearest_readable
from billing.merchant import COLOUR, COLOUR_DARK, PAPER, PAPER_DARK


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#abcdef", "#abcdef", 1.0),
    ],
)
def test_contrast_is_as_wcag_reckons_it_and_the_same_both_ways(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 2) == ratio
    assert contrast(one, other) == contrast(other, one)


def test_our_own_colours_can_be_read() -> None:
    assert contrast(COLOUR, PAPER) >= READABLE and contrast(COLOUR_DARK, PAPER_DARK) >= READABLE
    assert nearest_readable(COLOUR, PAPER) == COLOUR


@pytest.mark.parametrize("ground", [PAPER, PAPER_DARK, "#767676", "#ffffff", "#000000"])
@pytest.mark.parametrize("colour", ["#ffcc00", "#ff0000", "#ffffff", "#000000", "#3366ff", "#f3f1ec"])
def test_the_nearest_readable_colour_can_be_read_and_is_no_further_than_needed(colour: str, ground: str) -> None:
    found = nearest_readable(colour, ground)
    assert is_colour(found) and contrast(found, ground) >= READABLE
    assert found == colour or contrast(found, ground) < READABLE + 0.4


@pytest.mark.parametrize("text", ["", "0b5f52", "#0B5F52", "#0b5f5", "#0b5f52;", "red", "#0b5f52\n"])
def test_only_six_digits_in_lower_case_are_a_colour(text: str) -> None:
    assert not is_colour(text)
