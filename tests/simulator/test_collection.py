"""Cards and accounts that are charged, refuse, pay late or take back; dunning stopped, paused and resumed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from simulator import Declined, Refused, Site, WrongValue
from simulator.pricing import MONTHLY, TRAINING


@pytest.fixture
def cheque(site: Site) -> Site:
    """One who pays by cheque within thirty days, and owes F-10391 over 67,84 $."""
    site.change_customer("marie", auto_collection="off", offline_payment_method="check", net_term_days=30)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


@pytest.fixture
def declined(site: Site) -> Site:
    """One whose card was declined for F-10391."""
    site.add_card("marie", last4="0002")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


def invoice(site: Site, id: str = "F-10391") -> dict[str, Any]:
    return site.current("invoice", id)


@pytest.mark.parametrize(
    ("last4", "code"), [("0002", "card_declined"), ("9995", "insufficient_funds"), ("0069", "expired_card")]
)
def test_a_card_says_by_its_number_why_it_is_declined(last4: str, code: str, site: Site) -> None:
    site.add_card("marie", last4=last4)
    site.subscribe("marie", MONTHLY.id)
    payment = site.find("transaction")[0]
    assert (payment["status"], payment["error_code"], bool(payment["error_text"])) == ("failure", code, True)


def test_another_card_can_be_made_the_one_that_is_charged(site: Site) -> None:
    good = site.add_card("marie", last4="4242")
    site.add_card("marie", last4="0002")
    site.make_primary(good["id"])
    site.subscribe("marie", MONTHLY.id)
    assert invoice(site)["status"] == "paid"
    spare = site.add_card("marie", last4="1881", primary=False)
    assert site.current("customer", "marie")["primary_payment_source_id"] == good["id"]
    site.delete_card(spare["id"])
    assert site.current("customer", "marie")["primary_payment_source_id"] == good["id"]


def test_collecting_a_part_with_a_card_of_choice(cheque: Site) -> None:
    cheque.add_card("marie", last4="0002")
    good = cheque.add_card("marie", last4="4242", primary=False)
    payment = cheque.collect_payment("F-10391", amount=1000, payment_source_id=good["id"])
    assert (payment["amount"], invoice(cheque)["amount_due"], invoice(cheque)["status"]) == (1000, 5784, "posted")
    with pytest.raises(WrongValue, match="to be collected"):
        cheque.collect_payment("F-10391", amount=5785)


def test_collecting_from_a_card_that_is_declined_is_refused_and_leaves_the_attempt(cheque: Site) -> None:
    cheque.add_card("marie", last4="0002")
    with pytest.raises(Declined, match="declined by the bank") as refused:
        cheque.collect_payment("F-10391")
    assert (refused.value.code, refused.value.status, refused.value.type) == (
        "payment_processing_failed", 402, "payment",
    )  # fmt: skip
    assert [payment["status"] for payment in cheque.find("transaction")] == ["failure"]
    assert cheque.events[-1]["event_type"] in ("payment_failed", "transaction_created", "invoice_updated")


def test_a_bank_account_pays_after_four_days(site: Site) -> None:
    site.add_bank_account("marie")
    site.subscribe("marie", MONTHLY.id)
    payment = site.find("transaction")[0]
    assert (payment["status"], payment["payment_method"]) == ("in_progress", "direct_debit")
    assert (invoice(site)["amount_due"], invoice(site)["amount_to_collect"]) == (6784, 0)
    assert "payment_initiated" in {event["event_type"] for event in site.events}
    with pytest.raises(Refused, match="in progress"):
        site.pay_by_card("F-10391")
    site.advance(days=4)
    assert (invoice(site)["status"], site.find("transaction")[0]["status"]) == ("paid", "success")


def test_a_bank_account_without_money_fails_after_four_days_and_is_tried_again(site: Site) -> None:
    site.add_bank_account("marie", last4="0002")
    site.subscribe("marie", MONTHLY.id)
    site.advance(days=4)
    assert (invoice(site)["status"], invoice(site)["dunning_status"]) == ("payment_due", "in_progress")
    site.advance(days=3)
    assert [payment["status"] for payment in site.find("transaction")] == ["failure", "in_progress"]


def test_a_bank_may_take_its_payment_back_days_after_it_came(site: Site) -> None:
    site.add_bank_account("marie", last4="0003")
    site.subscribe("marie", MONTHLY.id)
    site.advance(days=4)
    assert invoice(site)["status"] == "paid"
    site.advance(days=5)
    assert (invoice(site)["status"], invoice(site)["amount_due"]) == ("payment_due", 6784)
    assert [body["type"] for body in site.find("transaction")] == ["payment", "payment_reversal"]


def test_what_was_credited_while_a_bank_payment_was_on_its_way_is_money_too_much(site: Site) -> None:
    site.add_bank_account("marie")
    site.subscribe("marie", MONTHLY.id, 2, id="boreal")
    site.change_seats("boreal", 1)
    site.advance(days=4)
    body = invoice(site)
    assert (body["status"], body["amount_adjusted"], body["amount_paid"]) == ("paid", 6784, 13567 - 6784)
    assert site.current("customer", "marie")["excess_payments"] == 6784


def test_stopped_dunning_leaves_the_invoice_not_paid(declined: Site) -> None:
    declined.stop_dunning("F-10391", comment="Il paiera par chèque")
    assert (invoice(declined)["status"], invoice(declined)["dunning_status"]) == ("not_paid", "stopped")
    declined.advance(days=20)
    assert len(declined.find("transaction")) == 1
    assert declined.find("comment", entity_id="F-10391")[0]["notes"] == "Il paiera par chèque"


def test_paused_dunning_tries_nothing_until_the_announced_date_and_goes_on_after_it(declined: Site) -> None:
    place = len(declined.events)
    body = declined.pause_dunning("F-10391", declined.now + timedelta(days=10))
    assert body["expected_payment_date"] == declined.timestamp + 10 * 86400 and "next_retry_at" not in body
    assert [event["event_type"] for event in declined.events[place:]] == ["dunning_updated"]
    declined.advance(days=10)
    assert len(declined.find("transaction")) == 1 and "expected_payment_date" not in invoice(declined)
    declined.advance(days=1)
    assert len(declined.find("transaction")) == 2


def test_a_cheque_that_was_announced_is_not_given_up_before_its_date(cheque: Site) -> None:
    cheque.advance(days=31)
    cheque.pause_dunning("F-10391", cheque.now + timedelta(days=80))
    cheque.advance(days=79)
    assert invoice(cheque)["status"] == "payment_due"
    cheque.advance(days=1)
    assert invoice(cheque)["status"] == "not_paid"


def test_paused_dunning_can_be_resumed_by_hand(declined: Site) -> None:
    with pytest.raises(Refused, match="not paused"):
        declined.resume_dunning("F-10391")
    declined.pause_dunning("F-10391", declined.now + timedelta(days=10))
    declined.resume_dunning("F-10391")
    declined.advance(days=1)
    assert len(declined.find("transaction")) == 2


def test_dunning_is_paused_for_a_day_to_come_and_for_what_is_due(cheque: Site) -> None:
    with pytest.raises(Refused, match="not in dunning"):
        cheque.pause_dunning("F-10391", cheque.now + timedelta(days=1))
    cheque.advance(days=30)
    with pytest.raises(WrongValue, match="in the future"):
        cheque.pause_dunning("F-10391", cheque.now)


def test_a_customer_on_terms_is_reminded_before_and_after_the_due_date(cheque: Site) -> None:
    cheque.advance(days=60)
    told = [event for event in cheque.events if event["event_type"] == "payment_due_reminder"]
    mine = [event for event in told if event["content"]["invoice"]["id"] == "F-10391"]
    days = [(event["occurred_at"] - invoice(cheque)["date"]) // 86400 for event in mine]
    assert days == [27, 37] and set(told[0]["content"]) == {"invoice", "customer"}


def test_one_time_charges_are_billed_by_themselves(cheque: Site) -> None:
    body = cheque.charge_invoice(
        "marie",
        [{"item_price_id": TRAINING.id, "quantity": 2}],
        charges=[{"amount": 500, "description": "Port"}],
        po_number="12",
        note="Merci",
    )
    assert [line["entity_type"] for line in body["line_items"]] == ["charge_item_price", "adhoc"]
    assert (body["sub_total"], body["recurring"], body["po_number"]) == (25500, False, "12")
    assert body["notes"] == [{"note": "Merci"}] and "subscription_id" not in body
    with pytest.raises(WrongValue, match="nothing to charge"):
        cheque.charge_invoice("marie")
    with pytest.raises(Refused, match="no charge price"):
        cheque.charge_invoice("marie", [{"item_price_id": MONTHLY.id}])


def test_notes_of_the_customer_stand_on_its_invoices(site: Site) -> None:
    site.change_customer("marie", invoice_notes="Ligne 3 du contrat")
    site.subscribe("marie", MONTHLY.id)
    assert invoice(site)["notes"] == [
        {"note": "Ligne 3 du contrat", "entity_type": "customer", "entity_id": "marie"}
    ]  # fmt: skip


def test_a_pending_invoice_can_be_left_open_for_ever(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, pending_invoices=True, auto_close_invoices=False)
    site.advance(days=20)
    assert invoice(site)["status"] == "pending"
