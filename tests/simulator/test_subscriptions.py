"""What is sold: terms, seats, plans, cancellations, pauses, moves, and what each of them bills."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY, SUPPORT, YEARLY


def types_since(site: Site, place: int) -> set[str]:
    return {event["event_type"] for event in site.events[place:]}


def subscription(site: Site) -> dict[str, Any]:
    return site.current("subscription", "boreal")


def at(site: Site, timestamp: int) -> None:
    site.advance_to(datetime.fromtimestamp(timestamp, UTC))


def test_an_order_is_an_active_term_and_an_invoice_for_it(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    invoice = site.current("invoice", "F-10391")
    assert (body["status"], body["subscription_items"][0]["quantity"]) == ("active", 3)
    assert (invoice["sub_total"], invoice["first_invoice"], invoice["recurring"]) == (3 * 5900, True, True)
    line = invoice["line_items"][0]
    assert (line["date_from"], line["date_to"]) == (body["current_term_start"], body["current_term_end"])
    assert (line["quantity"], line["unit_amount"], line["amount"]) == (3, 5900, 17700)


def test_a_start_in_the_past_is_refused_and_not_passed_over(site: Site) -> None:
    with pytest.raises(WrongValue, match="start_date is in the past"):
        site.subscribe("marie", MONTHLY.id, 3, id="boreal", starts_at=site.now - timedelta(days=1))
    assert site.subscribe("marie", MONTHLY.id, 3, id="boreal", starts_at=site.now)["status"] == "active"


def test_an_add_on_is_a_line_of_its_own_and_has_no_quantity(site: Site) -> None:
    body = site.subscribe("marie", YEARLY.id, 2, addons={SUPPORT.id: 1}, id="boreal")
    assert [item.get("quantity") for item in body["subscription_items"]] == [2, None]
    assert [line["amount"] for line in site.current("invoice", "F-10391")["line_items"]] == [132000, 18000]
    assert site.current("invoice", "F-10391")["total"] == 172463


def test_a_monthly_plan_takes_no_yearly_add_on(site: Site) -> None:
    with pytest.raises(WrongValue, match="periods differ"):
        site.subscribe("marie", MONTHLY.id, 2, addons={SUPPORT.id: 1})


def test_terms_follow_one_another_on_the_anchor_day(site: Site) -> None:
    site.advance_to(datetime(2023, 12, 31, 15, 0, tzinfo=UTC))
    site.subscribe("marie", MONTHLY.id, id="boreal")
    ends = []
    for _ in range(4):
        ends.append(datetime.fromtimestamp(subscription(site)["current_term_end"], site.zone).strftime("%m-%d %H:%M"))
        at(site, subscription(site)["current_term_end"])
    assert ends == ["01-31 10:00", "02-29 10:00", "03-31 10:00", "04-30 10:00"]
    assert len(site.find("invoice")) == 5


def test_a_year_passes_without_a_term_missing_or_billed_twice(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.advance(days=400)
    terms = [(line["date_from"], line["date_to"]) for body in site.find("invoice") for line in body["line_items"]]
    assert len(terms) == 14
    assert all(before[1] == after[0] for before, after in pairwise(terms))


def test_more_seats_now_are_billed_for_the_rest_of_the_term(site: Site) -> None:
    site.subscribe("marie", YEARLY.id, 1, id="boreal")
    term = subscription(site)["current_term_end"] - subscription(site)["current_term_start"]
    site.advance(seconds=term // 4)
    site.change_seats("boreal", 5)
    assert site.current("invoice", "F-10392")["sub_total"] == 4 * 66000 * 3 // 4
    assert subscription(site)["subscription_items"][0]["amount"] == 5 * 66000


def test_proration_counts_milliseconds(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 1, id="boreal")
    seconds = subscription(site)["current_term_end"] - subscription(site)["current_term_start"]
    # 1,000 more seats cost 5,900,000 for the term; one cent is the cost of less than half a second.
    site.advance(milliseconds=1000 * seconds // 2 + 400)
    site.change_seats("boreal", 1001)
    assert site.current("invoice", "F-10392")["sub_total"] == 5_900_000 // 2 - 1


def test_fewer_seats_are_first_taken_off_what_is_owed_and_nothing_is_given_back(site: Site) -> None:
    site.change_customer("marie", auto_collection="off")
    site.subscribe("marie", MONTHLY.id, 4, id="boreal")
    site.change_seats("boreal", 2)
    invoice = site.current("invoice", "F-10391")
    note = site.find("credit_note")[0]
    assert (note["type"], note["status"], note["total"]) == ("adjustment", "adjusted", invoice["total"] // 2)
    assert (invoice["amount_adjusted"], invoice["amount_due"]) == (note["total"], invoice["total"] - note["total"])
    assert site.current("customer", "marie")["refundable_credits"] == 0


def test_fewer_seats_of_a_paid_term_are_a_credit_that_the_next_invoice_spends(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 4, id="boreal")
    site.change_seats("boreal", 2)
    credit = site.find("credit_note")[0]
    assert (credit["type"], credit["status"]) == ("refundable", "refund_due")
    assert site.current("customer", "marie")["refundable_credits"] == credit["amount_available"] > 0
    at(site, subscription(site)["current_term_end"])
    invoice = site.current("invoice", "F-10392")
    assert invoice["credits_applied"] == credit["total"] and invoice["status"] == "paid"
    assert site.current("customer", "marie")["refundable_credits"] == 0
    assert site.current("credit_note", credit["id"])["allocations"][0]["invoice_id"] == "F-10392"


def test_a_credit_event_of_a_subscription_lists_its_credit_notes_in_the_plural(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 4, id="boreal")
    site.change_seats("boreal", 2)
    changed = [event for event in site.events if event["event_type"] == "subscription_changed"][-1]
    assert changed["content"]["credit_notes"] == site.find("credit_note")


def test_seats_scheduled_for_the_next_term_change_nothing_before(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 4, id="boreal")
    place = len(site.events)
    body = site.change_seats("boreal", 2, end_of_term=True)
    assert types_since(site, place) == {"subscription_changes_scheduled"}
    assert (body["subscription_items"][0]["quantity"], body["has_scheduled_changes"]) == (4, True)
    assert body["changes_scheduled_at"] == body["current_term_end"]
    at(site, body["current_term_end"])
    body = subscription(site)
    assert (body["subscription_items"][0]["quantity"], body["has_scheduled_changes"]) == (2, False)
    assert site.current("invoice", "F-10392")["sub_total"] == 2 * 5900


def test_a_change_of_plan_begins_a_new_term_and_credits_the_rest_of_the_old_one(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.advance(days=10)
    body = site.change_plan("boreal", YEARLY.id)
    invoice = site.current("invoice", "F-10392")
    assert (body["billing_period"], body["billing_period_unit"]) == (1, "year")
    assert body["current_term_start"] == site.timestamp
    assert 0 < invoice["credits_applied"] < 6784 and invoice["status"] == "paid"
    assert invoice["amount_paid"] == invoice["total"] - invoice["credits_applied"]


def test_a_scheduled_cancellation_shows_its_date_in_the_future_and_the_seats_stay(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    body = site.schedule_cancellation("boreal", reason="Too expensive")
    assert (body["status"], body["cancelled_at"]) == ("non_renewing", body["current_term_end"])
    assert (body["cancel_reason_code"], body["cancel_schedule_created_at"]) == ("Too expensive", site.timestamp)
    assert body["remaining_billing_cycles"] == 0 and "next_billing_at" not in body
    assert body["subscription_items"][0]["quantity"] == 3


def test_a_scheduled_cancellation_is_carried_out_at_its_instant_and_not_renewed(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, id="boreal")
    site.schedule_cancellation("boreal")
    at(site, body["current_term_end"] - 1)
    assert subscription(site)["status"] == "non_renewing"
    place = len(site.events)
    at(site, body["current_term_end"])
    assert types_since(site, place) == {"subscription_cancelled"}
    assert (subscription(site)["status"], subscription(site)["cancelled_at"]) == ("cancelled", body["current_term_end"])
    assert site.events[-1]["occurred_at"] == body["current_term_end"]
    assert len(site.find("invoice")) == 1


def test_a_cancellation_on_a_date_within_the_term_comes_on_that_date(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    date = site.now + timedelta(days=5)
    site.schedule_cancellation("boreal", at=date)
    site.advance(days=6)
    assert subscription(site)["status"] == "cancelled"
    assert subscription(site)["cancelled_at"] == subscription(site)["current_term_end"] == int(date.timestamp())


@pytest.mark.parametrize("days", [-1, 0])
def test_a_cancellation_in_the_past_is_refused(days: int, site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with pytest.raises(WrongValue, match="in the future"):
        site.schedule_cancellation("boreal", at=site.now + timedelta(days=days))


def test_a_removed_cancellation_leaves_nothing_behind(site: Site) -> None:
    before = site.subscribe("marie", MONTHLY.id, id="boreal")
    site.schedule_cancellation("boreal", reason="Too expensive")
    place = len(site.events)
    after = site.remove_scheduled_cancellation("boreal")
    versions = ("resource_version", "updated_at")
    assert after | {field: before[field] for field in versions} == before
    assert types_since(site, place) == {"subscription_scheduled_cancellation_removed"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda site: site.change_seats("boreal", 9),
        lambda site: site.change_seats("boreal", 9, end_of_term=True),
        lambda site: site.change_plan("boreal", YEARLY.id),
        lambda site: site.change_collection("boreal", auto_collection="off"),
    ],
)
def test_any_edit_of_a_non_renewing_subscription_removes_its_scheduled_cancellation_unasked(
    edit: Any, site: Site
) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    site.schedule_cancellation("boreal", reason="Too expensive")
    place = len(site.events)
    edit(site)
    body = subscription(site)
    assert body["status"] == "active" and "cancelled_at" not in body and "cancel_reason_code" not in body
    assert body["next_billing_at"] == body["current_term_end"]
    assert "subscription_scheduled_cancellation_removed" not in types_since(site, place)
    site.advance(days=40)
    assert subscription(site)["status"] == "active"


def test_a_trial_stays_a_trial_until_its_scheduled_cancellation(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, trial_days=14, id="boreal")
    assert (body["status"], site.find("invoice")) == ("in_trial", [])
    site.schedule_cancellation("boreal")
    assert (subscription(site)["status"], subscription(site)["cancelled_at"]) == ("in_trial", body["trial_end"])
    site.advance(days=14)
    assert (subscription(site)["status"], site.find("invoice")) == ("cancelled", [])


def test_a_trial_ends_in_a_paid_term(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 2, trial_days=14, id="boreal")
    place = len(site.events)
    site.advance(days=14)
    assert {"subscription_activated", "invoice_generated"} <= types_since(site, place)
    assert (subscription(site)["status"], subscription(site)["current_term_start"]) == ("active", site.timestamp)


def test_a_future_subscription_starts_on_its_day(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, starts_at=site.now + timedelta(days=3), id="boreal")
    assert (body["status"], site.find("invoice")) == ("future", [])
    place = len(site.events)
    site.advance(days=3)
    assert {"subscription_started", "invoice_generated"} <= types_since(site, place)
    assert (subscription(site)["status"], subscription(site)["started_at"]) == ("active", site.timestamp)


def test_cancelling_now_with_credit_gives_back_the_rest_of_a_paid_term(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.advance(days=15, hours=12)
    body = site.cancel("boreal", credit=True, reason="Moved away")
    assert (body["status"], body["cancelled_at"]) == ("cancelled", site.timestamp)
    assert body["current_term_end"] == site.timestamp
    assert site.find("credit_note")[0]["total"] == 2950 + 148 + 294


def test_a_cancelled_subscription_comes_back_with_a_new_term(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.cancel("boreal", reason="Too expensive")
    site.advance(days=3)
    body = site.reactivate("boreal")
    assert body["status"] == "active" and "cancelled_at" not in body and "cancel_reason_code" not in body
    assert body["current_term_start"] == site.timestamp and len(site.find("invoice")) == 2


def test_a_pause_within_the_term_bills_nothing_and_the_term_goes_on(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, id="boreal")
    site.pause("boreal", resume_at=site.now + timedelta(days=10))
    assert subscription(site)["status"] == "paused"
    site.advance(days=10)
    assert (subscription(site)["status"], subscription(site)["next_billing_at"]) == ("active", body["current_term_end"])
    assert len(site.find("invoice")) == 1


def test_a_pause_beyond_the_term_ends_in_a_new_term(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.pause("boreal")
    site.advance(days=90)
    assert len(site.find("invoice")) == 1
    site.resume("boreal")
    assert subscription(site)["current_term_start"] == site.timestamp and len(site.find("invoice")) == 2


def test_a_moved_subscription_belongs_to_the_new_customer_and_its_invoices_to_the_old(site: Site) -> None:
    site.create_customer(id="alex", company="Atelier Nord", email="alex@ateliernord.example")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    place = len(site.events)
    site.move_subscription("boreal", "alex")
    assert subscription(site)["customer_id"] == "alex"
    assert [set(event["content"]) for event in site.events[place:]] == [{"subscription"}, {"subscription"}]
    assert types_since(site, place) == {"subscription_moved_out", "subscription_moved_in"}
    site.advance(days=40)
    assert [invoice["customer_id"] for invoice in site.find("invoice")] == ["marie", "alex"]


def test_a_deleted_subscription_is_never_billed_again(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    assert site.delete_subscription("boreal")["deleted"]
    site.advance(days=90)
    assert len(site.find("invoice")) == 1
    with pytest.raises(Refused, match="not found"):
        site.change_seats("boreal", 2)


def test_the_dues_of_a_subscription_are_those_at_its_last_change(site: Site) -> None:
    site.change_customer("marie", auto_collection="off")
    body = site.subscribe("marie", MONTHLY.id, id="boreal")
    assert (body["due_invoices_count"], body["total_dues"], body["due_since"]) == (1, 6784, site.timestamp)


@pytest.mark.parametrize("seats", [0, -1])
def test_no_seats_at_all_are_refused(seats: int, site: Site) -> None:
    with pytest.raises(WrongValue, match="at least 1"):
        site.subscribe("marie", MONTHLY.id, seats)


def test_an_edit_that_changes_nothing_tells_nothing(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    place = len(site.events)
    site.change_seats("boreal", 3)
    assert site.events[place:] == []
