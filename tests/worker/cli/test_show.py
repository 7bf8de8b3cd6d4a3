"""The whole local truth about one object, as JSON and as tables."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import story
from tasks.mentions import LOOK_BACK, names
from tests.builders import a_customer, a_subscription, an_event, an_invoice, an_item
from worker.cli.show import AT_MOST

SEATS, CUSTOMER, INVOICE = story.TEST1234_SEATS, story.TEST1234, "F-10428"


def about(site: Any, kind: str, id: str) -> list[str]:
    """Ids of the events that carry this object, oldest first."""
    return [event["id"] for event in site.events if event["content"].get(kind, {}).get("id") == id]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_a_subscription_is_shown_with_everything_around_it(live, read):
    site = live("cancel")
    shown = read("show", "subscription", SEATS)
    assert list(shown) == [
        "subscription",
        "seat_entries",
        "invoices",
        "payments",
        "followups",
        "cancellations",
        "emails",
        "events",
    ]
    subscription = shown["subscription"]
    truth = site.current("subscription", SEATS)
    assert list(subscription)[:6] == ["id", "customer_id", "status", "seats", "version", "current_term_end"]
    assert (subscription["id"], subscription["customer_id"]) == (SEATS, CUSTOMER)
    assert (subscription["status"], subscription["seats"]) == ("non_renewing", 5)
    assert subscription["version"] == truth["resource_version"]
    assert subscription["current_term_end"] == "2022-01-08T14:30:00Z"
    assert [(row["before"], row["after"]) for row in shown["seat_entries"]] == [(0, 1), (1, 0), (0, 1), (1, 5)]
    assert ids(shown["invoices"]) == ["F-10391", "F-10392", INVOICE]
    assert shown["invoices"][0]["total"] == {"minor": 6784, "currency": "CAD", "display": "67,84\u00a0$"}
    assert [payment["amount"]["minor"] for payment in shown["payments"]] == [6784, 69975, 200000, 101009]
    assert shown["payments"][2]["applied"] == [
        {
            "invoice_id": INVOICE,
            "amount": {"minor": 200000, "currency": "CAD", "display": "2\u00a0000,00\u00a0$"},
        }
    ]
    assert [(row["invoice_id"], row["open"], row["state"]) for row in shown["followups"]] == [(INVOICE, False, "paid")]
    assert shown["followups"][0]["entries"][0]["move"] == "opened"
    assert [(row["state"], row["effective_on"]) for row in shown["cancellations"]] == [("scheduled", "2022-01-08")]
    assert {(mail["name"], mail["object_id"], mail["state"]) for mail in shown["emails"]} == {
        ("invoice", "F-10391", "sent"),
        ("invoice", "F-10392", "sent"),
        ("invoice", INVOICE, "sent"),
        ("finance_new_case", INVOICE, "sent"),
        ("payment_received", INVOICE, "sent"),
        ("seats_changed", SEATS, "sent"),
        ("cancellation_scheduled", SEATS, "sent"),
    }
    assert set(about(site, "subscription", SEATS)) <= set(ids(shown["events"]))
    assert all(list(event) == ["id", "event_type", "status", "reason"] for event in shown["events"])


def test_a_customer_is_shown_with_its_own_things_and_nobody_elses(live, read):
    site = live("cheque-order")
    shown = read("show", "customer", CUSTOMER)
    assert next(iter(shown)) == "customer"
    assert shown["customer"]["company"] == "Société Test1234"
    assert ids(shown["subscriptions"]) == [SEATS]
    assert ids(shown["invoices"]) == ["F-10391", "F-10392", INVOICE]
    assert [(row["invoice_id"], row["balance"]["minor"]) for row in shown["followups"]] == [(INVOICE, 301009)]
    assert set(about(site, "customer", CUSTOMER)) <= set(ids(shown["events"]))
    assert not set(about(site, "customer", story.ATELIER)) & set(ids(shown["events"]))


def test_an_invoice_is_shown_with_what_was_paid_and_what_is_chased(live, read):
    site = live("part")
    shown = read("show", "invoice", INVOICE)
    assert next(iter(shown)) == "invoice"
    assert (shown["invoice"]["status"], shown["invoice"]["amount_due"]["minor"]) == ("posted", 101009)
    assert ids(shown["subscriptions"]) == [SEATS]
    assert [payment["amount"]["minor"] for payment in shown["payments"]] == [200000]
    (followup,) = shown["followups"]
    assert (followup["state"], followup["days_late"], followup["bucket"]) == ("partial", 0, "0-30")
    assert {mail["object_id"] for mail in shown["emails"]} == {INVOICE}
    assert {mail["recipient"] for mail in shown["emails"]} == {"marie@test1234.example", "comptes@test1234.example"}
    assert set(about(site, "invoice", INVOICE)) <= set(ids(shown["events"]))
    assert not set(about(site, "invoice", "F-10391")) & set(ids(shown["events"]))


def test_an_invoice_names_its_credit_notes(live, quittance, read):
    site = live("annual")
    named = site.current("invoice", "F-10391").get("issued_credit_notes") or site.current("invoice", "F-10391").get(
        "adjustment_credit_notes"
    )
    shown = read("show", "invoice", "F-10391")["invoice"]["credit_notes"]
    assert named and ids(shown) == [note["cn_id"] for note in named]


@pytest.mark.parametrize("kind", ["customer", "subscription", "invoice"])
def test_an_unknown_object_is_said_to_be_unknown(run, kind):
    result = run("show", kind, "nobody", "--json", code=1)
    assert result.stdout == ""
    assert f"no {kind} nobody is known here" in result.stderr


@pytest.mark.parametrize("verb", ["show customer", "show subscription", "show invoice", "events show"])
def test_an_empty_id_is_wrong_usage(run, verb):
    for id in ("", " "):
        assert "it is empty: give the id" in run(*verb.split(), id, code=2).stderr


def test_many_events_are_cut_to_the_newest(quittance, run, read):
    events = [an_event(a_customer(n, company=f"name {n}")) for n in range(AT_MOST + 2)]
    quittance.take(*events)
    assert ids(read("show", "customer", "cust_1")["events"]) == [event["id"] for event in reversed(events)]
    told = run("show", "customer", "cust_1").stdout
    assert f"Events ({AT_MOST + 2}, the newest first)" in told
    assert events[-1]["id"] in told.split() and events[0]["id"] not in told.split()
    assert f"The newest {AT_MOST} of {AT_MOST + 2}" in told


@pytest.mark.long
def test_events_that_changed_something_or_are_parked_are_found_however_old(quittance, run, read):
    created = an_event(a_customer(), a_subscription(seats=3))
    touching = an_event(a_customer(), a_subscription(2, seats=3))
    refused = an_event(a_customer(), a_subscription(3, subscription_items=None))
    quittance.take(created, touching, refused)
    assert ids(read("show", "subscription", "sub_1")["events"]) == [refused["id"], touching["id"], created["id"]]

    quittance.run(
        "insert into inbox_events (id, digest, status, customer_ids)"
        f" select 'filler_' || n, '', 'applied', '{{cust_2}}' from generate_series(1, {LOOK_BACK}) as n"
    )
    assert ids(read("show", "subscription", "sub_1")["events"]) == [refused["id"], created["id"]]
    assert "among the newest" in run("show", "subscription", "sub_1", "--json").stderr


def test_a_body_names_an_object_by_its_kind_and_not_by_its_id_alone():
    customer = b'{"content": {"customer": {"id": "acme", "object": "customer"}}}'
    assert names(customer, "customer", "acme")
    assert not names(customer, "subscription", "acme")
    assert names(b'{"content": {"invoice": {"id": "1", "subscription_id": "acme"}}}', "subscription", "acme")
    assert names(b'{"content": {"credit_notes": [{"reference_invoice_id": "F-1"}]}}', "invoice", "F-1")
    assert names(b'{"content": {"subscription": [{"id": "acme"}]}}', "subscription", "acme")
    assert not names(b'{"content": {"invoice": {"id": "1", "subscription_id": "acme-2"}}}', "subscription", "acme")
    assert names(b'not JSON, and "acme" in it', "subscription", "acme")


def test_objects_of_two_kinds_with_one_id_are_told_apart(quittance, read):
    cancelled = a_subscription(id="1", status="non_renewing", cancelled_at=1_900_000_000)
    kept = an_event(a_customer(), a_subscription(id="1"), an_invoice(id="1", subscription_id="1", paid=6784))
    quittance.take(kept, an_event(a_customer(), {**cancelled, "resource_version": cancelled["resource_version"] + 1}))
    assert {mail["name"] for mail in read("show", "subscription", "1")["emails"]} == {
        "invoice",
        "cancellation_scheduled",
    }
    shown = read("show", "invoice", "1")
    assert {mail["name"] for mail in shown["emails"]} == {"invoice"}
    assert ids(shown["events"]) == [kept["id"]]


@pytest.mark.long
def test_tables_fit_eighty_columns_and_leave_nothing_out(live, run):
    live("cancel")
    for arguments in (("customer", CUSTOMER), ("subscription", SEATS), ("invoice", INVOICE)):
        told = run("show", *arguments).stdout
        assert max(map(len, told.splitlines())) <= 80
        assert arguments[1] in told
    assert "seats" in told.lower() and "3\u00a0010,09\u00a0$" in told


def test_no_seats_are_shown_as_none_and_not_left_out(quittance, run):
    quittance.take(an_event(a_customer(), a_subscription(status="cancelled", subscription_items=[an_item(4)])))
    facts = dict(line.split(maxsplit=1) for line in run("show", "subscription", "sub_1").stdout.splitlines()[:5])
    assert facts["seats"] == "0"
