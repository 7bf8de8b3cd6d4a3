"""Refunds: told once, whether the transaction or the credit note tells of the money."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Site
from simulator.pricing import MONTHLY
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_credit_note,
    a_customer,
    a_link,
    a_transaction,
    an_event,
    an_invoice,
    in_every_order,
    mail_text,
    seconds,
)

MAILS = "select key, state from outbox where name = 'refund_issued' order by id"


def a_refund(version: int = 3, **fields: Any) -> Body:
    default = {
        "id": "txn_9",
        "type": "refund",
        "payment_method": "card",
        "reference_number": None,
        "last4": "4242",
        "refunded_txn_id": "txn_1",
        "linked_credit_notes": [{"cn_id": "CN-1", "cn_reference_invoice_id": "F-1", "applied_amount": 1000}],
    }
    return a_transaction(version, 1000, **(default | fields))


def a_note(version: int = 3, status: str = "success", **fields: Any) -> Body:
    link = {"txn_id": "txn_9", "txn_amount": 1000, "txn_status": status, "txn_date": seconds(JANUARY)}
    return a_credit_note(version, type="refundable", status="refunded", linked_refunds=[link], **fields)


@pytest.fixture
def paid(quittance: Quittance) -> Quittance:
    quittance.take(an_event(a_customer(), an_invoice(1, paid=6784, linked_payments=[a_link()])))
    return quittance


def test_a_refund_is_told_with_where_it_goes_and_what_for(paid: Quittance) -> None:
    paid.take(an_event(a_refund(), a_note(), type="payment_refunded"))
    assert paid.rows(MAILS) == [("refund_issued:txn_9:0", "sent")]
    first, mail = paid.mails()
    words = mail_text(mail)
    assert "10,00\u00a0$" in mail["Subject"]
    for said in ("4242", "F-1", "CN-1", "11 janv. 2021"):
        assert said in words
    assert mail["In-Reply-To"] == first["Message-ID"]


def test_the_same_refund_again_is_told_once(paid: Quittance) -> None:
    event = an_event(a_refund(), a_note())
    paid.take(event, event | {"id": "ev_again"})
    paid.take(an_event(a_note(4)), an_event(a_refund(5)))
    assert paid.rows(MAILS) == [("refund_issued:txn_9:0", "sent")]


def test_in_whatever_order_it_is_heard_of_it_is_told_once(quittance: Quittance) -> None:
    for end in in_every_order(quittance, a_customer(), a_refund(), a_note()):
        quittance.hurry()
        assert quittance.rows("select state from outbox where object_id = :id", id=f"txn_9{end}") == ["sent"]


def test_a_refund_that_only_its_credit_note_tells_of_is_read_and_told(with_api: Quittance, site: Site) -> None:
    site.create_customer(id="cust_1", email="marie@test1234.example")
    site.add_card("cust_1")
    site.subscribe("cust_1", MONTHLY.id, 1, id="sub_1")
    with_api.take(*site.events)
    site.refund(site.find("invoice")[0]["id"], 1000)
    (note,) = site.find("credit_note")
    with_api.take(an_event(note))
    for _ in range(4):
        with_api.hurry()
    assert [state for _, state in with_api.rows(MAILS)] == ["sent"]
    assert "10,00\u00a0$" in with_api.mails()[-1]["Subject"]


@pytest.mark.parametrize(
    "snapshots",
    [
        [a_refund(status="failure")],
        [a_refund(status="in_progress")],
        [a_refund(deleted=True)],
        [a_refund(type="payment_reversal")],
        [a_note(status="failure")],
        # Chargebee calls a credit note refunded that was set against an invoice: no money went anywhere.
        [a_credit_note(3, type="refundable", status="refunded", linked_refunds=[])],
    ],
)
def test_what_moved_no_money_is_not_told(paid: Quittance, snapshots: list[Body]) -> None:
    paid.take(an_event(*snapshots))
    assert paid.rows(MAILS) == []


def test_a_refund_that_failed_before_the_mail_leaves_is_not_told(quittance: Quittance) -> None:
    quittance.take(an_event(a_refund()))  # nobody to write to yet
    quittance.take(an_event(a_refund(4, status="failure")), an_event(a_customer()))
    quittance.hurry()
    assert [state for _, state in quittance.rows(MAILS)] == ["suppressed"]
