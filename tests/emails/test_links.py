"""Links in mails: what opens them, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from emails.links import LIFETIME, ExpiredLink, Links, Purpose, Signer, Ticket, UnknownLink

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TICKET = Ticket(mail=42, issued_at=NOW, invoice="F-10428")
signer = Signer("https://billing.boreal.example", "a-secret-key-of-the-tests-0123456789")
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_says_what_it_was_made_with(purpose: Purpose) -> None:
    found = signer.read(purpose, signer.token(purpose, TICKET), NOW)
    assert (found.mail, found.issued_at) == (42, NOW)
    assert found.invoice == ("F-10428" if purpose == "invoice" else None)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_opens_no_page_of_another_purpose(purpose: Purpose) -> None:
    token = signer.token(purpose, TICKET)
    for other in set(PURPOSES) - {purpose}:
        with pytest.raises(UnknownLink):
            signer.read(other, token, NOW)


def test_a_token_lasts_for_180_days_to_the_second() -> None:
    token = signer.token("invoice", TICKET)
    assert timedelta(days=180) == LIFETIME
    assert signer.read("invoice", token, NOW + LIFETIME)
    with pytest.raises(ExpiredLink):
        signer.read("invoice", token, NOW + LIFETIME + timedelta(seconds=1))


def test_a_token_of_which_one_letter_was_changed_is_unknown() -> None:
    token = signer.token("invoice", TICKET)
    for place, letter in enumerate(token[:-1]):  # the last one carries bits that are not looked at
        changed = token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        with pytest.raises(UnknownLink):
            signer.read("invoice", changed, NOW)


@pytest.mark.parametrize("token", ["", ".", "x.y", "é", "A" * 513, "WzEsMl0." + "A" * 43, "\0", "[1,2]"])
def test_what_is_no_token_is_unknown(token: str) -> None:
    with pytest.raises(UnknownLink):
        signer.read("mail", token, NOW)


def test_another_key_signs_other_tokens() -> None:
    other = Signer(signer.public_url, "another-secret-key-of-the-tests-0123")
    with pytest.raises(UnknownLink):
        other.read("mail", signer.token("mail", TICKET), NOW)


def test_links_are_absolute_and_lead_to_the_other_language() -> None:
    french, english = signer.links(TICKET, "fr_CA"), signer.links(TICKET, "en_CA")
    assert french.other_language and french.other_language.startswith("https://billing.boreal.example/m/")
    assert french.other_language.endswith("?lang=en")
    assert english.other_language and english.other_language.endswith("?lang=fr")
    assert french.pdf and french.pdf.startswith("https://billing.boreal.example/i/") and french.pdf.endswith("/pdf")
    assert french.preferences and french.preferences.startswith("https://billing.boreal.example/p/")
    assert signer.links(Ticket(42, NOW), "fr_CA").pdf is None
    assert Links() == Links(other_language=None, pdf=None, preferences=None)


def test_a_token_fits_a_line_of_a_mail_and_a_signer_shows_no_key() -> None:
    link = signer.links(TICKET, "fr_CA").pdf
    assert link and len(link) < 140
    assert "secret" not in repr(signer)
