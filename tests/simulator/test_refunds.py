"""What a clerk records of money, with its date and words; money paid ahead, applied in parts, given back by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY


@pytest.fixture
def wire(site: Site) -> Site:
    """One who pays by wire within thirty days, and owes F-10391 over 67,84 $."""
    site.change_customer("marie", auto_collection="off", offline_payment_method="bank_transfer", net_term_days=30)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


def invoice(site: Site, id: str = "F-10391") -> dict[str, Any]:
    return site.current("invoice", id)


def excess(site: Site) -> int:
    return int(site.current("customer", "marie")["excess_payments"])


@pytest.mark.parametrize("status", ["failure", "late_failure"])
def test_a_cheque_that_failed_is_recorded_and_pays_nothing(status: str, wire: Site) -> None:
    payment = wire.record_payment("F-10391", status=status)
    assert (payment["status"], payment["amount_unused"]) == (status, 0)
    assert (invoice(wire)["status"], invoice(wire)["amount_due"], excess(wire)) == ("posted", 6784, 0)
    assert [entry["txn_status"] for entry in invoice(wire)["linked_payments"]] == [status]
    assert "payment_failed" in {event["event_type"] for event in wire.events}


def test_a_payment_has_the_date_the_clerk_gives_and_so_has_the_invoice(wire: Site) -> None:
    wire.advance(days=5)
    date = wire.now - timedelta(days=2)
    payment = wire.record_payment("F-10391", date=date, method="check", reference="CHQ 7", id_at_gateway="dep-1")
    assert (payment["date"], payment["id_at_gateway"]) == (int(date.timestamp()), "dep-1")
    assert invoice(wire)["paid_at"] == invoice(wire)["linked_payments"][0]["txn_date"] == payment["date"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"method": "card"}, "transaction[payment_method]"),
        ({"status": "voided"}, "transaction[status]"),
        ({"reference": "x" * 101}, "transaction[reference_number]"),
        ({"comment": "x" * 301}, "comment"),
        ({"amount": 0}, "transaction[amount]"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_names_the_parameter(
    wrong: dict[str, Any], param: str, wire: Site
) -> None:
    with pytest.raises(WrongValue) as refused:
        wire.record_payment("F-10391", **wrong)
    assert refused.value.param == param and wire.find("transaction") == []


def test_money_paid_ahead_is_for_no_invoice_until_the_next_one_comes(wire: Site) -> None:
    payment = wire.record_excess_payment("marie", 7000, method="bank_transfer", reference="AVANCE", comment="Acompte")
    assert (payment["amount_unused"], payment["linked_invoices"], excess(wire)) == (7000, [], 7000)
    assert wire.find("comment", entity_id="marie")[0]["notes"] == "Acompte"
    assert invoice(wire)["amount_due"] == 6784
    wire.subscribe("marie", MONTHLY.id)
    assert (invoice(wire, "F-10392")["status"], excess(wire)) == ("paid", 216)


def test_unused_money_is_applied_in_the_parts_that_are_named(wire: Site) -> None:
    first = wire.record_excess_payment("marie", 5000)
    second = wire.record_excess_payment("marie", 3000)
    wire.apply_payments("F-10391", {second["id"]: 1000, first["id"]: None})
    assert (invoice(wire)["amount_paid"], excess(wire)) == (6000, 2000)
    with pytest.raises(WrongValue, match="2000 unused"):
        wire.apply_payments("F-10391", {second["id"]: 2001})
    wire.apply_payments("F-10391")
    assert (invoice(wire)["status"], excess(wire)) == ("paid", 1216)


def test_money_of_another_customer_is_not_applied(wire: Site) -> None:
    wire.create_customer(id="alex")
    payment = wire.record_excess_payment("alex", 100)
    with pytest.raises(WrongValue, match="another customer"):
        wire.apply_payments("F-10391", {payment["id"]: 100})


def test_a_refund_by_hand_of_a_wire_is_a_credit_note_and_keeps_its_reference(wire: Site) -> None:
    payment = wire.record_payment("F-10391", method="bank_transfer")
    date = wire.now - timedelta(hours=1)
    refund = wire.record_refund("F-10391", 2000, method="check", reference="CHQ 88", date=date, comment="Panne")
    note = wire.find("credit_note")[0]
    assert (refund["type"], refund["payment_method"], refund["reference_number"]) == ("refund", "check", "CHQ 88")
    assert (note["amount_refunded"], note["status"], note["customer_notes"]) == (2000, "refunded", "Panne")
    assert note["linked_refunds"][0]["txn_date"] == refund["date"] == int(date.timestamp())
    assert (invoice(wire)["status"], invoice(wire)["amount_paid"]) == ("paid", 6784)
    assert wire.current("transaction", payment["id"])["linked_refunds"][0]["txn_id"] == refund["id"]


def test_the_gateway_refunds_only_what_came_through_it(wire: Site) -> None:
    wire.record_payment("F-10391", method="bank_transfer")
    with pytest.raises(Refused, match="through the gateway"):
        wire.refund("F-10391")


def test_unused_money_is_given_back_without_a_credit_note(wire: Site) -> None:
    payment = wire.record_payment("F-10391", amount=7000)
    refund = wire.record_transaction_refund(payment["id"], 100)
    assert (refund["amount"], excess(wire), wire.find("credit_note")) == (100, 116, [])
    with pytest.raises(WrongValue, match="116 unused"):
        wire.record_transaction_refund(payment["id"], 117)
    wire.record_transaction_refund(payment["id"])
    again = wire.record_transaction_refund(payment["id"])
    assert (again["amount"], wire.find("credit_note")[0]["amount_refunded"]) == (6784, 6784)


def test_what_of_a_payment_was_given_back_unused_does_not_lessen_what_its_invoices_can_give_back(wire: Site) -> None:
    payment = wire.record_payment("F-10391", amount=7000)
    wire.record_transaction_refund(payment["id"])
    assert wire.record_refund("F-10391")["amount"] == 6784


def test_a_credit_is_given_back_by_hand_and_then_spent(wire: Site) -> None:
    wire.record_payment("F-10391")
    note = wire.create_credit_note("F-10391", amount=3000)
    refund = wire.record_credit_note_refund(note["id"], 1000, reference="REMB-1")
    assert (refund["amount"], refund["linked_credit_notes"][0]["cn_id"]) == (1000, note["id"])
    assert wire.current("customer", "marie")["refundable_credits"] == 2000
    with pytest.raises(WrongValue, match="2000 left"):
        wire.record_credit_note_refund(note["id"], 2001)
    wire.record_credit_note_refund(note["id"])
    assert wire.current("credit_note", note["id"])["status"] == "refunded"


def test_a_payment_of_several_invoices_is_refunded_by_invoice(wire: Site) -> None:
    wire.subscribe("marie", MONTHLY.id)
    wire.record_payment(["F-10391", "F-10392"])
    assert wire.record_refund("F-10391")["amount"] == 6784
    assert wire.record_refund("F-10392")["amount"] == 6784
    with pytest.raises(Refused, match="no payment to refund"):
        wire.record_refund("F-10392")


def test_a_refund_event_carries_the_money_the_credit_note_the_invoice_and_whose_they_are(wire: Site) -> None:
    wire.record_payment("F-10391")
    wire.record_refund("F-10391", 100)
    told = next(event for event in wire.events if event["event_type"] == "payment_refunded")
    assert set(told["content"]) == {"transaction", "credit_note", "invoice", "customer", "subscription"}
