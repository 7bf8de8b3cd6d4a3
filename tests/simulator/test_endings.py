"""Cancelling with Chargebee's options, keeping after all, coming back; pausing and resuming; what is announced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY, TRAINING, YEARLY


@pytest.fixture
def boreal(site: Site) -> Site:
    """One who pays a monthly seat by card."""
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


def subscription(site: Site) -> dict[str, Any]:
    return site.current("subscription", "boreal")


def types_since(site: Site, place: int) -> list[str]:
    return sorted(event["event_type"] for event in site.events[place:])


def half_a_term_later(site: Site) -> None:
    body = subscription(site)
    site.advance_to(datetime.fromtimestamp((body["current_term_start"] + body["current_term_end"]) // 2, UTC))


def test_a_cancellation_without_options_is_immediate(boreal: Site) -> None:
    body = boreal.cancel_items("boreal")
    assert (body["status"], body["cancelled_at"]) == ("cancelled", boreal.timestamp)
    assert boreal.find("credit_note") == []
    with pytest.raises(Refused, match="cancelled already"):
        boreal.cancel_items("boreal", option="end_of_term")


@pytest.mark.parametrize("option", ["end_of_term", "end_of_billing_term"])
def test_at_the_end_of_the_term_the_subscription_is_non_renewing_until_then(option: str, boreal: Site) -> None:
    body = boreal.cancel_items("boreal", option=option, reason="Too expensive")
    assert (body["status"], body["cancelled_at"]) == ("non_renewing", body["current_term_end"])
    boreal.advance(days=31)
    assert (subscription(boreal)["status"], len(boreal.find("invoice"))) == ("cancelled", 1)


def test_on_a_date_within_the_term_the_status_stays_and_the_date_alone_tells(boreal: Site) -> None:
    date = boreal.now + timedelta(days=5)
    place = len(boreal.events)
    body = boreal.cancel_items("boreal", option="specific_date", at=date)
    assert (body["status"], body["cancelled_at"]) == ("active", int(date.timestamp()))
    assert "next_billing_at" not in body and types_since(boreal, place) == ["subscription_cancellation_scheduled"]
    boreal.advance(days=5)
    assert (subscription(boreal)["status"], subscription(boreal)["cancelled_at"]) == ("cancelled", boreal.timestamp)


def test_on_a_date_beyond_the_term_it_is_renewed_until_then(boreal: Site) -> None:
    date = boreal.now + timedelta(days=40)
    body = boreal.cancel_items("boreal", option="specific_date", at=date)
    assert (body["status"], body["next_billing_at"]) == ("active", body["current_term_end"])
    boreal.advance(days=40)
    assert (subscription(boreal)["status"], len(boreal.find("invoice"))) == ("cancelled", 2)


@pytest.mark.parametrize(("option", "credited"), [("none", 0), ("prorate", 2950), ("full", 5900)])
def test_what_is_credited_of_the_running_term_is_as_told(option: str, credited: int, boreal: Site) -> None:
    half_a_term_later(boreal)
    boreal.cancel_items("boreal", credit_option=option)
    assert sum(note["sub_total"] for note in boreal.find("credit_note")) == credited


def test_the_options_of_a_later_cancellation_are_kept_for_its_day(boreal: Site) -> None:
    boreal.cancel_items("boreal", at=boreal.now + timedelta(days=15, hours=12), credit_option="prorate")
    assert boreal.find("credit_note") == []
    boreal.advance(days=16)
    assert boreal.find("credit_note")[0]["total"] == 2950 + 148 + 294


@pytest.mark.parametrize(("option", "billed"), [("invoice", [5900, 12500]), ("delete", [5900])])
def test_unbilled_charges_are_billed_or_forgotten_at_the_end(option: str, billed: list[int], boreal: Site) -> None:
    boreal.add_charge("boreal", [{"item_price_id": TRAINING.id}])
    boreal.cancel_items("boreal", unbilled_charges_option=option)
    assert [invoice["sub_total"] for invoice in boreal.find("invoice")] == billed
    assert boreal.find("unbilled_charge") == []


def test_what_is_owed_can_be_written_off_or_collected_with_the_cancellation(site: Site) -> None:
    site.change_customer("marie", auto_collection="off")
    for id in ("boreal", "second"):
        site.subscribe("marie", MONTHLY.id, id=id)
    site.cancel_items("boreal", account_receivables_handling="write_off")
    site.add_card("marie")
    site.cancel_items("second", account_receivables_handling="schedule_payment_collection")
    first, second = site.find("invoice")
    assert (first["status"], first["write_off_amount"]) == ("paid", 6784)
    assert (second["status"], second["amount_paid"]) == ("paid", 6784)


def test_credits_can_be_refunded_with_the_cancellation(boreal: Site) -> None:
    boreal.cancel_items("boreal", credit_option="full", refundable_credits_handling="schedule_refund")
    refund = boreal.find("transaction", type="refund")[0]
    assert (refund["amount"], boreal.find("credit_note")[0]["status"]) == (6784, "refunded")
    assert boreal.current("customer", "marie")["refundable_credits"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"option": "now"},
        {"option": "specific_date"},
        {"credit_option": "half"},
        {"unbilled_charges_option": "keep"},
        {"account_receivables_handling": "sell"},
        {"refundable_credits_handling": "keep"},
        {"reason": "x" * 101},
    ],
)
def test_options_that_are_not_known_are_refused(wrong: dict[str, str], boreal: Site) -> None:
    with pytest.raises(WrongValue):
        boreal.cancel_items("boreal", **wrong)  # type: ignore[arg-type]


def test_a_kept_subscription_may_be_kept_for_some_terms_only(boreal: Site) -> None:
    boreal.schedule_cancellation("boreal")
    body = boreal.remove_scheduled_cancellation("boreal", billing_cycles=1)
    assert (body["status"], body["remaining_billing_cycles"]) == ("active", 1)
    boreal.advance(days=31)
    assert subscription(boreal)["status"] == "non_renewing"


def test_a_reactivated_subscription_may_wait_with_its_invoice_and_have_a_last_term(boreal: Site) -> None:
    boreal.cancel("boreal")
    body = boreal.reactivate("boreal", billing_cycles=1, invoice_immediately=False)
    assert (body["status"], len(boreal.find("invoice"))) == ("non_renewing", 1)
    assert boreal.find("unbilled_charge")[0]["amount"] == 5900


def test_a_pause_at_the_end_of_term_leaves_the_subscription_active_until_then(boreal: Site) -> None:
    place = len(boreal.events)
    end = subscription(boreal)["current_term_end"]
    body = boreal.pause("boreal", option="end_of_term", resume_at=boreal.now + timedelta(days=50))
    assert (body["status"], body["pause_date"]) == ("active", end) and "next_billing_at" not in body
    assert types_since(boreal, place) == ["subscription_pause_scheduled"]
    boreal.advance(days=31)
    assert (subscription(boreal)["status"], len(boreal.find("invoice"))) == ("paused", 1)
    boreal.advance(days=19)
    assert (subscription(boreal)["status"], subscription(boreal)["current_term_start"]) == ("active", boreal.timestamp)


def test_a_scheduled_pause_can_be_taken_back(boreal: Site) -> None:
    before = subscription(boreal)
    boreal.pause("boreal", pause_at=boreal.now + timedelta(days=3))
    place = len(boreal.events)
    after = boreal.remove_scheduled_pause("boreal")
    assert types_since(boreal, place) == ["subscription_scheduled_pause_removed"]
    assert after | {field: before[field] for field in ("resource_version", "updated_at")} == before
    with pytest.raises(Refused, match="no scheduled pause"):
        boreal.remove_scheduled_pause("boreal")


def test_a_resumption_can_be_set_for_a_day_and_taken_back(boreal: Site) -> None:
    boreal.pause("boreal")
    place = len(boreal.events)
    boreal.resume("boreal", at=boreal.now + timedelta(days=3))
    boreal.remove_scheduled_resumption("boreal")
    boreal.advance(days=5)
    assert subscription(boreal)["status"] == "paused"
    assert types_since(boreal, place) == [
        "subscription_resumption_scheduled",
        "subscription_scheduled_resumption_removed",
    ]
    boreal.resume("boreal", at=boreal.now + timedelta(days=1))
    boreal.advance(days=1)
    assert subscription(boreal)["status"] == "active"


@pytest.mark.parametrize(
    "wrong",
    [{"option": "soon"}, {"option": "specific_date"}, {"pause_at": datetime(2020, 1, 1, tzinfo=UTC)},
     {"resume_at": datetime(2020, 1, 1, tzinfo=UTC)}],
)  # fmt: skip
def test_a_pause_that_makes_no_sense_is_refused(wrong: dict[str, Any], boreal: Site) -> None:
    with pytest.raises(WrongValue):
        boreal.pause("boreal", **wrong)


def test_one_that_is_to_be_cancelled_is_not_paused(boreal: Site) -> None:
    boreal.schedule_cancellation("boreal")
    with pytest.raises(Refused, match="to be cancelled"):
        boreal.pause("boreal")


def reminders(site: Site) -> dict[str, int]:
    """Event -> how many days after the start of 4 January it was told."""
    told = [event for event in site.events if event["event_type"].endswith("_reminder")]
    start = datetime(2021, 1, 4, 15, 0, tzinfo=UTC).timestamp()
    return {event["event_type"]: (event["occurred_at"] - int(start)) // 86400 for event in told}


def test_the_end_of_a_trial_is_announced_six_days_before(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, trial_days=14, id="boreal")
    site.advance(days=60)
    assert reminders(site) == {"subscription_trial_end_reminder": 8}


def test_a_cancellation_is_announced_six_days_before_and_once(boreal: Site) -> None:
    boreal.schedule_cancellation("boreal")
    boreal.advance(days=60)
    assert reminders(boreal) == {"subscription_cancellation_reminder": 25}
    assert len([event for event in boreal.events if event["event_type"].endswith("_reminder")]) == 1


def test_the_renewal_of_a_year_is_announced_and_that_of_a_month_is_not(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id)
    site.subscribe("marie", YEARLY.id)
    site.advance(days=364)
    assert reminders(site) == {"subscription_renewal_reminder": 359}


def test_a_reminder_changes_nothing_and_carries_the_subscription_as_it_is(boreal: Site) -> None:
    boreal.schedule_cancellation("boreal")
    before = subscription(boreal)
    boreal.advance(days=26)
    told = boreal.events[-1]
    assert told["event_type"] == "subscription_cancellation_reminder"
    assert told["content"]["subscription"] == before == subscription(boreal)


def test_what_is_decommissioned_does_not_come_back_unless_it_is_kept_in_time(boreal: Site) -> None:
    boreal.cancel_items("boreal", option="end_of_term", decommissioned=True)
    assert boreal.current("subscription", "boreal")["decommissioned"]
    assert "decommissioned" not in boreal.remove_scheduled_cancellation("boreal")
    boreal.cancel_items("boreal", decommissioned=True)
    with pytest.raises(Refused, match="is decommissioned"):
        boreal.reactivate("boreal")
