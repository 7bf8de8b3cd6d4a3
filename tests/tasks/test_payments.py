"""Payments: what each transaction is to the books, and which invoices it paid."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.builders import (
    JANUARY,
    Quittance,
    a_customer,
    a_link,
    a_transaction,
    an_event,
    an_invoice,
    in_every_order,
    of_order,
)

PAYMENTS = "select id, status, amount, unused from payments order by id"
APPLIED = "select transaction_id, invoice_id, applied from payment_applications order by 1, 2"


def test_a_cheque_pays_its_invoice(quittance: Quittance) -> None:
    quittance.take(an_event(an_invoice(1)), an_event(a_transaction(2, pays={"F-1": 6784})))
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 6784, 0)]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]
    assert quittance.rows("select kind, currency, method, reference, received_on, customer_id from payments") == [
        ("payment", "CAD", "check", "001482", date(2021, 1, 11), "cust_1")
    ]


def test_the_same_payment_twice_is_recorded_once(quittance: Quittance) -> None:
    event = an_event(an_invoice(1), a_transaction(2, pays={"F-1": 6784}))
    quittance.take(event)
    audits = quittance.rows("select count(*) from audit_entries")
    quittance.take(event, event | {"id": "ev_again"})
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]
    assert quittance.rows("select count(*) from audit_entries") == audits


def test_a_part_leaves_the_rest_owed(quittance: Quittance) -> None:
    quittance.take(
        an_event(
            an_invoice(2, paid=3000, linked_payments=[a_link(applied=3000)]),
            a_transaction(2, amount=3000, pays={"F-1": 3000}),
        )
    )
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 3000, 0)]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 3000)]
    assert quittance.rows("select amount_due from invoices") == [3784]


@pytest.mark.parametrize("stated", [216, None])
def test_what_was_paid_too_much_stays_visible(quittance: Quittance, stated: int | None) -> None:
    quittance.take(an_event(a_transaction(1, amount=7000, pays={"F-1": 6784}, amount_unused=stated)))
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 7000, 216)]


def test_one_cheque_pays_several_invoices(quittance: Quittance) -> None:
    quittance.take(
        an_event(an_invoice(1), an_invoice(1, id="F-2", total=1000)),
        an_event(a_transaction(2, amount=8000, pays={"F-1": 6784, "F-2": 1000})),
    )
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 8000, 216)]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784), ("txn_1", "F-2", 1000)]


def test_a_refund_is_a_payment_of_its_own_that_pays_nothing(quittance: Quittance) -> None:
    refund = a_transaction(
        3, id="txn_2", amount=6784, type="refund", refunded_txn_id="txn_1", linked_invoices=[], reference_number=None
    )
    refunded = a_transaction(
        3, pays={"F-1": 6784}, linked_refunds=[{"txn_id": "txn_2", "txn_amount": 6784, "txn_status": "success"}]
    )
    quittance.take(an_event(a_transaction(2, pays={"F-1": 6784})), an_event(refund, refunded))
    assert quittance.rows("select id, kind, amount, unused, refunded, refund_of from payments order by id") == [
        ("txn_1", "payment", 6784, 0, 6784, None),
        ("txn_2", "refund", 6784, 0, 0, "txn_1"),
    ]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]


def test_a_refund_that_failed_gave_nothing_back(quittance: Quittance) -> None:
    links = [{"txn_id": "txn_2", "txn_amount": 6784, "txn_status": "failure"}]
    quittance.take(an_event(a_transaction(3, linked_refunds=links)))
    assert quittance.rows("select refunded, unused from payments") == [(0, 6784)]


def test_a_payment_that_failed_first_and_then_came_through_is_one_payment(quittance: Quittance) -> None:
    quittance.take(an_event(a_transaction(1, status="failure", pays={"F-1": 6784})))
    assert quittance.rows(PAYMENTS) == [("txn_1", "failed", 6784, 0)]
    assert quittance.rows(APPLIED) == []
    quittance.take(an_event(a_transaction(2, pays={"F-1": 6784})))
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 6784, 0)]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]


@pytest.mark.parametrize("how", [{"status": "late_failure"}, {"status": "voided"}, {"deleted": True}])
def test_a_payment_taken_back_pays_nothing_any_more(quittance: Quittance, how: dict[str, Any]) -> None:
    quittance.take(
        an_event(an_invoice(1, paid=6784, linked_payments=[a_link()])), an_event(a_transaction(2, pays={"F-1": 6784}))
    )
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]
    quittance.take(an_event(a_transaction(3, pays={"F-1": 6784}, **how)))
    assert quittance.rows(PAYMENTS) == [("txn_1", "taken_back", 6784, 0)]
    assert quittance.rows(APPLIED) == []


def test_a_payment_known_from_its_invoice_only_has_a_row_with_what_is_known(quittance: Quittance) -> None:
    quittance.take(an_event(an_invoice(1, paid=6784, linked_payments=[a_link(txn_amount=7000)])))
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 7000, 216)]
    assert quittance.rows("select customer_id, currency, method, received_on from payments") == [
        ("cust_1", "CAD", None, date(2021, 1, 11))
    ]
    assert quittance.rows(APPLIED) == [("txn_1", "F-1", 6784)]
    quittance.take(an_event(a_transaction(1, amount=7000, pays={"F-1": 6784})))
    assert quittance.rows("select method, reference from payments") == [("check", "001482")]
    assert quittance.rows(PAYMENTS) == [("txn_1", "succeeded", 7000, 216)]


def test_attempts_that_failed_are_listed_on_an_invoice_and_pay_nothing(quittance: Quittance) -> None:
    tries = [a_link("txn_1", status="failure"), a_link("txn_2", status="timeout"), a_link("txn_3")]
    quittance.take(an_event(an_invoice(1, paid=6784, linked_payments=tries)))
    assert [(id, status) for id, status, _, _ in quittance.rows(PAYMENTS)] == [
        ("txn_1", "failed"),
        ("txn_2", "failed"),
        ("txn_3", "succeeded"),
    ]
    assert quittance.rows(APPLIED) == [("txn_3", "F-1", 6784)]


@pytest.mark.parametrize("type", ["authorization", "a word of next year"])
def test_what_moves_no_money_records_nothing(quittance: Quittance, type: str) -> None:
    event = an_event(a_transaction(1, type=type, pays={"F-1": 6784}))
    quittance.take(event)
    assert quittance.ending(event) == ("applied", None)
    assert quittance.rows(PAYMENTS) == [] and quittance.rows(APPLIED) == []


@pytest.mark.parametrize("listed", [True, False])
def test_a_payment_in_another_currency_is_parked_and_leaves_nothing(quittance: Quittance, listed: bool) -> None:
    links = [a_link()] if listed else []
    quittance.take(an_event(an_invoice(1, paid=6784, linked_payments=links)))
    books = quittance.rows(PAYMENTS), quittance.rows(APPLIED)
    wrong = an_event(a_transaction(2, pays={"F-1": 6784}, currency_code="USD"))
    quittance.take(wrong)
    status, reason = quittance.ending(wrong)
    assert status == "parked"
    assert reason == "invoice F-1 is in CAD, payment txn_1 in USD; void one in Chargebee, then replay"
    assert (quittance.rows(PAYMENTS), quittance.rows(APPLIED)) == books
    assert quittance.rows("select count(*) from transactions") == [0]


# ---- whatever the order ----------------------------------------------------------------------------------------------

STORIES = {
    "part, then the rest, by two cheques": [
        an_invoice(1),
        a_transaction(2, amount=3000, pays={"F-1": 3000}),
        an_invoice(3, paid=3000, linked_payments=[a_link("txn_1", 3000)]),
        an_invoice(5, paid=6784, linked_payments=[a_link("txn_1", 3000), a_link("txn_2", 3784)]),
    ],
    "a cheque is taken off the invoice": [
        an_invoice(1, paid=6784, linked_payments=[a_link()]),
        a_transaction(2, pays={"F-1": 6784}),
        an_invoice(4, linked_payments=[]),
    ],
    "a cheque is taken off, and only the invoice says so": [
        an_invoice(1),
        a_transaction(2, pays={"F-1": 6784}),
        an_invoice(4, linked_payments=[]),
    ],
    "an attempt vanishes from the list": [
        an_invoice(1, linked_payments=[a_link(status="failure")]),
        an_invoice(2, linked_payments=[]),
        a_customer(1),
    ],
    "a cheque bounces": [
        an_invoice(1, paid=6784, linked_payments=[a_link()]),
        a_transaction(2, pays={"F-1": 6784}),
        a_transaction(3, pays={"F-1": 6784}, deleted=True),
    ],
    "one cheque for two invoices, moved from one to the other": [
        an_invoice(1, paid=6784, linked_payments=[a_link()]),
        an_invoice(3, linked_payments=[]),
        an_invoice(3, id="F-2", paid=6784, linked_payments=[a_link()]),
        a_transaction(2, pays={"F-1": 6784}),
    ],
    "an invoice is deleted": [
        an_invoice(1, paid=6784, linked_payments=[a_link()]),
        a_transaction(2, pays={"F-1": 6784}),
        an_invoice(3, deleted=True, linked_payments=[a_link()]),
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_the_books_are_the_same_in_every_order(quittance: Quittance, story: str) -> None:
    first, *others = [
        (of_order(quittance, PAYMENTS, end), of_order(quittance, APPLIED, end))
        for end in in_every_order(quittance, *STORIES[story])
    ]
    for other in others:
        assert other == first


@pytest.mark.parametrize(
    ("story", "applied"),
    [
        ("part, then the rest, by two cheques", [("txn_1", "F-1", 3000), ("txn_2", "F-1", 3784)]),
        ("a cheque is taken off, and only the invoice says so", []),
        ("a cheque bounces", []),
        ("one cheque for two invoices, moved from one to the other", [("txn_1", "F-2", 6784)]),
        ("an invoice is deleted", []),
    ],
)
def test_the_books_say_what_is_true_at_the_end(quittance: Quittance, story: str, applied: list[Any]) -> None:
    quittance.take(*(an_event(snapshot, at=JANUARY) for snapshot in STORIES[story]))
    assert quittance.rows(APPLIED) == applied
