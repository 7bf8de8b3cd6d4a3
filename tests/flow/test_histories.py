"""Whatever the order: generated histories, delivered three times and shuffled, end in the provider's own state.

What must follow is reckoned here a second time, from the provider's objects alone.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator import Body, Site, history
from tests.builders import Quittance

SEEDS = [*range(1, 3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 201))]
BY_HAND = {"cash", "check", "bank_transfer", "other", "custom"}
LIVE = {"active", "non_renewing", "in_trial"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_ends_in_the_providers_state(db_url: str, tmp_path: Path, seed: int) -> None:
    site = history(seed, stale=True)
    bodies = list(site.events) * 3
    random.Random(f"{seed} deliveries").shuffle(bodies)
    quittance = Quittance(db_url, tmp_path)
    try:
        quittance.move_clock(site.now)
        quittance.take(*bodies)
        assert (
            quittance.rows("select status, count(*) from inbox_events where status in ('pending', 'parked') group by 1")
            == []
        )
        assert_mirror(quittance, site)
        assert seats_of(quittance) == expected_seats(site)
        assert payments_of(quittance) == expected_payments(site)
        assert applications_of(quittance) == expected_applications(site)
        assert followups_of(quittance) == expected_followups(site)
        assert cancellations_of(quittance) == expected_cancellations(site)
        assert invoice_mails_of(quittance) == expected_invoice_mails(site)
        quittance.hurry()  # receipts that waited for an invoice mail
        assert payments_told(quittance) == expected_payments_told(site)
        assert told(quittance, "payment_failed") == expected_failures_told(site)
        assert told(quittance, "refund_issued") == expected_refunds_told(site)
        assert told(quittance, "finance_new_case") == Counter(expected_followups(site).keys())
        ids = Counter(mail["Message-ID"] for mail in quittance.mails())
        assert not [id for id, times in ids.items() if times > 1]
    finally:
        quittance.close()


# ---- what the provider's objects say ---------------------------------------------------------------------------------


def objects(site: Site, kind: str) -> list[Body]:
    return site.all(kind, include_deleted=True)


def off(site: Site, invoice: Body) -> bool:
    """Is this invoice's collection off?"""
    id = invoice.get("subscription_id")
    subscription = site.current("subscription", id) if id else {}
    customer = site.current("customer", invoice["customer_id"])
    return (subscription.get("auto_collection") or customer.get("auto_collection")) == "off"


def owed(site: Site, invoice: Body) -> bool:
    waits = invoice["status"] in ("posted", "payment_due", "not_paid") and not invoice["deleted"]
    return bool(waits and invoice["amount_due"] > 0 and off(site, invoice))


def expected_seats(site: Site) -> dict[str, int]:
    return {
        each["id"]: sum(item["quantity"] for item in each["subscription_items"] if item["item_type"] == "plan")
        if each["status"] in LIVE and not each["deleted"]
        else 0
        for each in objects(site, "subscription")
    }


def expected_payments(site: Site) -> dict[str, tuple[Any, ...]]:
    words = {"in_progress": "pending", "success": "succeeded", "failure": "failed", "late_failure": "taken_back"}
    kinds = {"payment": "payment", "refund": "refund", "payment_reversal": "reversal"}
    return {
        each["id"]: (
            kinds[each["type"]],
            "taken_back" if each["deleted"] else words[each["status"]],
            each["amount"],
            each["payment_method"],
            each.get("reference_number"),
        )
        for each in objects(site, "transaction")
    }


def expected_applications(site: Site) -> dict[tuple[str, str], int]:
    return {
        (link["txn_id"], invoice["id"]): link["applied_amount"]
        for invoice in objects(site, "invoice")
        if not invoice["deleted"]
        for link in invoice["linked_payments"]
        if link["txn_status"] == "success"
    }


def expected_followups(site: Site) -> dict[str, tuple[int, int]]:
    return {
        invoice["id"]: (invoice["amount_due"], invoice["amount_paid"])
        for invoice in objects(site, "invoice")
        if owed(site, invoice)
    }


def expected_cancellations(site: Site) -> set[tuple[str, str, datetime]]:
    found = set()
    for each in objects(site, "subscription"):
        if each["deleted"] or not each.get("cancelled_at"):
            continue
        at = datetime.fromtimestamp(each["cancelled_at"], UTC)
        if each["status"] == "cancelled":
            found.add((each["id"], "run", at))
        elif each["status"] in LIVE:
            found.add((each["id"], "scheduled", at))
    return found


def expected_invoice_mails(site: Site) -> Counter[tuple[str, str]]:
    """(invoice, recipient), each once."""
    wanted: Counter[tuple[str, str]] = Counter()
    for invoice in objects(site, "invoice"):
        if invoice["deleted"] or not invoice["total"] or not (invoice["status"] == "paid" or owed(site, invoice)):
            continue
        customer = site.current("customer", invoice["customer_id"])
        contacts = [each for each in customer.get("contacts", ()) if each["enabled"] and each["send_billing_email"]]
        addresses = [each["email"] for each in (customer, *contacts) if "email" in each]
        wanted.update((invoice["id"], address) for address in addresses)
    return wanted


def has_readers(site: Site, customer_id: str) -> bool:
    customer = site.current("customer", customer_id)
    contacts = [each for each in customer.get("contacts", ()) if each["enabled"] and each["send_billing_email"]]
    return any("email" in each for each in (customer, *contacts))


def expected_payments_told(site: Site) -> Counter[tuple[str, str]]:
    """(payment, invoice) of what came by cheque or wire: each told once, by a receipt or by the invoice's own mail."""
    by_hand = {each["id"] for each in objects(site, "transaction") if each["payment_method"] in BY_HAND}
    return Counter(
        (payment, invoice)
        for payment, invoice in expected_applications(site)
        if payment in by_hand and has_readers(site, site.current("invoice", invoice)["customer_id"])
    )


def expected_failures_told(site: Site) -> Counter[str]:
    """The newest attempt on each invoice that is still owed, if it failed."""
    found: Counter[str] = Counter()
    for invoice in objects(site, "invoice"):
        waits = invoice["status"] in ("posted", "payment_due", "not_paid") and not invoice["deleted"]
        if not waits or not invoice["amount_due"] or not has_readers(site, invoice["customer_id"]):
            continue
        tries = [site.current("transaction", link["txn_id"]) for link in invoice["linked_payments"]]
        newest = max(tries, key=lambda each: (each["date"], each["id"]), default=None)
        if newest and newest["status"] == "failure" and newest["payment_method"] not in BY_HAND:
            found[newest["id"]] += not newest["deleted"]
    return +found


def expected_refunds_told(site: Site) -> Counter[str]:
    refunds = [each for each in objects(site, "transaction") if each["type"] == "refund" and not each["deleted"]]
    return Counter(
        each["id"] for each in refunds if each["status"] == "success" and has_readers(site, each["customer_id"])
    )


# ---- what the worker made of the events ------------------------------------------------------------------------------


def assert_mirror(quittance: Quittance, site: Site) -> None:
    tables = ("customer", "subscription", "invoice", "transaction", "credit_note", "payment_source")
    for kind in tables:
        stored = dict(quittance.rows(f"select id, version from {kind}s"))
        assert stored == {each["id"]: each["resource_version"] for each in objects(site, kind)}, kind


def seats_of(quittance: Quittance) -> dict[str, int]:
    ledger = dict(quittance.rows("select subscription_id, sum(after - before)::int from seat_entries group by 1"))
    current = dict(quittance.rows("select id, seats from subscriptions"))
    assert {id: seats for id, seats in ledger.items() if seats} == {id: seats for id, seats in current.items() if seats}
    return current


def payments_of(quittance: Quittance) -> dict[str, tuple[Any, ...]]:
    rows = quittance.rows("select id, kind, status, amount, method, reference from payments")
    return {id: tuple(rest) for id, *rest in rows}


def applications_of(quittance: Quittance) -> dict[tuple[str, str], int]:
    rows = quittance.rows("select transaction_id, invoice_id, applied from payment_applications")
    return {(transaction, invoice): applied for transaction, invoice, applied in rows}


def followups_of(quittance: Quittance) -> dict[str, tuple[int, int]]:
    rows = quittance.rows("select invoice_id, balance, paid from followups where open")
    return {invoice: (balance, paid) for invoice, balance, paid in rows}


def cancellations_of(quittance: Quittance) -> set[tuple[str, str, datetime]]:
    rows = quittance.rows(
        "select subscription_id, state, effective_at from cancellations where state in ('run', 'scheduled')"
    )
    return set(rows)


def invoice_mails_of(quittance: Quittance) -> Counter[tuple[str, str]]:
    accepted = {mail["Message-ID"]: mail["To"] for mail in quittance.mails()}
    rows = quittance.rows("select object_id, message_id from outbox where name = 'invoice' and state = 'sent'")
    return Counter((invoice, str(accepted[message])) for invoice, message in rows)


def told(quittance: Quittance, kind: str) -> Counter[str]:
    """What mails of a kind that were sent are about: each once, however many read it."""
    rows = quittance.rows(
        "select distinct object_id, split_part(key, ':', 3) from outbox where name = :kind and state = 'sent'",
        kind=kind,
    )
    return Counter(object_id for object_id, _ in rows)


def payments_told(quittance: Quittance) -> Counter[tuple[str, str]]:
    """(payment, invoice) as receipts and invoice mails told them."""
    receipts = quittance.rows(
        "select distinct payload->>'payment', jsonb_array_elements_text(payload->'invoices') from outbox"
        " where name = 'payment_received' and state = 'sent'"
    )
    by_invoices = quittance.rows(
        "select distinct jsonb_array_elements_text(payload->'payments') as payment, object_id from outbox"
        " where name = 'invoice' and state = 'sent'"
    )
    by_hand = set(quittance.rows("select id from payments where method = any(:methods)", methods=sorted(BY_HAND)))
    return Counter([*receipts, *(each for each in by_invoices if each[0] in by_hand)])
