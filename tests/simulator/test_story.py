"""The demo story, played on the site alone: what it promises of money, seats and dates is what the site bills."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Site, story
from simulator.balances import OPEN


def played_until(name: str, tale: str = "year") -> Site:
    site = story.a_site()
    for step in story.STORIES[tale].steps:
        step.play(site)
        if step.name == name:
            return site
    raise LookupError(name)


@pytest.mark.parametrize(
    ("tale", "step"),
    [(tale, step) for tale, told in story.STORIES.items() for step in told.steps],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_each_step_leaves_the_site_as_it_says(tale: str, step: story.Step) -> None:
    site = played_until(step.name, tale)
    said = step.consequences
    live = ("active", "non_renewing", "in_trial")

    def seats(subscription: dict[str, Any]) -> int:
        return subscription["subscription_items"][0]["quantity"] if subscription["status"] in live else 0

    def chased(invoice: dict[str, Any]) -> bool:
        off = site.current("customer", invoice["customer_id"])["auto_collection"] == "off"
        return off and invoice["status"] in OPEN and invoice["amount_due"] > 0

    invoices = site.all("invoice")
    assert {body["id"]: seats(body) for body in site.all("subscription")} == dict(said.seats)
    assert {body["id"]: body["amount_due"] for body in invoices if chased(body)} == dict(said.owed)
    assert {body["id"]: body["amount_paid"] for body in invoices if body["amount_paid"]} == dict(said.paid)


def test_the_steps_come_in_the_order_of_time_and_each_but_the_quiet_one_changes_something() -> None:
    site = story.a_site()
    quiet = []
    for step in story.steps():
        before = len(site.events)
        step.play(site)
        if all(event["event_type"].endswith("_reminder") for event in site.events[before:]):
            quiet.append(step.name)
    assert quiet == ["last-day"]
    assert [step.at for step in story.steps()] == sorted(step.at for step in story.steps())


def test_the_first_invoice_is_59_with_2_95_and_5_89_of_taxes_paid_by_card() -> None:
    invoice = played_until("buy").current("invoice", "F-10391")
    assert (invoice["sub_total"], invoice["total"], invoice["status"]) == (5900, 6784, "paid")
    assert [(tax["name"], tax["amount"]) for tax in invoice["taxes"]] == [("TPS", 295), ("TVQ", 589)]


def test_the_seats_by_wire_are_prorated_to_2618_04_and_due_in_thirty_days() -> None:
    site = played_until("wire")
    invoice = site.current("invoice", "F-10428")
    assert (invoice["sub_total"], invoice["total"], invoice["status"]) == (261804, 301009, "posted")
    assert [(tax["name"], tax["amount"]) for tax in invoice["taxes"]] == [("TPS", 13090), ("TVQ", 26115)]
    assert invoice["due_date"] - invoice["date"] == 30 * 86400
    assert invoice["line_items"][0]["description"] == "Licence Boréal Cloud (CAD), frais au prorata"


def test_the_cancellation_is_scheduled_removed_scheduled_and_carried_out_on_the_day_the_term_ends() -> None:
    states = []
    site = story.a_site()
    for step in story.steps():
        step.play(site)
        body = site.current("subscription", story.TEST1234_SEATS)
        states.append((step.name, body["status"], body.get("cancelled_at"), body.get("cancel_reason_code")))
    end = int(story.TERM_END.timestamp())
    assert states[-5:] == [
        ("cancel", "non_renewing", end, "Too expensive"),
        ("keep", "active", None, None),
        ("cancel-again", "non_renewing", end, "No longer needed"),
        ("last-day", "non_renewing", end, "No longer needed"),
        ("end", "cancelled", end, "No longer needed"),
    ]


def test_the_bounced_cheque_is_deleted_and_nothing_of_it_is_left() -> None:
    site = played_until("bounce")
    transactions = site.all("transaction", include_deleted=True)
    cheque = next(body for body in transactions if body["payment_method"] == "check")
    assert cheque["deleted"] and cheque["linked_invoices"] == []
    assert site.current("invoice", "F-10431")["linked_payments"] == []


def test_the_story_is_the_same_bytes_each_time() -> None:
    assert played_until("end").dump() == played_until("end").dump()


def test_the_declined_card_leaves_an_invoice_that_chargebee_goes_on_trying() -> None:
    invoice = played_until("declined", "card").current("invoice", "F-10392")
    assert (invoice["status"], invoice["dunning_status"], invoice["amount_due"]) == ("payment_due", "in_progress", 6784)
    assert played_until("paid", "card").current("invoice", "F-10392")["dunning_status"] == "success"
