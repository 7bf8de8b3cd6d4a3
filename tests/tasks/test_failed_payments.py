"""Payments that did not go through: the newest attempt is told, while the invoice is owed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator import Site
from simulator.pricing import MONTHLY
from tests.builders import (
    JANUARY,
    Body,
    Quittance,
    a_customer,
    a_link,
    a_transaction,
    an_event,
    an_invoice,
    in_every_order,
    mail_text,
    seconds,
)

MAILS = "select key, state from outbox where name = 'payment_failed' order by id"


def a_failure(version: int = 2, id: str = "txn_1", **fields: Body) -> Body:
    default = {
        "status": "failure",
        "payment_method": "card",
        "reference_number": None,
        "last4": "4242",
        "error_code": "card_declined",
        "error_text": "Expired card",
    }
    return a_transaction(version, id=id, pays={"F-1": 6784}, **(default | fields))


def owed(version: int = 2, *failures: str, **fields: Body) -> Body:
    links = [a_link(id, status="failure", txn_date=seconds(JANUARY) + n) for n, id in enumerate(failures or ("txn_1",))]
    retry = {"dunning_status": "in_progress", "next_retry_at": seconds(JANUARY + timedelta(days=7))}
    return an_invoice(version, linked_payments=links, **(retry | fields))


def test_a_failed_payment_is_told_with_its_reason_and_the_next_try(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), owed(), a_failure(), type="payment_failed"))
    assert quittance.rows(MAILS) == [("payment_failed:txn_1:0", "sent")]
    (mail,) = quittance.mails()
    words = mail_text(mail)
    assert "67,84\u00a0$" in mail["Subject"]
    for said in ("4242", "F-1", "18 janv. 2021", "carte expirée"):
        assert said in words


@pytest.mark.parametrize("event", [1, 2])
def test_the_same_failure_again_is_told_once(quittance: Quittance, event: int) -> None:
    first = an_event(a_customer(), owed(), a_failure())
    again = first | {"id": "ev_again"} if event == 1 else an_event(owed(3), a_failure(3))
    quittance.take(first, again)
    quittance.take(again)
    assert quittance.rows(MAILS) == [("payment_failed:txn_1:0", "sent")]


def test_in_whatever_order_it_is_heard_of_it_is_told_once(quittance: Quittance) -> None:
    for end in in_every_order(quittance, a_customer(), owed(), a_failure()):
        quittance.hurry()
        assert quittance.rows("select state from outbox where object_id = :id", id=f"txn_1{end}") == ["sent"]


def test_each_attempt_is_told_when_it_fails_and_an_old_one_not_after_a_newer(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), owed(), a_failure()))
    later = owed(4, "txn_1", "txn_2", "txn_3")
    second = a_failure(3, "txn_2", date=seconds(JANUARY) + 1)
    third = a_failure(4, "txn_3", date=seconds(JANUARY) + 2)
    quittance.take(an_event(later, third), an_event(second))
    assert quittance.rows(MAILS) == [("payment_failed:txn_1:0", "sent"), ("payment_failed:txn_3:0", "sent")]


@pytest.mark.parametrize(
    ("invoice", "transaction"),
    [
        (an_invoice(2, paid=6784), a_failure()),  # paid meanwhile
        (owed(2, status="voided", amount_due=0), a_failure()),
        (owed(2, deleted=True), a_failure()),
        (owed(), a_failure(payment_method="check")),  # what finance records by hand is finance's to tell
        (owed(), a_failure(status="in_progress")),
        (owed(), a_failure(status="late_failure")),
        (owed(), a_failure(type="authorization")),
        (owed(), a_failure(deleted=True)),
    ],
)
def test_what_needs_nothing_of_the_customer_is_not_told(quittance: Quittance, invoice: Body, transaction: Body) -> None:
    quittance.take(an_event(a_customer(), invoice, transaction))
    assert quittance.rows(MAILS) == []


def test_an_invoice_that_is_paid_before_the_mail_leaves_is_not_told_of(with_api: Quittance, site: Site) -> None:
    site.create_customer(id="cust_1", email="marie@test1234.example")
    site.add_card("cust_1", last4="0002")
    site.subscribe("cust_1", MONTHLY.id, 1, id="sub_1")
    (invoice,) = site.find("invoice")
    heard = list(site.events)
    assert invoice["amount_due"] > 0
    site.add_card("cust_1", last4="4242")
    site.pay_by_card(invoice["id"])  # of this no webhook came yet
    with_api.take(*heard)
    assert [state for _, state in with_api.rows(MAILS)] == ["suppressed"]
