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


def test_a_logo_takes_the_place_of_the_name_and_keeps_its_shape() -> None:
    merchant = dataclasses.replace(
        samples.MERCHANT, logo_url="https://boreal.example/logo.png", logo_alt="Boréal", logo_width=120, logo_height=32
    )
    html = render(kinds.invoice, kinds.invoice.samples["due"], "fr_CA", merchant=merchant).html
    assert 'alt="Boréal"' in html
    assert 'src="https://boreal.example/logo.png"' in html and 'width="120"' in html and 'height="32"' in html
    assert "wordmark" not in html.partition("<body")[2]
