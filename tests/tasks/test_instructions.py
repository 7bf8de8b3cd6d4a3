"""How to pay, told again when the way changes; and what finance hears of a new case."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.builders import JANUARY, Body, Quittance, a_customer, an_event, an_invoice, in_every_order, mail_text

MAILS = "select state from outbox where name = 'payment_instructions' order by id"
CASES = "select key, state from outbox where name = 'finance_new_case' order by id"


def by(method: str, version: int = 1, **fields: Any) -> Body:
    return a_customer(version, auto_collection="off", offline_payment_method=method, **fields)


@pytest.fixture
def owing(quittance: Quittance) -> Quittance:
    """A customer who was told how to pay an invoice by cheque."""
    quittance.move_clock(JANUARY)
    quittance.take(an_event(by("check"), an_invoice(1)))
    return quittance


def test_an_invoice_mail_says_how_to_pay_and_needs_no_instructions(owing: Quittance) -> None:
    owing.take(an_event(by("check", 2)), an_event(an_invoice(2)))
    assert owing.rows(MAILS) == []


def test_a_card_payer_who_switches_gets_the_invoice_mail_and_no_instructions_besides(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), an_invoice(1)))
    quittance.take(an_event(by("check", 2)))
    assert [mail["Subject"].split(",")[0] for mail in quittance.mails()] == ["Votre facture F-1"]


def test_who_changes_from_cheque_to_wire_is_told_how_to_pay(owing: Quittance) -> None:
    event = an_event(by("bank_transfer", 2))
    owing.take(event, event | {"id": "ev_again"}, an_event(by("bank_transfer", 3)))
    assert owing.rows(MAILS) == ["sent"]
    first, mail = owing.mails()
    assert mail["Subject"] == "Comment payer la facture F-1"
    assert "000-123-4" in mail_text(mail) and "67,84\u00a0$" in mail_text(mail)
    assert mail["In-Reply-To"] == first["Message-ID"]


def test_who_goes_back_from_card_to_wire_is_told_again(owing: Quittance) -> None:
    owing.take(an_event(a_customer(2, auto_collection="on")))
    assert owing.rows(MAILS) == []
    owing.take(an_event(by("bank_transfer", 3)))
    assert owing.rows(MAILS) == ["sent"]


def test_two_changes_in_quick_succession_are_one_mail(owing: Quittance) -> None:
    owing.take(an_event(by("bank_transfer", 2)), an_event(by("check", 3)))
    assert owing.rows(MAILS) == ["suppressed", "sent"]


def test_an_invoice_that_is_paid_before_the_mail_leaves_needs_none(owing: Quittance) -> None:
    owing.take(an_event(by("bank_transfer", 2, email=None)))
    owing.take(an_event(an_invoice(3, paid=6784)), an_event(by("bank_transfer", 3)))
    owing.hurry()
    assert owing.rows(MAILS) == ["suppressed"]


# ---- finance ---------------------------------------------------------------------------------------------------------


def test_finance_hears_of_a_case_once_with_whom_to_call_until_when(owing: Quittance) -> None:
    owing.take(an_event(an_invoice(2, paid=6784)))
    owing.take(an_event(an_invoice(3)), an_event(by("check", 4)))  # the cheque bounced: the same case
    assert owing.rows(CASES) == [("finance_new_case:F-1:0", "sent")]
    (mail,) = owing.mails(to_staff=True)
    words = mail_text(mail)
    assert mail["To"] == "finance@boreal.example" and "67,84\u00a0$" in mail["Subject"]
    for said in ("Société Test1234", "Marie", "marie@test1234.example", "10 févr. 2021"):
        assert said in words


def test_each_of_the_finance_team_gets_their_own(db_url: str, tmp_path: Path) -> None:
    quittance = Quittance(db_url, tmp_path, FINANCE_EMAILS="luc@boreal.example, zoe@boreal.example, LUC@boreal.example")
    quittance.take(an_event(by("check"), an_invoice(1)))
    assert sorted(mail["To"] for mail in quittance.mails(to_staff=True)) == ["luc@boreal.example", "zoe@boreal.example"]
    quittance.close()


def test_finance_hears_of_a_case_that_was_closed_before_they_heard_and_is_open_again(quittance: Quittance) -> None:
    quittance.post(an_event(by("check"), an_invoice(1)))
    quittance.take(an_event(an_invoice(2, paid=6784)))
    assert quittance.rows(CASES) == [("finance_new_case:F-1:0", "suppressed")]
    quittance.take(an_event(an_invoice(3)))  # the cheque bounced
    assert quittance.rows(CASES) == [("finance_new_case:F-1:0", "sent")]
    assert len(quittance.mails(to_staff=True)) == 1


def test_without_a_finance_team_nothing_is_queued(db_url: str, tmp_path: Path) -> None:
    quittance = Quittance(db_url, tmp_path, FINANCE_EMAILS="")
    quittance.take(an_event(by("check"), an_invoice(1)))
    assert quittance.rows(CASES) == []
    quittance.close()


def test_in_whatever_order_it_is_heard_of_finance_hears_of_a_case_once(quittance: Quittance) -> None:
    for end in in_every_order(quittance, by("check"), an_invoice(1), an_invoice(2)):
        assert quittance.rows("select state from outbox where key = :key", key=f"finance_new_case:F-1{end}:0") == [
            "sent"
        ]


def test_cases_of_long_ago_are_opened_quietly(db_url: str, tmp_path: Path) -> None:
    quittance = Quittance(db_url, tmp_path, EFFECTS_HORIZON="7 days")
    quittance.take(an_event(by("check"), an_invoice(1), at=datetime.now(UTC)))  # an invoice of 2021
    assert quittance.rows("select open from followups") == [True]
    assert [state for _, state in quittance.rows(CASES)] == ["suppressed"]
    quittance.close()
