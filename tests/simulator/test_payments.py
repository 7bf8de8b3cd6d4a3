"""Money coming in, going out and taken back; what it leaves on invoices, transactions and the customer's balance."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY, YEARLY


@pytest.fixture
def wire(site: Site) -> Site:
    """One who pays by wire within thirty days, and owes F-10391 over 67,84 $."""
    site.change_customer("marie", auto_collection="off", offline_payment_method="bank_transfer", net_term_days=30)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


@pytest.fixture
def card(site: Site) -> Site:
    """One who pays by card, and has paid F-10391."""
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


def invoice(site: Site, id: str = "F-10391") -> dict[str, Any]:
    return site.current("invoice", id)


def excess(site: Site) -> int:
    return int(site.current("customer", "marie")["excess_payments"])


def test_a_card_is_charged_at_once(card: Site) -> None:
    payment = card.find("transaction")[0]
    assert (invoice(card)["status"], invoice(card)["amount_paid"], invoice(card)["amount_due"]) == ("paid", 6784, 0)
    assert (payment["payment_method"], payment["status"], payment["gateway"]) == ("card", "success", "chargebee")
    assert (payment["masked_card_number"], payment["last4"]) == ("************4242", "4242")
    assert invoice(card)["linked_payments"][0]["txn_id"] == payment["id"]
    assert payment["linked_invoices"][0]["invoice_status"] == "paid"


def test_a_declined_card_is_tried_three_more_times_and_then_the_invoice_is_not_paid(site: Site) -> None:
    site.add_card("marie", last4="0002")
    site.subscribe("marie", YEARLY.id, id="boreal")
    assert (invoice(site)["status"], invoice(site)["dunning_status"]) == ("payment_due", "in_progress")
    assert site.find("transaction")[0]["error_code"] == "card_declined"
    tries = []
    while retry := invoice(site).get("next_retry_at"):
        tries.append((retry - site.timestamp) // 86400)
        site.advance(seconds=retry - site.timestamp)
    assert tries == [3, 5, 7]
    assert (invoice(site)["status"], invoice(site)["dunning_status"]) == ("not_paid", "exhausted")
    assert [entry["txn_status"] for entry in invoice(site)["linked_payments"]] == ["failure"] * 4
    assert invoice(site)["amount_paid"] == 0


def test_a_new_card_pays_at_the_next_try(site: Site) -> None:
    site.add_card("marie", last4="0002")
    site.subscribe("marie", YEARLY.id, id="boreal")
    site.add_card("marie", last4="4242")
    site.advance(days=3)
    assert (invoice(site)["status"], invoice(site)["dunning_status"]) == ("paid", "success")
    assert "next_retry_at" not in invoice(site)


def test_an_expired_card_is_declined(site: Site) -> None:
    site.add_card("marie", expires=(1, 2021))
    site.advance_to(site.now.replace(month=2, day=2))
    assert site.find("payment_source")[0]["status"] == "expired"
    site.subscribe("marie", MONTHLY.id)
    assert site.find("transaction")[0]["status"] == "failure"


def test_paying_by_card_needs_a_card_and_an_open_invoice(wire: Site) -> None:
    with pytest.raises(Refused, match="no card"):
        wire.pay_by_card("F-10391")
    wire.add_card("marie")
    wire.pay_by_card("F-10391")
    with pytest.raises(Refused, match="is paid"):
        wire.pay_by_card("F-10391")


def test_a_wire_pays_an_invoice_and_keeps_its_reference(wire: Site) -> None:
    payment = wire.record_payment("F-10391", method="bank_transfer", reference="VIR-1")
    assert (payment["gateway"], payment["reference_number"], payment["amount_unused"]) == ("not_applicable", "VIR-1", 0)
    assert (invoice(wire)["status"], invoice(wire)["paid_at"]) == ("paid", wire.timestamp)


def test_a_part_leaves_the_rest_owed_and_the_status_as_it_was(wire: Site) -> None:
    wire.record_payment("F-10391", amount=5000)
    body = invoice(wire)
    assert (body["status"], body["amount_paid"], body["amount_due"]) == ("posted", 5000, 1784)
    wire.record_payment("F-10391")
    assert invoice(wire)["status"] == "paid"


def test_too_much_stays_on_the_payment_and_with_the_customer_until_the_next_invoice(wire: Site) -> None:
    payment = wire.record_payment("F-10391", amount=7000)
    assert (payment["amount_unused"], excess(wire)) == (216, 216)
    wire.subscribe("marie", MONTHLY.id)
    assert (invoice(wire, "F-10392")["amount_paid"], excess(wire)) == (216, 0)
    links = wire.current("transaction", payment["id"])["linked_invoices"]
    assert [(link["invoice_id"], link["applied_amount"]) for link in links] == [("F-10391", 6784), ("F-10392", 216)]


def test_one_payment_covers_several_invoices_in_the_order_given(wire: Site) -> None:
    wire.subscribe("marie", MONTHLY.id)
    payment = wire.record_payment(["F-10392", "F-10391"], amount=10000)
    assert (invoice(wire, "F-10392")["status"], invoice(wire)["amount_due"]) == ("paid", 2 * 6784 - 10000)
    assert [link["applied_amount"] for link in payment["linked_invoices"]] == [6784, 3216]


def test_one_payment_of_two_customers_is_refused(wire: Site) -> None:
    wire.create_customer(id="alex", company="Atelier Nord", email=None)
    wire.subscribe("alex", MONTHLY.id)
    with pytest.raises(WrongValue, match="one customer"):
        wire.record_payment(["F-10391", "F-10392"])


def test_a_removed_payment_is_excess_money_that_can_be_applied_again(wire: Site) -> None:
    payment = wire.record_payment("F-10391")
    wire.remove_payment("F-10391", payment["id"])
    body = invoice(wire)
    assert (body["status"], body["amount_due"], body["linked_payments"]) == ("posted", 6784, [])
    assert "paid_at" not in body and excess(wire) == 6784
    wire.apply_excess("F-10391")
    assert (invoice(wire)["status"], excess(wire)) == ("paid", 0)


def test_a_bounced_cheque_is_deleted_and_every_invoice_it_paid_owes_again(wire: Site) -> None:
    wire.subscribe("marie", MONTHLY.id)
    cheque = wire.record_payment(["F-10391", "F-10392"], amount=14000)
    place = len(wire.events)
    gone = wire.bounce(cheque["id"])
    assert gone["deleted"] and gone["amount_unused"] == 0 and excess(wire) == 0
    assert [invoice(wire, id)["amount_due"] for id in ("F-10391", "F-10392")] == [6784, 6784]
    types = sorted(event["event_type"] for event in wire.events[place:])
    assert types == ["customer_changed", "invoice_updated", "invoice_updated", "transaction_deleted"]


def test_a_payment_taken_off_after_the_due_date_leaves_the_invoice_due(wire: Site) -> None:
    payment = wire.record_payment("F-10391")
    wire.advance(days=31)
    wire.bounce(payment["id"])
    assert invoice(wire)["status"] == "payment_due"


def test_a_card_payment_is_not_deleted_as_a_cheque_is(card: Site) -> None:
    with pytest.raises(Refused, match="not recorded by hand"):
        card.bounce(card.find("transaction")[0]["id"])


@pytest.mark.parametrize(("chargeback", "method"), [(False, "card"), (True, "chargeback")])
def test_a_card_payment_taken_back_is_a_late_failure_with_a_reversal_and_the_invoice_owes_again(
    chargeback: bool, method: str, card: Site
) -> None:
    payment = card.reverse_payment(card.find("transaction")[0]["id"], chargeback=chargeback)
    reversal = card.current("transaction", payment["reversal_transaction_id"])
    assert payment["status"] == "late_failure"
    assert (reversal["type"], reversal["payment_method"]) == ("payment_reversal", method)
    assert (invoice(card)["status"], invoice(card)["amount_due"]) == ("payment_due", 6784)
    assert invoice(card)["linked_payments"][0]["txn_status"] == "late_failure"


def test_a_refund_is_a_credit_note_and_money_back_and_the_invoice_stays_paid(card: Site) -> None:
    payment = card.find("transaction")[0]
    refund = card.refund("F-10391", 2000)
    note = card.find("credit_note")[0]
    assert (refund["type"], refund["amount"], refund["refunded_txn_id"]) == ("refund", 2000, payment["id"])
    assert (note["type"], note["status"], note["amount_refunded"], note["amount_available"]) == (
        "refundable", "refunded", 2000, 0,
    )  # fmt: skip
    assert note["sub_total"] + sum(tax["amount"] for tax in note["taxes"]) == 2000
    assert (invoice(card)["status"], invoice(card)["amount_paid"]) == ("paid", 6784)
    assert invoice(card)["issued_credit_notes"][0]["cn_status"] == "refunded"
    assert card.current("transaction", payment["id"])["linked_refunds"][0]["txn_id"] == refund["id"]


def test_no_more_is_refunded_than_was_paid(card: Site) -> None:
    card.refund("F-10391", 2000)
    with pytest.raises(WrongValue, match="at most 4784"):
        card.refund("F-10391", 4785)
    card.refund("F-10391")
    with pytest.raises(Refused, match="no payment to refund"):
        card.refund("F-10391")


def test_a_refunded_payment_cannot_be_taken_off_its_invoice(card: Site) -> None:
    card.refund("F-10391", 2000)
    with pytest.raises(Refused, match="was refunded"):
        card.remove_payment("F-10391", card.find("transaction")[0]["id"])


@pytest.mark.parametrize("amount", [0, -5])
def test_a_payment_of_nothing_is_refused(amount: int, wire: Site) -> None:
    with pytest.raises(WrongValue, match="positive"):
        wire.record_payment("F-10391", amount=amount)


def test_a_method_that_comes_through_a_gateway_is_not_recorded_by_hand(wire: Site) -> None:
    with pytest.raises(WrongValue, match="not recorded by hand"):
        wire.record_payment("F-10391", method="direct_debit")


def test_a_payment_event_carries_the_invoice_the_customer_and_the_subscription(wire: Site) -> None:
    wire.record_payment("F-10391")
    told = next(event for event in wire.events if event["event_type"] == "payment_succeeded")
    assert set(told["content"]) == {"transaction", "invoice", "customer", "subscription"}
    assert told["content"]["invoice"]["amount_due"] == 0 and told["source"] == "admin_console"
