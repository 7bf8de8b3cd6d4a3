"""The language of a customer's mail, and the choice that goes before all else."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tasks.language import choose_language
from tests.builders import Quittance, a_customer, an_event, an_invoice, mail_text

CHOICES = "select customer_id, locale, chosen_by from language_choices"
AUDIT = (
    "select actor, before->>'locale', after->>'locale' from audit_entries"
    " where object_type = 'language_choices' order by id"
)


def choose(quittance: Quittance, locale: str, by: str = "marie, from a mail") -> None:
    with Session(quittance.engine) as session, session.begin():
        choose_language(session, "cust_1", locale, by)


def test_a_customer_in_quebec_gets_english_once_it_was_chosen_and_french_before(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(locale="en-CA"), an_invoice(1, paid=6784)))
    choose(quittance, "en_CA")
    quittance.take(an_event(an_invoice(1, id="F-2", paid=6784)))
    assert [mail["Content-Language"] for mail in quittance.mails()] == ["fr-CA", "en-CA"]
    assert mail_text(quittance.mails()[1]).startswith("Hello Marie")


def test_french_that_was_chosen_goes_before_what_chargebee_says(quittance: Quittance) -> None:
    choose(quittance, "fr_CA")
    ontario = {"country": "CA", "state_code": "ON"}
    quittance.take(an_event(a_customer(locale="en-CA", billing_address=ontario), an_invoice(1, paid=6784)))
    assert [mail["Content-Language"] for mail in quittance.mails()] == ["fr-CA"]


def test_a_choice_is_kept_with_who_made_it_and_every_change_is_audited_once(quittance: Quittance) -> None:
    choose(quittance, "en_CA")
    choose(quittance, "en_CA", "somebody else, who changed nothing")
    choose(quittance, "fr_CA", "luc")
    assert quittance.rows(CHOICES) == [("cust_1", "fr_CA", "luc")]
    assert quittance.rows(AUDIT) == [("marie, from a mail", None, "en_CA"), ("luc", "en_CA", "fr_CA")]


def test_a_language_that_we_do_not_write_is_refused(quittance: Quittance) -> None:
    with pytest.raises(ValueError, match="fr_CA, en_CA"):
        choose(quittance, "de_DE")
    assert quittance.rows(CHOICES) == []
