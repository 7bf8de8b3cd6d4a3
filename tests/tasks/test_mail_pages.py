"""What a mail leaves behind for its pages: signed links in it, and what it said beside its row."""

from __future__ import annotations

import dataclasses
import re

import pytest

from emails import kinds
from emails.said import Said, read
from tasks.couriers import couriers_of, signer_of
from tests.builders import Quittance, a_customer, a_subscription, an_event, an_invoice
from worker.settings import SettingsError


def test_what_a_sent_mail_said_is_kept_with_its_row(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    (document,) = quittance.rows("select said from outbox where kind = 'email'")
    said = read(document)
    assert isinstance(said, Said) and said.kind is kinds.invoice
    assert (said.invoice_id, said.context.total.minor, said.context.first_name) == ("F-1", 6784, "Marie")


def test_production_sends_no_mail_whose_links_lead_nowhere(quittance: Quittance) -> None:
    for missing in ("public_url", "secret_key"):
        with pytest.raises(SettingsError, match=missing.upper()):
            couriers_of(quittance.settings.model_copy(update={"env": "production", missing: ""}))


def test_without_an_address_of_ours_mails_carry_no_links(quittance: Quittance) -> None:
    assert signer_of(quittance.settings) is not None
    assert signer_of(quittance.settings.model_copy(update={"public_url": ""})) is None
    quittance.couriers = dataclasses.replace(quittance.couriers, signer=None)
    quittance.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    (mail,) = quittance.mails()
    assert not re.search(r"https?://[^\s\"]+/[mip]/", str(mail))
