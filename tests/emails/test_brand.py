"""A merchant's own colours take the place of ours, in light and in dark."""

from __future__ import annotations

import dataclasses

from billing.merchant import COLOUR, COLOUR_DARK
from emails import kinds, samples
from emails.render import render


def test_a_mail_is_in_the_brands_colours_and_in_no_other() -> None:
    merchant = dataclasses.replace(samples.MERCHANT, colour="#1d4b8f", colour_dark="#8fb8f5")
    ours = render(kinds.invoice, kinds.invoice.samples["due"], "fr_CA", merchant=samples.MERCHANT).html
    theirs = render(kinds.invoice, kinds.invoice.samples["due"], "fr_CA", merchant=merchant).html
    assert COLOUR in ours and COLOUR_DARK in ours
    assert "#1d4b8f" in theirs and "#8fb8f5" in theirs
    assert COLOUR not in theirs and COLOUR_DARK not in theirs
