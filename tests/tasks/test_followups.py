"""Follow-ups: what finance has to chase, emptied by itself as money lands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.builders import (
    Body,
    Quittance,
    a_credit_note,
    a_customer,
    a_link,
    a_subscription,
    a_transaction,
    an_event,
    an_invoice,
    in_every_order,
    of_order,
    seconds,
)

FOLLOWUP = "select open, state, closed_reason, paid, balance from followups where invoice_id = 'F-1'"
MOVES = "select move from followup_entries order by id"

OPEN = [(True, "awaiting", None, 0, 6784)]


def by_cheque(version: int = 1, **fields: Any) -> Body:
    return a_customer(version, auto_collection="off", offline_payment_method="check", **fields)


def an_order_by_cheque(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), a_subscription(), an_invoice(1)))
    assert quittance.rows(FOLLOWUP) == OPEN


def test_an_invoice_to_be_paid_by_cheque_opens_a_followup(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    assert quittance.rows("select method, currency, total, due_on, customer_id, subscription_id from followups") == [
        ("check", "CAD", 6784, date(2021, 2, 10), "cust_1", "sub_1")
    ]
    ((before, after, actor, event_id),) = quittance.rows("select before, after, actor, event_id from followup_entries")
    assert before is None
    assert after["open"] is True and after["balance"] == 6784
    assert actor == "chargebee" and event_id.startswith("ev_")


def test_the_same_invoice_twice_moves_nothing(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    quittance.take(an_event(by_cheque(), a_subscription(), an_invoice(1)))
    quittance.take(an_event(an_invoice(2)))
    assert quittance.rows(MOVES) == ["opened"]


def test_a_card_payer_opens_nothing_even_with_a_method_stored(quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(offline_payment_method="check"), a_subscription(), an_invoice(1)))
    assert quittance.rows("select count(*) from followups") == [0]


def test_the_due_date_is_that_of_the_sites_zone(quittance: Quittance) -> None:
    late_evening = seconds(datetime(2021, 2, 10, 3, tzinfo=UTC))
    quittance.take(an_event(by_cheque(), an_invoice(1, due_date=late_evening)))
    assert quittance.rows("select due_on from followups") == [date(2021, 2, 9)]


@pytest.mark.parametrize(
    ("subscription", "customer", "method"),
    [("bank_transfer", "check", "bank_transfer"), (None, "check", "check"), (None, "no_preference", None)],
)
def test_the_method_is_the_subscriptions_else_the_customers(
    quittance: Quittance, subscription: str | None, customer: str, method: str | None
) -> None:
    quittance.take(
        an_event(
            by_cheque() | {"offline_payment_method": customer},
            a_subscription(offline_payment_method=subscription),
            an_invoice(1),
        )
    )
    assert quittance.rows("select method from followups") == [method]


def test_a_part_of_the_money_moves_it_and_the_rest_closes_it(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    quittance.take(an_event(an_invoice(2, paid=3000, linked_payments=[a_link(applied=3000)])))
    assert quittance.rows(FOLLOWUP) == [(True, "partial", None, 3000, 3784)]
    quittance.take(an_event(an_invoice(3, paid=6784, linked_payments=[a_link(applied=6784)])))
    assert quittance.rows(FOLLOWUP) == [(False, "paid", "nothing is owed any more", 6784, 0)]
    assert quittance.rows(MOVES) == ["opened", "changed", "closed"]
    assert quittance.rows("select closed_at is not null from followups") == [True]
    ((before, after),) = quittance.rows("select before, after from followup_entries where move = 'changed'")
    assert (before["balance"], after["balance"]) == (6784, 3784)


@pytest.mark.parametrize(
    ("invoice", "state", "reason"),
    [
        ({"status": "voided", "amount_due": 0}, "voided", "the invoice was voided"),
        ({"deleted": True}, "voided", "the invoice was deleted"),
        ({"write_off_amount": 6784}, "written_off", "the balance was written off"),
        ({"status": "paid", "amount_due": 0, "credits_applied": 6784}, "paid", "nothing is owed any more"),
    ],
)
def test_it_closes_with_the_reason_when_nothing_is_to_be_chased(
    quittance: Quittance, invoice: dict[str, Any], state: str, reason: str
) -> None:
    an_order_by_cheque(quittance)
    quittance.take(an_event(an_invoice(2, **invoice)))
    assert quittance.rows(FOLLOWUP) == [(False, state, reason, 0, 0)]
    assert quittance.rows(MOVES) == ["opened", "closed"]


def test_collection_turned_on_closes_it_and_turned_off_opens_it_again(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    quittance.take(an_event(a_customer(2, auto_collection="on")))
    assert quittance.rows(FOLLOWUP) == [(False, "closed", "collection was turned on", 0, 0)]
    quittance.take(an_event(by_cheque(3)))
    assert quittance.rows(FOLLOWUP) == OPEN
    assert quittance.rows("select closed_at from followups") == [None]
    assert quittance.rows(MOVES) == ["opened", "closed", "reopened"]


def test_a_subscriptions_collection_overrides_its_customers(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    quittance.take(an_event(a_subscription(2, auto_collection="on")))
    assert quittance.rows(FOLLOWUP) == [(False, "closed", "collection was turned on", 0, 0)]
    quittance.take(an_event(a_customer(2, auto_collection="on")), an_event(a_subscription(3, auto_collection="off")))
    assert quittance.rows(FOLLOWUP) == OPEN
    quittance.take(an_event(a_subscription(4)))  # left to the customer again, who pays by card
    assert quittance.rows(FOLLOWUP) == [(False, "closed", "collection was turned on", 0, 0)]


def test_a_bounced_payment_opens_it_again(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    paid = an_invoice(2, paid=6784, linked_payments=[a_link()])
    quittance.take(an_event(paid, a_transaction(2, pays={"F-1": 6784})))
    quittance.take(an_event(a_transaction(3, deleted=True), an_invoice(3)))
    assert quittance.rows(FOLLOWUP) == OPEN
    assert quittance.rows(MOVES) == ["opened", "closed", "reopened"]


def test_a_credit_note_brings_its_invoice_up_again(quittance: Quittance) -> None:
    an_order_by_cheque(quittance)
    quittance.run("update followups set balance = 1")
    quittance.take(an_event(a_credit_note()))
    assert quittance.rows(FOLLOWUP) == OPEN


def test_a_customer_who_comes_after_the_invoice_opens_it(quittance: Quittance) -> None:
    quittance.take(an_event(an_invoice(1)))
    assert quittance.rows("select count(*) from followups") == [0]
    quittance.take(an_event(by_cheque()))
    assert quittance.rows(FOLLOWUP) == OPEN


def test_a_paid_invoice_never_opens_one(quittance: Quittance) -> None:
    quittance.take(an_event(by_cheque(), an_invoice(1, paid=6784)))
    assert quittance.rows("select count(*) from followups") == [0]


@pytest.mark.long
def test_open_followups_are_the_same_in_every_order(quittance: Quittance) -> None:
    told = [
        by_cheque(1),
        a_subscription(2, auto_collection="on"),
        an_invoice(3, paid=3000, linked_payments=[a_link(applied=3000)]),
        a_subscription(4),
    ]
    query = "select invoice_id, open, state, paid, balance from followups"
    for end in in_every_order(quittance, *told):
        assert of_order(quittance, query, end) == [("F-1", True, "partial", 3000, 3784)]


@pytest.mark.parametrize(
    "change", ["update followup_entries set move = 'x'", "delete from followup_entries", "truncate followup_entries"]
)
def test_its_moves_are_append_only(quittance: Quittance, change: str) -> None:
    an_order_by_cheque(quittance)
    with pytest.raises(Exception, match="followup_entries is append-only"):
        quittance.run(change)
