"""What the site keeps: versions that never change, events that refer to them, and what belongs to what."""

from __future__ import annotations

import json

import pytest

from simulator import Refused, Site, history
from simulator.pricing import MONTHLY


def wire(body: object) -> str:
    return json.dumps(body, ensure_ascii=False)


def test_an_event_is_found_by_its_id_and_reads_the_same_each_time(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    read = [wire(event) for event in site.events]
    site.advance(days=40)
    for place, record in enumerate(site.event_records[: len(read)]):
        assert wire(site.event(record.id)) == wire(site.events[place]) == read[place]


def test_an_event_that_is_not_there_is_not_found(site: Site) -> None:
    with pytest.raises(Refused) as refusal:
        site.event("ev_unknown")
    assert refusal.value.status == 404


def test_events_are_a_sequence_of_bodies() -> None:
    site = history(4)
    bodies = list(site.events)
    assert [site.events[place] for place in range(-1, len(site.events))] == [bodies[-1], *bodies]
    assert site.events[3:9:2] == bodies[3:9:2] and len(site.events) == len(bodies)
    with pytest.raises(IndexError):
        site.events[len(bodies)]


def test_records_say_of_events_what_their_bodies_say() -> None:
    site = history(9, customers=4, actions=60)
    for record, event in zip(site.event_records, site.events, strict=True):
        assert (record.id, record.occurred_at, record.event_type, record.source) == tuple(
            event[field] for field in ("id", "occurred_at", "event_type", "source")
        )
        subject = event["content"][record.kind]
        assert subject["id"] == record.subject_id
        assert record.customer_id == (record.subject_id if record.kind == "customer" else subject["customer_id"])


def test_whoever_edits_what_they_were_given_edits_nothing_on_the_site(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")["subscription_items"][0]["quantity"] = 99
    site.current("subscription", "boreal")["status"] = "lost"
    site.events[-1]["content"].clear()
    assert site.current("subscription", "boreal")["status"] == "active"
    assert site.current("subscription", "boreal")["subscription_items"][0]["quantity"] == 3
    assert site.events[-1]["content"]


def test_find_looks_up_what_a_search_through_everything_finds() -> None:
    site = history(6, customers=4, actions=80)
    kinds = ("subscription", "invoice", "transaction", "credit_note", "payment_source")
    for kind in kinds:
        for field in ("customer_id", "subscription_id", "reference_invoice_id", "status"):
            for value in {body.get(field) for body in site.all(kind, include_deleted=True)}:
                searched = [body for body in site.all(kind) if body.get(field) == value]
                assert site.find(kind, **{field: value}) == searched
    unused = [body for body in site.all("transaction") if body.get("amount_unused")]
    found = [body for customer in site.ids("customer") for body in site.find("transaction", unused_of=customer)]
    assert sorted(body["id"] for body in found) == sorted(body["id"] for body in unused)


def test_inside_an_action_find_sees_the_drafts(site: Site) -> None:
    site.create_customer(id="alex", company="Atelier Nord", email=None)
    site.subscribe("alex", MONTHLY.id, id="nord")
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with site._action():
        site._edit("subscription", "boreal")["customer_id"] = "alex"
        site._make("subscription", "third", {"customer_id": "alex", "status": "cancelled"})
        assert [body["id"] for body in site.find("subscription", customer_id="alex")] == ["nord", "boreal", "third"]
        assert site.find("subscription", customer_id="marie") == []


def test_an_object_has_as_many_versions_as_changes(site: Site) -> None:
    site.change_customer("marie", phone="1")
    site.change_customer("marie", phone="1")  # changes nothing
    assert (site.version_count("customer", "marie"), site.version_count("customer", "nobody")) == (2, 0)


def test_a_silent_call_makes_events_that_are_listed_and_not_sent(site: Site) -> None:
    with site.silenced():
        site.change_customer("marie", phone="1")
    site.change_customer("marie", phone="2")
    assert [record.silent for record in site.event_records[-2:]] == [True, False]
    assert [event["webhooks"][0]["webhook_status"] for event in site.events[-2:]] == ["skipped", "scheduled"]


def test_a_call_without_event_actions_changes_the_object_and_makes_no_event(site: Site) -> None:
    place = len(site.events)
    with site.silenced(events=True):
        site.change_customer("marie", phone="1")
    assert site.events[place:] == [] and site.current("customer", "marie")["phone"] == "1"


def test_what_the_clock_does_is_never_silent(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id)
    place = len(site.events)
    with site.silenced(webhooks=True, events=True):
        site.advance(days=32)
    told = site.event_records[place:]
    assert "subscription_renewed" in {record.event_type for record in told}
    assert not any(record.silent for record in told)


def test_how_a_delivery_stands_is_seen_in_the_event_and_nothing_else_of_it_changes(site: Site) -> None:
    before = site.events[-1]
    site.set_webhooks(before["id"], (("whv2_one", "succeeded"), ("whv2_two", "re_scheduled")))
    after = site.events[-1]
    assert [(each["id"], each["webhook_status"]) for each in after.pop("webhooks")] == [
        ("whv2_one", "succeeded"), ("whv2_two", "re_scheduled"),
    ]  # fmt: skip
    del before["webhooks"]
    assert wire(before) == wire(after)


def test_has_says_whether_find_finds_anything(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    assert site.has("invoice", subscription_id="boreal") and site.has(
        "invoice", subscription_id="boreal", first_invoice=True
    )
    assert not site.has("invoice", subscription_id="boreal", status="voided")
    with site._action():
        site._edit("invoice", "F-10391")["deleted"] = True
        assert not site.has("invoice", subscription_id="boreal")
