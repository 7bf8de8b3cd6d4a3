"""What must follow from a history, reckoned a second time from the provider's objects alone; and what did follow.

Both are told as plain values under the same keys, so that whoever has a site and a database can compare them: a test in
one process, or real processes that were killed again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from simulator import Body, Site

# By what is compared ("seats", "payments"): a value for each key.
State = dict[str, dict[Any, Any]]
# A question to the database: single values where one column is asked for, else rows.
Ask = Callable[[str], list[Any]]

KINDS = ("customer", "subscription", "invoice", "transaction", "credit_note", "payment_source")
BY_HAND = ("cash", "check", "bank_transfer", "other", "custom")
LIVE = ("active", "non_renewing", "in_trial")
OPEN = ("posted", "payment_due", "not_paid")
# Mails that are told by the object that they are about.
_BY_OBJECT = ("payment_failed", "refund_issued", "finance_new_case", "cancelled", "cancellation_scheduled")
_NOT_KEPT = ("masked_number", "masked_card_number", "iin", "bank_account", "reference_id")


def differences(wanted: State, found: State) -> list[str]:
    """Where the two say other things, a sentence each."""
    return [
        f"{what} of {key}: {_told_apart(there.get(key), here.get(key))}"
        for what, there in wanted.items()
        for here in [found[what]]
        for key in sorted(there.keys() | here.keys(), key=str)
        if there.get(key) != here.get(key)
    ]


def _told_apart(there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):  # only the fields that differ
        names = [name for name in sorted(there.keys() | here.keys()) if there.get(name) != here.get(name)]
        there, here = ({name: each.get(name) for name in names} for each in (there, here))
    return f"{there!r} at the provider, {here!r} here"


def missing(wanted: State, called_for: State) -> list[str]:
    """Mails that are called for at the provider's end and not here, a sentence each; more may have been, on the way."""
    return [
        f"the mail {kind} about {about} was not called for"
        for kind, keys in wanted.items()
        for about in sorted({key[0] if kind == "invoice" else key for key in keys}, key=str)
        if about not in called_for[kind]
    ]


# ---- what the provider's objects say ---------------------------------------------------------------------------------


def state_of(site: Site) -> State:
    """The end that a site's history must come to, whatever the order and number of its deliveries."""
    mirrors: State = {kind: {each["id"]: _kept(each) for each in _all(site, kind)} for kind in KINDS}
    return mirrors | {
        "seats": _seats(site),
        "payments": _payments(site),
        "applications": _applications(site),
        "open cases": {
            each["id"]: (each["amount_due"], each["amount_paid"]) for each in _all(site, "invoice") if owed(site, each)
        },
        "cancellations": _cancellations(site),
    }


def mails_called_for(site: Site) -> State:
    """The mails that the end of a history calls for, by kind, and how often: once each.

    Those about invoices by (invoice, recipient), those about payments by (payment, invoice), the others by object.
    """
    return {
        "invoice": _invoice_mails(site),
        "payment_received": _thanks(site),
        "payment_failed": _failures(site),
        "refund_issued": _refunds(site),
        "finance_new_case": Counter(each["id"] for each in _all(site, "invoice") if owed(site, each)),
    }


def mails_about_ends(site: Site) -> State:
    """The mails about a subscription's end that the end of a history calls for; more may have been, on the way."""
    found: State = {"cancelled": Counter(), "cancellation_scheduled": Counter()}
    for (id, _), state in _cancellations(site).items():
        if _addresses(site, site.current("subscription", id)["customer_id"]):
            found["cancelled" if state == "run" else "cancellation_scheduled"][id] += 1
    return found


def addresses(site: Site) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By customer: the addresses that they had at any time, and those that they had all the time."""
    ever: dict[str, set[str]] = {}
    always: dict[str, set[str]] = {}
    for event in site.events:
        if customer := event["content"].get("customer"):
            had = set(_addresses_of(customer))
            ever.setdefault(customer["id"], set()).update(had)
            always.setdefault(customer["id"], set(had)).intersection_update(had)
    return ever, always


def seats_told(site: Site) -> dict[str, list[tuple[str, datetime, int]]]:
    """By subscription that was live all its life: the events that carry it, when they happened, the seats they tell."""
    told: dict[str, list[tuple[str, datetime, int]]] = {}
    ended = set()
    for event in site.events:
        if subscription := event["content"].get("subscription"):
            seats, at = _seats_of(subscription), datetime.fromtimestamp(event["occurred_at"], UTC)
            told.setdefault(subscription["id"], []).append((event["id"], at, seats))
            if not seats:
                ended.add(subscription["id"])
    return {id: events for id, events in told.items() if id not in ended}


def owed(site: Site, invoice: Body) -> bool:
    """Is this invoice finance's to chase: open, and its collection off?"""
    if invoice["status"] not in OPEN or invoice["deleted"] or not invoice["amount_due"]:
        return False
    id = invoice.get("subscription_id")
    subscription = site.current("subscription", id) if id else {}
    customer = site.current("customer", invoice["customer_id"])
    return bool((subscription.get("auto_collection") or customer.get("auto_collection")) == "off")


def _all(site: Site, kind: str) -> list[Body]:
    return site.all(kind, include_deleted=True)


def _kept(body: Any) -> Any:
    """An object as the mirror may hold it: without any number of a card or an account."""
    if isinstance(body, dict):
        return {name: _kept(value) for name, value in body.items() if name not in _NOT_KEPT}
    if isinstance(body, list):
        return [_kept(each) for each in body]
    return body


def _seats(site: Site) -> dict[str, int]:
    return {each["id"]: _seats_of(each) for each in _all(site, "subscription")}


def _seats_of(subscription: Body) -> int:
    if subscription["status"] not in LIVE or subscription["deleted"]:
        return 0
    return sum(item["quantity"] for item in subscription["subscription_items"] if item["item_type"] == "plan")


def _payments(site: Site) -> dict[str, tuple[Any, ...]]:
    words = {"in_progress": "pending", "success": "succeeded", "failure": "failed", "late_failure": "taken_back"}
    kinds = {"payment": "payment", "refund": "refund", "payment_reversal": "reversal"}
    return {
        each["id"]: (
            kinds[each["type"]],
            "taken_back" if each["deleted"] else words[each["status"]],
            each["amount"],
            each["currency_code"],
            each["payment_method"],
            each.get("reference_number"),
        )
        for each in _all(site, "transaction")
    }


def _applications(site: Site) -> dict[tuple[str, str], int]:
    return {
        (link["txn_id"], invoice["id"]): link["applied_amount"]
        for invoice in _all(site, "invoice")
        if not invoice["deleted"]
        for link in invoice["linked_payments"]
        if link["txn_status"] == "success"
    }


def _cancellations(site: Site) -> dict[tuple[str, datetime], str]:
    found = {}
    for each in _all(site, "subscription"):
        if each["deleted"] or not each.get("cancelled_at"):
            continue
        at = datetime.fromtimestamp(each["cancelled_at"], UTC)
        if each["status"] == "cancelled":
            found[each["id"], at] = "run"
        elif each["status"] in LIVE:
            found[each["id"], at] = "scheduled"
    return found


def _addresses(site: Site, customer_id: str) -> list[str]:
    return _addresses_of(site.current("customer", customer_id))


def _addresses_of(customer: Body) -> list[str]:
    contacts = [each for each in customer.get("contacts", ()) if each["enabled"] and each["send_billing_email"]]
    return [each["email"] for each in (customer, *contacts) if "email" in each]


def _invoice_mails(site: Site) -> Counter[tuple[str, str]]:
    wanted: Counter[tuple[str, str]] = Counter()
    for invoice in _all(site, "invoice"):
        if invoice["total"] and not invoice["deleted"] and (invoice["status"] == "paid" or owed(site, invoice)):
            wanted.update((invoice["id"], address) for address in _addresses(site, invoice["customer_id"]))
    return wanted


def _thanks(site: Site) -> Counter[tuple[str, str]]:
    """What came by cheque or wire: told once, by a receipt or by the invoice's own mail."""
    by_hand = {each["id"] for each in _all(site, "transaction") if each["payment_method"] in BY_HAND}
    return Counter(
        (payment, invoice)
        for payment, invoice in _applications(site)
        if payment in by_hand and _addresses(site, site.current("invoice", invoice)["customer_id"])
    )


def _failures(site: Site) -> Counter[str]:
    """The newest attempt on each invoice that is still owed, if it failed."""
    found: Counter[str] = Counter()
    for invoice in _all(site, "invoice"):
        waits = invoice["status"] in OPEN and not invoice["deleted"] and invoice["amount_due"]
        if not waits or not _addresses(site, invoice["customer_id"]):
            continue
        tries = [site.current("transaction", link["txn_id"]) for link in invoice["linked_payments"]]
        newest = max(tries, key=lambda each: (each["date"], each["id"]), default=None)
        if newest and newest["status"] == "failure" and newest["payment_method"] not in BY_HAND:
            found[newest["id"]] += not newest["deleted"]
    return +found


def _refunds(site: Site) -> Counter[str]:
    refunds = [each for each in _all(site, "transaction") if each["type"] == "refund" and not each["deleted"]]
    return Counter(
        each["id"] for each in refunds if each["status"] == "success" and _addresses(site, each["customer_id"])
    )


# ---- what was made of the events -------------------------------------------------------------------------------------


def state_here(ask: Ask) -> State:
    """The same, as the database says it."""
    mirrors: State = {kind: dict(ask(f"select id, snapshot from {kind}s")) for kind in KINDS}
    applied = ask("select transaction_id, invoice_id, applied from payment_applications")
    ends = ask("select subscription_id, effective_at, state from cancellations where state in ('run', 'scheduled')")
    return mirrors | {
        "seats": dict(ask("select id, seats from subscriptions")),
        "payments": {
            id: tuple(rest)
            for id, *rest in ask("select id, kind, status, amount, currency, method, reference from payments")
        },
        "applications": {(transaction, invoice): amount for transaction, invoice, amount in applied},
        "open cases": {
            id: (balance, paid)
            for id, balance, paid in ask("select invoice_id, balance, paid from followups where open")
        },
        "cancellations": {(subscription, at): state for subscription, at, state in ends},
    }


def mails_sent(ask: Ask, states: Sequence[str] = ("sent",)) -> State:
    """The mails that were sent, told as `mails_called_for` tells them; to several readers, still once.

    `states`: of the outbox, those that count.
    """
    ended = f"state = any('{{{','.join(states)}}}')"
    readers = Counter(ask(f"select object_id, recipient from outbox where name = 'invoice' and {ended}"))
    return {"invoice": readers, "payment_received": _thanked(ask, ended)} | {
        kind: _told(ask, kind, ended) for kind in _BY_OBJECT
    }


def mails_called_for_here(ask: Ask) -> State:
    """The mails that were called for at any time, whatever became of them. Those about invoices by invoice alone."""
    rows = ask("select name, object_id, payload->>'payment' from outbox where kind = 'email'")
    found: State = {kind: {} for kind in ("invoice", "payment_received", "payment_failed", "refund_issued")}
    found["finance_new_case"] = {}
    for name, id, payment in rows:
        if name in found:
            found[name][(payment, id) if name == "payment_received" else id] = 1
    return found


def ledgers_that_do_not_add_up(ask: Ask) -> list[Any]:
    """Subscriptions whose seats are not the sum of their ledger."""
    return ask(
        "select id, seats, total from subscriptions left join ("
        "  select subscription_id, sum(after - before)::int as total from seat_entries group by 1"
        ") as ledger on subscription_id = id where seats <> coalesce(total, 0)"
    )


def _told(ask: Ask, kind: str, ended: str) -> Counter[str]:
    revisions = f"select distinct object_id, split_part(key, ':', 3) from outbox where name = '{kind}' and {ended}"
    return Counter(object_id for object_id, _ in ask(revisions))


def _thanked(ask: Ask, ended: str) -> Counter[tuple[str, str]]:
    receipts = ask(
        "select distinct payload->>'payment', jsonb_array_elements_text(payload->'invoices') from outbox"
        f" where name = 'payment_received' and {ended}"
    )
    by_invoices = ask(
        "select distinct jsonb_array_elements_text(payload->'payments') as payment, object_id from outbox"
        f" where name = 'invoice' and {ended}"
    )
    by_hand = {id for id, method in ask("select id, method from payments") if method in BY_HAND}
    return Counter([*receipts, *(each for each in by_invoices if each[0] in by_hand)])
