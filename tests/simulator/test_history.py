"""Random histories: whatever happened, the books balance and every change was told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Site, history
from simulator.events import shown

SEEDS = st.integers(0, 10**6)
# The catalogue is older than the first event, and of comments and portal sessions none tells.
UNTOLD = {"item", "item_price", "comment", "portal_session"}


def snapshots_in(event: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for value in event["content"].values():
        found += value if isinstance(value, list) else [value]
    return found


def every_version(site: Site, kind: str) -> list[dict[str, Any]]:
    return [body for (found, _), bodies in site.versions.items() if found == kind for body in bodies]


def total(bodies: list[dict[str, Any]], field: str) -> int:
    return sum(int(body[field]) for body in bodies)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_every_invoice_balances_at_every_moment(seed: int) -> None:
    for body in every_version(history(seed), "invoice"):
        parts = ("amount_paid", "amount_adjusted", "write_off_amount", "credits_applied", "amount_due")
        assert body["total"] == sum(body[part] for part in parts)
        assert all(body[part] >= 0 for part in parts)
        assert 0 <= body["amount_to_collect"] <= body["amount_due"]
        assert body["tax"] == total(body["taxes"], "amount") == total(body["line_item_taxes"], "tax_amount")
        assert body["total"] == body["sub_total"] + body["tax"] - total(body.get("discounts", []), "amount")
        assert body["sub_total"] == sum(line["amount"] for line in body["line_items"])
        assert (body["status"] == "paid") <= (body["amount_due"] == 0)
        assert (body["amount_due"] == 0) <= (
            body["status"] in ("paid", "voided", "pending")
        )  # credited before its issue
        assert (body["status"] == "paid") == ("paid_at" in body)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_no_money_appears_or_vanishes(seed: int) -> None:
    site = history(seed)
    payments = site.find("transaction", type="payment", status="success")
    refunds = site.find("transaction", type="refund", status="success")
    of_no_invoice = [refund for refund in refunds if not refund.get("linked_credit_notes")]
    invoices, notes = site.all("invoice"), site.all("credit_note")
    received, returned = total(payments, "amount"), total(refunds, "amount")
    # What came in is on invoices, or nobody's yet, or went back before it was on any invoice.
    assert received == total(invoices, "amount_paid") + total(payments, "amount_unused") + total(
        of_no_invoice, "amount"
    )
    # What went back was nobody's, or a credit note says what for.
    assert returned == total(notes, "amount_refunded") + total(of_no_invoice, "amount")
    # What we have is therefore what invoices hold, less what credit notes gave back of it, and what is nobody's yet.
    held = total(invoices, "amount_paid") - total(notes, "amount_refunded") + total(payments, "amount_unused")
    assert received - returned == held
    # What credits are worth was spent on invoices, given back, or is there to spend.
    refundable = [note for note in notes if note["type"] == "refundable" and note["status"] != "voided"]
    assert total(invoices, "credits_applied") == total(refundable, "amount_allocated")
    worth = sum(total(refundable, f"amount_{part}") for part in ("allocated", "refunded", "available"))
    assert total(refundable, "total") == worth
    adjusted = [note for note in notes if note["type"] == "adjustment"]
    assert total(adjusted, "total") == total(invoices, "amount_adjusted") + total(invoices, "write_off_amount")
    for note in notes:
        assert note["total"] == note["sub_total"] + total(note["taxes"], "amount")
    # Nobody has credit for an invoice that was declared void.
    void = {body["id"] for body in invoices if body["status"] == "voided"}
    assert [note["id"] for note in refundable if note["reference_invoice_id"] in void] == []


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_every_payment_says_where_it_went_and_the_invoices_say_the_same(seed: int) -> None:
    site = history(seed)
    paid: Counter[str] = Counter()
    for payment in site.find("transaction", type="payment", status="success"):
        refunds = [site.current("transaction", entry["txn_id"]) for entry in payment["linked_refunds"]]
        gone = total([refund for refund in refunds if not refund.get("linked_credit_notes")], "amount")
        applied = total(payment["linked_invoices"], "applied_amount")
        assert payment["amount"] == applied + payment["amount_unused"] + gone
        for link in payment["linked_invoices"]:
            paid[link["invoice_id"]] += link["applied_amount"]
    assert +paid == +Counter({body["id"]: body["amount_paid"] for body in site.all("invoice")})


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_the_balances_of_a_customer_are_the_sums_over_its_objects(seed: int) -> None:
    site = history(seed)
    for customer in site.all("customer"):

        def mine(kind: str, field: str) -> int:
            return sum(body.get(field, 0) for body in site.find(kind, customer_id=customer["id"]))  # noqa: B023

        gifts = site.find("promotional_credit", customer_id=customer["id"])
        balances = {
            "excess_payments": mine("transaction", "amount_unused"),
            "refundable_credits": mine("credit_note", "amount_available"),
            "unbilled_charges": mine("unbilled_charge", "amount"),
            "promotional_credits": sum(gift["amount"] * (1 if gift["type"] == "increment" else -1) for gift in gifts),
        }
        assert {field: customer[field] for field in balances} == balances
        assert all(balance >= 0 for balance in balances.values())
        assert balances["promotional_credits"] == (gifts[-1]["closing_balance"] if gifts else 0)
        if "balances" in customer:
            assert {field: customer["balances"][0][field] for field in balances} == balances
        else:
            assert not any(balances.values())


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_versions_of_an_object_rise_strictly_and_its_updated_at_follows(seed: int) -> None:
    site = history(seed)
    for bodies in site.versions.values():
        versions = [body["resource_version"] for body in bodies]
        assert versions == sorted(set(versions))
        assert all(body["updated_at"] == body["resource_version"] // 1000 for body in bodies)
        assert all(version % 1000 for version in versions)


@pytest.mark.long
@given(SEEDS, st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_last_state_of_every_object_was_told_by_an_event(seed: int, stale: bool) -> None:
    site = history(seed, stale=stale)
    told = {(body["object"], body["id"], body.get("resource_version")) for e in site.events for body in snapshots_in(e)}
    for (kind, id), bodies in site.versions.items():
        assert kind in UNTOLD or (kind, id, shown(bodies[-1]).get("resource_version")) in told


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_every_single_version_of_an_object_was_told(seed: int) -> None:
    site = history(seed, stale=True)
    told = {(body["object"], body["id"], body.get("resource_version")) for e in site.events for body in snapshots_in(e)}
    versions = {key: bodies for key, bodies in site.versions.items() if key[0] not in UNTOLD}
    made = {(*key, shown(body).get("resource_version")) for key, bodies in versions.items() for body in bodies}
    assert made <= told


def test_stale_events_carry_what_is_beside_their_object_up_to_three_versions_behind() -> None:
    behind: Counter[int] = Counter()
    for seed in range(10):
        site, stale = history(seed), history(seed, stale=True)
        assert site.versions == stale.versions
        for event, late in zip(site.events, stale.events, strict=True):
            (subject, *current), (same_subject, *carried) = snapshots_in(event), snapshots_in(late)
            assert (event["id"], event["event_type"], subject) == (late["id"], late["event_type"], same_subject)
            for newest, body in zip(current, carried, strict=True):
                versions = [shown(version) for version in site.versions[body["object"], body["id"]]]
                behind[versions.index(newest) - versions.index(body)] += 1
    assert set(behind) == {0, 1, 2, 3}


def test_without_staleness_an_event_is_never_behind() -> None:
    site = history(3)
    for event in site.events:
        for body in snapshots_in(event):
            newer = [
                other
                for other in site.versions[body["object"], body["id"]]
                if other["resource_version"] > body.get("resource_version", 0)
                and other["updated_at"] < event["occurred_at"]
            ]
            assert newer == []


@pytest.mark.parametrize("stale", [False, True])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(stale: bool) -> None:
    assert history(11, stale=stale).dump() == history(11, stale=stale).dump()
    assert history(11, stale=stale).dump() != history(12, stale=stale).dump()


def test_events_keep_what_they_said_while_the_site_goes_on() -> None:
    site = history(5)
    before = site.dump()
    said = len(site.events)
    copies = [str(event) for event in site.events]
    for _ in range(3):
        site.advance(days=40)
    assert site.dump() != before
    assert [str(event) for event in site.events[:said]] == copies


def test_event_ids_are_unique_and_times_never_run_back() -> None:
    site = history(8, customers=5, actions=80)
    ids = [event["id"] for event in site.events]
    assert len(ids) == len(set(ids))
    assert [e["occurred_at"] for e in site.events] == sorted(e["occurred_at"] for e in site.events)


def test_nothing_on_the_wire_is_null() -> None:
    def nulls(value: Any) -> bool:
        if isinstance(value, dict):
            return any(nulls(part) for part in value.values())
        return any(nulls(part) for part in value) if isinstance(value, list) else value is None

    for seed in range(12):
        assert [event for event in history(seed).events if nulls(event)] == []


@pytest.mark.long
def test_what_happens_in_histories_covers_what_can_happen() -> None:
    sites = [history(seed) for seed in range(60)]
    types = {event["event_type"] for site in sites for event in site.events}
    assert {
        "customer_changed", "payment_source_added", "payment_source_deleted", "payment_source_expiring",
        "subscription_created", "subscription_started", "subscription_activated", "subscription_changed",
        "subscription_changes_scheduled", "subscription_renewed", "subscription_cancellation_scheduled",
        "subscription_scheduled_cancellation_removed", "subscription_cancelled", "subscription_reactivated",
        "subscription_paused", "subscription_resumed", "subscription_moved_in", "subscription_moved_out",
        "subscription_deleted", "pending_invoice_created", "invoice_generated", "invoice_updated", "invoice_deleted",
        "payment_succeeded", "payment_failed", "payment_refunded", "transaction_created", "transaction_updated",
        "transaction_deleted", "credit_note_created", "credit_note_updated",
    } <= types  # fmt: skip
    statuses = {body["status"] for site in sites for body in every_version(site, "invoice")}
    assert statuses == {"pending", "posted", "payment_due", "not_paid", "paid", "voided"}
