"""Invoices on their way: posted, due, given up, pending, voided, written off, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Refused, Site
from simulator.pricing import MONTHLY, YEARLY


@pytest.fixture
def cheque(site: Site) -> Site:
    """One who pays by cheque within thirty days, and owes F-10391 for a year."""
    site.change_customer("marie", auto_collection="off", offline_payment_method="check", net_term_days=30)
    site.subscribe("marie", YEARLY.id, id="boreal")
    return site


def invoice(site: Site) -> dict[str, Any]:
    return site.current("invoice", "F-10391")


def test_an_invoice_on_terms_is_posted_then_due_then_given_up(cheque: Site) -> None:
    seen = []
    for days in (29, 1, 59, 1):
        cheque.advance(days=days)
        seen.append(invoice(cheque)["status"])
    assert seen == ["posted", "payment_due", "payment_due", "not_paid"]
    updated = [event for event in cheque.events if event["event_type"] == "invoice_updated"]
    assert [event["source"] for event in updated] == ["scheduled_job", "scheduled_job"]
    assert updated[0]["occurred_at"] == invoice(cheque)["due_date"]


def test_an_invoice_without_terms_is_due_at_once(site: Site) -> None:
    site.change_customer("marie", auto_collection="off")
    site.subscribe("marie", MONTHLY.id)
    assert (invoice(site)["status"], invoice(site)["due_date"]) == ("payment_due", site.timestamp)


def test_the_subscriptions_own_collection_wins_over_the_customers(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, auto_collection="off", net_term_days=15)
    assert (invoice(site)["status"], invoice(site)["net_term_days"], site.find("transaction")) == ("posted", 15, [])


def test_one_who_is_charged_by_itself_has_no_terms(site: Site) -> None:
    site.change_customer("marie", net_term_days=30)
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id)
    assert (invoice(site)["net_term_days"], invoice(site)["due_date"]) == (0, site.timestamp)


def test_a_pending_invoice_is_issued_when_it_is_closed(site: Site) -> None:
    site.change_customer("marie", auto_collection="off", net_term_days=30)
    site.subscribe("marie", MONTHLY.id, pending_invoices=True)
    assert invoice(site)["status"] == "pending"
    assert "invoice_generated" not in {event["event_type"] for event in site.events}
    with pytest.raises(Refused, match="pending"):
        site.record_payment("F-10391")
    site.close_invoice("F-10391")
    assert invoice(site)["status"] == "posted"


def test_a_pending_invoice_that_nobody_closes_is_closed_after_a_day(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, pending_invoices=True)
    site.advance(days=1)
    assert (invoice(site)["status"], invoice(site)["date"]) == ("paid", site.timestamp)


def test_a_voided_invoice_owes_nothing_and_says_why(cheque: Site) -> None:
    cheque.void_invoice("F-10391", reason="Entered twice")
    body = invoice(cheque)
    assert (body["status"], body["amount_due"], body["void_reason_code"]) == ("voided", 0, "Entered twice")
    assert body["amount_adjusted"] == body["total"] == cheque.find("credit_note")[0]["total"]
    cheque.advance(days=200)
    assert invoice(cheque)["status"] == "voided"


def test_an_invoice_with_a_payment_is_not_voided(cheque: Site) -> None:
    cheque.record_payment("F-10391", amount=100)
    with pytest.raises(Refused, match="remove them first"):
        cheque.void_invoice("F-10391")


def test_an_invoice_that_credit_was_given_for_is_not_voided_while_the_credit_is_there(cheque: Site) -> None:
    payment = cheque.record_payment("F-10391")
    note = cheque.create_credit_note("F-10391", amount=1000)
    cheque.bounce(payment["id"])
    with pytest.raises(Refused, match="credit notes: void them first"):
        cheque.void_invoice("F-10391")
    cheque.void_credit_note(note["id"])
    assert cheque.void_invoice("F-10391")["status"] == "voided"


def test_a_written_off_invoice_is_paid_by_a_credit_note_and_not_by_money(cheque: Site) -> None:
    cheque.record_payment("F-10391", amount=10000)
    cheque.write_off("F-10391")
    body, note = invoice(cheque), cheque.find("credit_note")[0]
    assert (body["status"], body["amount_paid"], body["write_off_amount"]) == ("paid", 10000, body["total"] - 10000)
    assert (note["reason_code"], note["type"], body["amount_adjusted"]) == ("write_off", "adjustment", 0)
    assert body["adjustment_credit_notes"][0]["cn_reason_code"] == "write_off"


def test_a_deleted_invoice_is_told_once_as_deleted(cheque: Site) -> None:
    place = len(cheque.events)
    cheque.delete_invoice("F-10391")
    assert [(event["event_type"], event["content"]["invoice"]["deleted"]) for event in cheque.events[place:]] == [
        ("invoice_deleted", True)
    ]
    with pytest.raises(Refused, match="not found"):
        cheque.record_payment("F-10391")


def test_an_invoice_with_a_payment_is_not_deleted(cheque: Site) -> None:
    cheque.record_payment("F-10391", amount=100)
    with pytest.raises(Refused, match="payments or credit notes"):
        cheque.delete_invoice("F-10391")


def test_invoices_are_numbered_one_after_the_other_and_a_refused_order_takes_no_number(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with pytest.raises(Refused, match="taken"):
        site.subscribe("marie", MONTHLY.id, id="boreal")
    site.subscribe("marie", MONTHLY.id)
    assert [body["id"] for body in site.find("invoice")] == ["F-10391", "F-10392"]


def test_the_taxes_stand_on_the_invoice_and_on_its_lines(cheque: Site) -> None:
    body = invoice(cheque)
    by_line = {tax["tax_name"]: tax["tax_amount"] for tax in body["line_item_taxes"]}
    assert {tax["name"]: tax["amount"] for tax in body["taxes"]} == by_line == {"TPS": 3300, "TVQ": 6584}
    assert body["line_items"][0]["tax_amount"] == body["tax"] == 9884
