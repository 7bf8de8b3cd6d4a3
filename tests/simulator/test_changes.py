"""Changes of a subscription's items: now or later, prorated or not, billed at once or with the next invoice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY, SETUP, STORAGE, SUPPORT, TEAM, TRAINING, YEARLY


@pytest.fixture
def boreal(site: Site) -> Site:
    """One who pays three monthly seats by card."""
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    return site


def subscription(site: Site) -> dict[str, Any]:
    return site.current("subscription", "boreal")


def quantities(body: dict[str, Any]) -> dict[str, int | None]:
    return {item["item_price_id"]: item.get("quantity") for item in body["subscription_items"]}


def types_since(site: Site, place: int) -> list[str]:
    return sorted(event["event_type"] for event in site.events[place:])


def half_a_term_later(site: Site) -> None:
    body = subscription(site)
    site.advance_to(datetime.fromtimestamp((body["current_term_start"] + body["current_term_end"]) // 2, UTC))


def test_what_was_scheduled_is_carried_out_though_it_is_not_sold_any_more(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": SETUP.id}], when="end_of_term")
    boreal.update_item_price(SETUP.id, status="archived")
    boreal.advance(days=31)
    assert [invoice["sub_total"] for invoice in boreal.find("invoice")] == [17700, 25000, 17700]


@pytest.mark.parametrize("change", [{"when": "end_of_term"}, {"force_term_reset": True}])
def test_no_terms_more_is_for_now_only_and_for_the_running_term(boreal: Site, change: dict[str, Any]) -> None:
    with pytest.raises(WrongValue, match="at least 1"):
        boreal.update_items("boreal", billing_cycles=0, **change)


@pytest.mark.parametrize("begun", [{"trial_days": 10}, {"starts_at": datetime(2022, 1, 1, tzinfo=UTC)}])
def test_what_has_no_term_yet_cannot_end_with_it(site: Site, begun: dict[str, Any]) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal", **begun)
    with pytest.raises(WrongValue, match="at least 1"):
        site.update_items("boreal", billing_cycles=0)


def test_an_order_of_several_items_bills_the_one_time_charges_once(site: Site) -> None:
    items = [{"item_price_id": MONTHLY.id, "quantity": 2}, {"item_price_id": STORAGE.id, "quantity": 4}]
    body = site.subscribe("marie", items=[*items, {"item_price_id": SETUP.id, "unit_price": 20000}], id="boreal")
    assert quantities(body) == {MONTHLY.id: 2, STORAGE.id: 4}
    assert [line["amount"] for line in site.find("invoice")[0]["line_items"]] == [11800, 2000, 20000]
    assert body["charged_items"][0]["item_price_id"] == SETUP.id
    site.advance(days=31)
    assert site.find("invoice")[1]["sub_total"] == 13800


@pytest.mark.parametrize(
    "items",
    [[], [STORAGE.id], [MONTHLY.id, TEAM.id], [MONTHLY.id, SUPPORT.id], [SETUP.id]],
    ids=["nothing", "no plan", "two plans", "another period", "a charge alone"],
)
def test_an_order_has_one_plan_and_add_ons_of_its_period(items: list[str], site: Site) -> None:
    with pytest.raises(WrongValue):
        site.subscribe("marie", items=[{"item_price_id": id} for id in items])


def test_an_item_is_on_a_subscription_once(boreal: Site) -> None:
    twice = [{"item_price_id": STORAGE.id, "quantity": 1}, {"item_price_id": STORAGE.id, "quantity": 2}]
    with pytest.raises(WrongValue, match="twice"):
        boreal.update_items("boreal", twice)
    with pytest.raises(WrongValue, match="twice"):
        boreal.subscribe("marie", MONTHLY.id, items=twice)


def test_what_is_not_in_the_catalogue_is_not_found(boreal: Site) -> None:
    with pytest.raises(Refused, match="no price of the catalogue") as refused:
        boreal.update_items("boreal", [{"item_price_id": "gold"}])
    assert (refused.value.code, refused.value.status, refused.value.param) == (
        "resource_not_found", 404, "item_price_id",
    )  # fmt: skip


def test_items_not_named_stay_unless_the_list_is_replaced(boreal: Site) -> None:
    body = boreal.update_items("boreal", [{"item_price_id": STORAGE.id, "quantity": 2}])
    assert quantities(body) == {MONTHLY.id: 3, STORAGE.id: 2}
    body = boreal.update_items("boreal", [{"item_price_id": MONTHLY.id}], replace=True)
    assert quantities(body) == {MONTHLY.id: 3}


def test_an_item_can_be_removed_but_not_the_plan(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": STORAGE.id, "quantity": 2}])
    assert quantities(boreal.update_items("boreal", remove=[STORAGE.id])) == {MONTHLY.id: 3}
    with pytest.raises(WrongValue, match="exactly one plan"):
        boreal.update_items("boreal", remove=[MONTHLY.id])
    with pytest.raises(WrongValue, match="has no"):
        boreal.update_items("boreal", remove=[STORAGE.id])


def test_more_of_one_item_and_less_of_another_are_a_charge_and_a_credit(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": STORAGE.id, "quantity": 10}])
    half_a_term_later(boreal)
    place = len(boreal.events)
    boreal.update_items(
        "boreal", [{"item_price_id": MONTHLY.id, "quantity": 5}, {"item_price_id": STORAGE.id, "quantity": 4}]
    )
    invoice, note = boreal.find("invoice")[-1], boreal.find("credit_note")[-1]
    assert (invoice["sub_total"], note["sub_total"]) == (5900, 1500)
    changed = next(event for event in boreal.events[place:] if event["event_type"] == "subscription_changed")
    assert changed["content"]["invoice"]["id"] == invoice["id"]
    assert [body["id"] for body in changed["content"]["credit_notes"]] == [note["id"]]


def test_another_unit_price_is_kept_over_renewals(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "unit_price": 5000}])
    assert subscription(boreal)["mrr"] == 15000
    boreal.advance(days=31)
    assert boreal.find("invoice")[-1]["sub_total"] == 15000


def test_without_proration_nothing_is_billed_or_credited_before_the_next_term(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 9}], prorate=False)
    assert (len(boreal.find("invoice")), boreal.find("credit_note")) == (1, [])
    boreal.advance(days=31)
    assert boreal.find("invoice")[-1]["sub_total"] == 9 * 5900


def test_what_is_not_invoiced_immediately_waits_for_the_next_invoice(boreal: Site) -> None:
    half_a_term_later(boreal)
    place = len(boreal.events)
    boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 5}], invoice_immediately=False)
    charge = boreal.find("unbilled_charge")[0]
    assert (charge["amount"], charge["entity_id"], charge["subscription_id"]) == (5900, MONTHLY.id, "boreal")
    assert types_since(boreal, place) == ["customer_changed", "subscription_changed", "unbilled_charges_created"]
    told = {event["event_type"]: event["content"] for event in boreal.events[place:]}
    assert told["unbilled_charges_created"] == {"unbilled_charges": [charge]}
    assert told["subscription_changed"]["unbilled_charges"] == [charge]
    assert boreal.current("customer", "marie")["unbilled_charges"] == 5900
    boreal.advance(days=31)
    assert [line["amount"] for line in boreal.find("invoice")[-1]["line_items"]] == [5 * 5900, 5900]
    assert (boreal.find("unbilled_charge"), boreal.current("customer", "marie")["unbilled_charges"]) == ([], 0)
    assert "unbilled_charges_invoiced" in types_since(boreal, place)


def test_fewer_seats_than_wait_to_be_billed_void_the_charge_and_leave_what_is_owed(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 10, id="boreal", invoice_immediately=False)
    place = len(site.events)
    site.change_seats("boreal", 4)
    told = {event["event_type"]: event["content"] for event in site.events[place:]}
    (voided,) = told["unbilled_charges_voided"]["unbilled_charges"]
    assert (voided["amount"], voided["is_voided"], voided["voided_at"]) == (59000, True, site.timestamp)
    (owed,) = told["unbilled_charges_created"]["unbilled_charges"]
    assert (owed["amount"], site.current("customer", "marie")["unbilled_charges"]) == (4 * 5900, 4 * 5900)
    with pytest.raises(Refused, match="is void"):
        site.delete_unbilled_charge(voided["id"])
    assert site.invoice_unbilled_charges("boreal")["sub_total"] == 4 * 5900


def test_what_no_charge_waits_for_is_credited_on_the_invoice(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 5}], invoice_immediately=False)
    boreal.change_seats("boreal", 1)
    assert boreal.find("unbilled_charge", subscription_id="boreal") == []
    (note,) = boreal.find("credit_note")
    assert note["sub_total"] == 2 * 5900


def test_fewer_of_two_items_that_wait_are_voided_each_for_itself(site: Site) -> None:
    items = [{"item_price_id": MONTHLY.id, "quantity": 3}, {"item_price_id": STORAGE.id, "quantity": 4}]
    site.subscribe("marie", items=items, id="boreal", invoice_immediately=False)
    storage = next(c["amount"] for c in site.find("unbilled_charge") if c["entity_id"] == STORAGE.id)
    half_a_term_later(site)
    site.change_seats("boreal", 1)
    waiting = site.find("unbilled_charge", subscription_id="boreal")
    assert {charge["entity_id"]: charge["amount"] for charge in waiting} == {MONTHLY.id: 2 * 5900, STORAGE.id: storage}


def test_fewer_seats_than_a_pending_invoice_bills_are_taken_off_it(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 10, id="boreal", pending_invoices=True)
    site.change_seats("boreal", 4)
    (invoice,) = site.find("invoice")
    assert invoice["status"] == "pending"
    assert invoice["amount_adjusted"] == site.find("credit_note")[0]["total"]
    assert invoice["total"] - invoice["amount_adjusted"] == invoice["amount_due"] == 27134  # 4 seats, with taxes
    assert site.close_invoice(invoice["id"])["amount_due"] == 27134


def test_charges_can_be_put_off_billed_and_forgotten(boreal: Site) -> None:
    charges = boreal.add_charge(
        "boreal", [{"item_price_id": TRAINING.id, "quantity": 2}], charges=[{"amount": 100, "description": "Port"}]
    )
    assert [charge["amount"] for charge in charges] == [25000, 100]
    boreal.delete_unbilled_charge(charges[1]["id"])
    assert boreal.events[-1]["content"].keys() <= {"customer", "unbilled_charges"}
    assert boreal.invoice_unbilled_charges("boreal")["sub_total"] == 25000
    with pytest.raises(Refused, match="no unbilled charges"):
        boreal.invoice_unbilled_charges("boreal")


def test_another_period_begins_a_new_term_and_the_same_period_does_not(boreal: Site) -> None:
    half_a_term_later(boreal)
    before = subscription(boreal)
    body = boreal.update_items("boreal", [{"item_price_id": TEAM.id, "quantity": 6}])
    assert (body["current_term_end"], quantities(body)) == (before["current_term_end"], {TEAM.id: 6})
    body = boreal.update_items("boreal", [{"item_price_id": YEARLY.id, "quantity": 6}])
    assert (body["current_term_start"], body["billing_period_unit"]) == (boreal.timestamp, "year")


def test_a_term_can_be_begun_anew_on_request(boreal: Site) -> None:
    half_a_term_later(boreal)
    body = boreal.update_items("boreal", force_term_reset=True)
    assert body["current_term_start"] == boreal.timestamp
    assert boreal.find("credit_note")[0]["sub_total"] == 3 * 5900 // 2


def test_a_change_on_a_date_is_shown_by_the_future_version_only_until_that_day(boreal: Site) -> None:
    date = boreal.now + timedelta(days=10)
    place = len(boreal.events)
    body = boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 8}], when=date, po_number="77")
    assert types_since(boreal, place) == ["subscription_changes_scheduled"]
    assert (quantities(body), body["changes_scheduled_at"]) == ({MONTHLY.id: 3}, int(date.timestamp()))
    future = boreal.scheduled_version("boreal")
    assert (quantities(future), future["po_number"]) == ({MONTHLY.id: 8}, "77")
    boreal.advance(days=10)
    body = subscription(boreal)
    assert (quantities(body), body["po_number"], body["has_scheduled_changes"]) == ({MONTHLY.id: 8}, "77", False)
    assert len(boreal.find("invoice")) == 2
    with pytest.raises(Refused, match="no scheduled changes"):
        boreal.scheduled_version("boreal")


def test_a_change_at_the_end_of_term_may_be_of_the_plan_and_its_period(boreal: Site) -> None:
    end = subscription(boreal)["current_term_end"]
    boreal.update_items("boreal", [{"item_price_id": YEARLY.id, "quantity": 2}], when="end_of_term")
    boreal.advance_to(datetime.fromtimestamp(end, UTC))
    body = subscription(boreal)
    assert (body["current_term_start"], body["billing_period_unit"]) == (end, "year")
    assert boreal.find("invoice")[-1]["sub_total"] == 2 * 66000 and boreal.find("credit_note") == []
    boreal.advance(days=365)
    assert len(boreal.find("invoice")) == 3


def test_a_later_change_takes_the_place_of_the_one_scheduled_before(boreal: Site) -> None:
    boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 8}], when="end_of_term")
    boreal.update_items("boreal", [{"item_price_id": STORAGE.id, "quantity": 1}], when="end_of_term")
    assert quantities(boreal.scheduled_version("boreal")) == {MONTHLY.id: 3, STORAGE.id: 1}


def test_a_scheduled_change_can_be_taken_back(boreal: Site) -> None:
    boreal.change_seats("boreal", 8, end_of_term=True)
    place = len(boreal.events)
    body = boreal.remove_scheduled_changes("boreal")
    assert types_since(boreal, place) == ["subscription_scheduled_changes_removed"]
    assert not body["has_scheduled_changes"] and "changes_scheduled_at" not in body
    with pytest.raises(Refused, match="no scheduled changes"):
        boreal.remove_scheduled_changes("boreal")


def test_a_refused_change_leaves_the_scheduled_one(boreal: Site) -> None:
    boreal.change_seats("boreal", 8, end_of_term=True)
    with pytest.raises(WrongValue):
        boreal.change_seats("boreal", 0)
    assert quantities(boreal.scheduled_version("boreal")) == {MONTHLY.id: 8}


def test_a_trial_changes_at_its_end_and_is_then_billed_for_what_it_became(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, trial_days=14, id="boreal")
    site.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 5}], when="end_of_term")
    assert quantities(subscription(site)) == {MONTHLY.id: 3}
    site.advance(days=14)
    assert (quantities(subscription(site)), site.find("invoice")[0]["sub_total"]) == ({MONTHLY.id: 5}, 5 * 5900)


@pytest.mark.parametrize("when", [datetime(2021, 1, 1, tzinfo=UTC), "tomorrow"])
def test_a_change_in_the_past_or_at_no_time_is_refused(when: Any, boreal: Site) -> None:
    with pytest.raises(WrongValue):
        boreal.update_items("boreal", [{"item_price_id": MONTHLY.id, "quantity": 8}], when=when)


def test_settings_are_changed_with_the_items_and_custom_fields_among_them(boreal: Site) -> None:
    body = boreal.update_items("boreal", auto_collection="off", net_term_days=15, po_number="5", cf_team="ventes")
    assert (body["auto_collection"], body["net_term_days"], body["po_number"], body["cf_team"]) == (
        "off", 15, "5", "ventes",
    )  # fmt: skip
    assert "po_number" not in boreal.update_items("boreal", po_number=None)
    for wrong in ({"auto_collection": "maybe"}, {"status": "paused"}, {"net_term_days": -1}):
        with pytest.raises(WrongValue):
            boreal.update_items("boreal", **wrong)  # type: ignore[arg-type]


def test_a_finite_number_of_terms_ends_by_itself_and_nobody_is_told_of_a_cancellation(site: Site) -> None:
    body = site.subscribe("marie", MONTHLY.id, billing_cycles=2, id="boreal")
    assert (body["status"], body["remaining_billing_cycles"]) == ("active", 1)
    site.advance(days=31)
    body = subscription(site)
    assert (body["status"], body["remaining_billing_cycles"]) == ("non_renewing", 0)
    assert body["cancelled_at"] == body["current_term_end"] and "next_billing_at" not in body
    site.advance(days=31)
    assert (subscription(site)["status"], len(site.find("invoice"))) == ("cancelled", 2)
    types = {event["event_type"] for event in site.events}
    assert "subscription_cancelled" in types and "subscription_cancellation_scheduled" not in types


def test_a_running_subscription_can_be_given_a_last_term(boreal: Site) -> None:
    body = boreal.update_items("boreal", billing_cycles=0)
    assert (body["status"], body["cancelled_at"]) == ("non_renewing", body["current_term_end"])
