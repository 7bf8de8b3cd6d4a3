"""Credit notes by hand, credits spent and taken off again, gifts of the merchant."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY


@pytest.fixture
def paid(site: Site) -> Site:
    """One who pays by wire, has paid F-10391 and owes F-10392."""
    site.change_customer("marie", auto_collection="off", offline_payment_method="bank_transfer")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.record_payment("F-10391", method="bank_transfer")
    site.subscribe("marie", MONTHLY.id, id="second")
    return site


def invoice(site: Site, id: str = "F-10391") -> dict[str, Any]:
    return site.current("invoice", id)


def customer(site: Site) -> dict[str, Any]:
    return site.current("customer", "marie")


def test_a_credit_by_hand_is_the_customers_and_is_spent_on_request(paid: Site) -> None:
    note = paid.create_credit_note("F-10391", amount=1000, reason="waiver", comment="Panne du 3 janvier")
    assert (note["status"], note["amount_available"], note["reason_code"]) == ("refund_due", 1000, "waiver")
    assert customer(paid)["refundable_credits"] == 1000
    paid.apply_credits("F-10392", {note["id"]: 400})
    assert (invoice(paid, "F-10392")["credits_applied"], customer(paid)["refundable_credits"]) == (400, 600)
    paid.apply_credits("F-10392")
    assert (invoice(paid, "F-10392")["credits_applied"], customer(paid)["refundable_credits"]) == (1000, 0)


def test_an_adjustment_by_hand_takes_off_what_is_owed(paid: Site) -> None:
    note = paid.create_credit_note("F-10392", amount=784, type="adjustment")
    assert (note["status"], invoice(paid, "F-10392")["amount_due"]) == ("adjusted", 6000)
    paid.create_credit_note("F-10392", type="adjustment")
    assert invoice(paid, "F-10392")["status"] == "paid"


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 6785}, {"amount": 0}, {"type": "adjustment", "amount": 1}, {"type": "store"}, {"reason": "mood"}],
)
def test_no_more_is_credited_than_was_paid_or_is_owed(wrong: dict[str, Any], paid: Site) -> None:
    with pytest.raises(WrongValue):
        paid.create_credit_note("F-10391", **wrong)
    assert paid.find("credit_note") == []


def test_a_spent_credit_can_be_taken_off_an_invoice_again(paid: Site) -> None:
    note = paid.create_credit_note("F-10391", amount=1000)
    paid.apply_credits("F-10392")
    paid.remove_credit_note("F-10392", note["id"])
    assert (invoice(paid, "F-10392")["amount_due"], customer(paid)["refundable_credits"]) == (6784, 1000)
    again = paid.current("credit_note", note["id"])
    assert (again["status"], again["allocations"], again["amount_allocated"]) == ("refund_due", [], 0)
    with pytest.raises(Refused, match="not applied"):
        paid.remove_credit_note("F-10392", note["id"])


def test_an_unspent_credit_can_be_voided_and_its_money_credited_anew(paid: Site) -> None:
    note = paid.create_credit_note("F-10391")
    body = paid.void_credit_note(note["id"])
    assert (body["status"], body["amount_available"], customer(paid)["refundable_credits"]) == ("voided", 0, 0)
    assert invoice(paid)["issued_credit_notes"][0]["cn_status"] == "voided"
    spent = paid.create_credit_note("F-10391")
    paid.apply_credits("F-10392", {spent["id"]: 1})
    with pytest.raises(Refused, match="unspent"):
        paid.void_credit_note(spent["id"])


def test_credits_of_another_customer_are_not_spent(paid: Site) -> None:
    note = paid.create_credit_note("F-10391")
    paid.create_customer(id="alex", auto_collection="off")
    paid.subscribe("alex", MONTHLY.id)
    with pytest.raises(WrongValue, match="another customer"):
        paid.apply_credits("F-10393", {note["id"]: None})


def test_a_gift_is_told_with_its_customer_and_lowers_the_next_invoice_before_any_credit(paid: Site) -> None:
    place = len(paid.events)
    gift = paid.add_promotional_credits("marie", 2000, "Bienvenue", reference="JANV")
    assert (gift["type"], gift["closing_balance"], gift["credit_type"]) == ("increment", 2000, "general")
    told = {event["event_type"]: event["content"] for event in paid.events[place:]}
    added = told["promotional_credits_added"]
    assert added["customer"] == customer(paid) and added["promotional_credit"].items() <= gift.items()
    paid.create_credit_note("F-10391", amount=1000)
    paid.subscribe("marie", MONTHLY.id)
    body = invoice(paid, "F-10393")
    assert (body["total"], body["discounts"][0]["amount"], body["credits_applied"]) == (4784, 2000, 1000)
    assert (body["sub_total"], body["tax"], body["amount_due"]) == (5900, 884, 3784)
    spent = paid.find("promotional_credit")[-1]
    assert (spent["type"], spent["description"], spent["closing_balance"]) == (
        "decrement", "Applied to the invoice # F-10393", 0,
    )  # fmt: skip
    assert customer(paid)["promotional_credits"] == 0


def test_a_gift_larger_than_the_invoice_pays_all_of_it_and_the_rest_stays(paid: Site) -> None:
    paid.add_promotional_credits("marie", 10000)
    paid.subscribe("marie", MONTHLY.id)
    body = invoice(paid, "F-10393")
    assert (body["status"], body["total"], customer(paid)["promotional_credits"]) == ("paid", 0, 3216)
    paid.void_invoice("F-10393")
    assert customer(paid)["promotional_credits"] == 10000


def test_gifts_are_deducted_and_set_but_never_below_nothing(paid: Site) -> None:
    paid.add_promotional_credits("marie", 2000)
    paid.deduct_promotional_credits("marie", 500)
    assert customer(paid)["promotional_credits"] == 1500
    assert paid.set_promotional_credits("marie", 1200)["type"] == "decrement"
    assert (customer(paid)["promotional_credits"], customer(paid)["balances"][0]["promotional_credits"]) == (1200, 1200)
    with pytest.raises(Refused, match="cannot be taken"):
        paid.deduct_promotional_credits("marie", 1201)
    for wrong in (0, -5):
        with pytest.raises(WrongValue):
            paid.add_promotional_credits("marie", wrong)
