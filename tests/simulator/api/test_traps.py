"""What surprises callers of the real API, and surprises them here as well."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Site
from simulator.pricing import MONTHLY, YEARLY
from tests.simulator.api.conftest import Ask


@pytest.fixture
def site(site: Site) -> Site:
    site.change_customer("marie", auto_collection="off")
    site.subscribe("marie", YEARLY.id, 3, id="boreal")
    return site


def done(ask: Ask, path: str, given: Any = None, **headers: str) -> Any:
    answer = ask("POST", path, given, **headers)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_cancellation_without_options_is_immediate(ask: Ask) -> None:
    assert done(ask, "/subscriptions/boreal/cancel_for_items")["subscription"]["status"] == "cancelled"


@pytest.mark.parametrize(
    "edit",
    [
        {"subscription_items[item_price_id][0]": YEARLY.id, "subscription_items[quantity][0]": "4"},
        {"po_number": "PO-1"},
        {"offline_payment_method": "check"},
        {"cf_branch": "Nord"},
        {
            "end_of_term": "true",
            "subscription_items[item_price_id][0]": YEARLY.id,
            "subscription_items[quantity][0]": "2",
        },
    ],
)
def test_any_edit_removes_a_scheduled_cancellation(ask: Ask, edit: dict[str, str]) -> None:
    scheduled = done(ask, "/subscriptions/boreal/cancel_for_items", {"cancel_option": "end_of_term"})["subscription"]
    assert (scheduled["status"], scheduled["cancelled_at"]) == ("non_renewing", scheduled["current_term_end"])
    edited = done(ask, "/subscriptions/boreal/update_for_items", edit)["subscription"]
    assert (edited["status"], "cancelled_at" in edited) == ("active", False)


def test_a_part_of_the_money_leaves_the_status_and_a_payment_taken_off_becomes_excess(ask: Ask) -> None:
    wire = {"transaction[payment_method]": "bank_transfer", "transaction[amount]": "1000"}
    paid = done(ask, "/invoices/F-10391/record_payment", wire)
    assert (paid["invoice"]["status"], paid["invoice"]["amount_paid"]) == ("payment_due", 1000)
    id = paid["transaction"]["id"]
    removed = done(ask, "/invoices/F-10391/remove_payment", {"transaction[id]": id})
    assert (removed["invoice"]["amount_paid"], removed["transaction"]["amount_unused"]) == (0, 1000)
    customer = (ask("GET", "/customers/marie").json or {})["customer"]
    assert customer["excess_payments"] == 1000


def test_a_payment_on_an_invoice_that_is_paid_is_refused(ask: Ask) -> None:
    check = {"transaction[payment_method]": "check"}
    done(ask, "/invoices/F-10391/record_payment", check)
    refused = ask("POST", "/invoices/F-10391/record_payment", check)
    assert (refused.status_code, (refused.json or {})["api_error_code"]) == (409, "invalid_state_for_request")


def test_an_edit_at_the_end_of_the_term_shows_the_seats_of_today(ask: Ask) -> None:
    seats = {"subscription_items[item_price_id][0]": YEARLY.id, "subscription_items[quantity][0]": "9"}
    changed = done(ask, "/subscriptions/boreal/update_for_items", {**seats, "change_option": "end_of_term"})
    assert changed["subscription"]["subscription_items"][0]["quantity"] == 3
    future = ask("GET", "/subscriptions/boreal/retrieve_with_scheduled_changes").json or {}
    assert future["subscription"]["subscription_items"][0]["quantity"] == 9


@pytest.mark.parametrize(
    ("path", "given", "param"),
    [
        ("update_for_items", {"change_option": "specific_date"}, "changes_scheduled_at"),
        ("update_for_items", {"change_option": "end_of_term", "end_of_term": "true"}, "end_of_term"),
        ("update_for_items", {"changes_scheduled_at": "1700000000"}, "changes_scheduled_at"),
        ("update_for_items", {"coupon_ids[0]": "NOEL"}, "coupon_ids[0]"),
        ("cancel_for_items", {"cancel_option": "immediately", "end_of_term": "true"}, "end_of_term"),
        ("cancel_for_items", {"cancel_option": "immediately", "cancel_at": "1700000000"}, "cancel_at"),
        ("cancel_for_items", {"cancel_option": "specific_date"}, "cancel_at"),
        ("cancel_for_items", {"cancel_reason_code": "x" * 101}, "cancel_reason_code"),
        ("resume", {"resume_option": "specific_date"}, "resume_date"),
    ],
)
def test_what_contradicts_itself_or_is_not_carried_out_here_is_refused(
    ask: Ask, path: str, given: dict[str, str], param: str
) -> None:
    refused = ask("POST", f"/subscriptions/boreal/{path}", given)
    assert (refused.status_code, (refused.json or {}).get("param")) == (400, param)


def test_a_card_that_is_declined_is_a_payment_error_and_leaves_a_transaction(site: Site, ask: Ask) -> None:
    site.add_card("marie", last4="0002")
    refused = ask("POST", "/invoices/F-10391/collect_payment")
    assert refused.json is not None
    assert (refused.status_code, refused.json["type"]) == (402, "payment")
    assert refused.json["api_error_code"] == "payment_processing_failed"
    assert [payment["status"] for payment in site.find("transaction")] == ["failure"]


def test_a_call_is_done_whole_or_not_at_all(site: Site, ask: Ask) -> None:
    before = site.dump()
    prices = {"item_prices[item_price_id][0]": "nothing-like-it"}
    charges = {"customer_id": "marie", "charges[amount][0]": "5", "charges[description][0]": "Formation"}
    assert ask("POST", "/invoices/create_for_charge_items_and_charges", {**charges, **prices}).status_code == 404
    assert site.dump() == before


def test_events_say_that_the_api_was_used(site: Site, ask: Ask) -> None:
    made = len(site.events)
    done(ask, "/invoices/F-10391/write_off", {"comment": "given up"})
    assert {event["source"] for event in site.events[made:]} == {"api"}


def test_a_silent_change_makes_events_that_no_webhook_carries(site: Site, ask: Ask) -> None:
    made = len(site.events)
    done(ask, "/customers/marie", {"phone": "1"}, chargebee_event_webhook="all-disabled")
    assert [(record.event_type, record.silent) for record in site.event_records[made:]] == [("customer_changed", True)]


def test_a_change_whose_event_actions_are_disabled_makes_no_event(site: Site, ask: Ask) -> None:
    made = len(site.events)
    done(ask, "/customers/marie", {"phone": "1"}, chargebee_event_actions="all-disabled")
    assert (len(site.events), site.current("customer", "marie")["phone"]) == (made, "1")


def test_silent_mails_silence_no_webhook(site: Site, ask: Ask) -> None:
    made = len(site.events)
    done(ask, "/customers/marie", {"phone": "1"}, chargebee_event_email="all-disabled")
    assert [record.silent for record in site.event_records[made:]] == [False]


def test_a_bill_in_an_answer_is_the_one_that_the_call_made(site: Site, ask: Ask) -> None:
    sold = done(
        ask,
        "/customers/marie/subscription_for_items",
        {"subscription_items[item_price_id][0]": MONTHLY.id, "subscription_items[quantity][0]": "2", "id": "austral"},
    )
    assert sold["invoice"]["subscription_id"] == "austral"
    assert sold["invoice"] == site.current("invoice", sold["invoice"]["id"])
    assert "invoice" not in done(ask, "/subscriptions/austral/update_for_items", {"po_number": "PO-1"})
