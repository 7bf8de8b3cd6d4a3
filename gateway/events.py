"""A webhook body as our snapshots.

Both catalogues (1.0: plan_id, plan_quantity, addons; 2.0: subscription_items) and both spellings of member names
(`credit_note`, `credit_notes`) are read. Unknown members and fields are let pass; a field that a rule reads and that
is not what it should be is refused, with its name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from billing.errors import NeedsAttention

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # when an event can have occurred
OBJECT_READ = "object_read"  # our own event type: an object as the API showed it

_LATEST = 253_402_214_399  # a day before the year 9999 ends: in the east it ends earlier
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # what jsonb and text columns refuse
# Masked or not, no number of a card or an account is kept.
_NUMBERS = frozenset(
    "masked_card_number masked_number iin account_number masked_account_number routing_number iban bank_account "
    "reference_id".split()
)


@dataclass(frozen=True)
class Snapshot:
    """An object as it was at `version`. `fields` are the columns that rules read; `body` is the provider's object."""

    kind: str
    id: str
    version: int
    deleted: bool
    tie_at: datetime
    fields: dict[str, Any]
    body: dict[str, Any]
    read: bool = False  # as the API showed it, not as an event told it

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.body, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def order(self) -> tuple[int, bool, datetime, str]:
        """Snapshots of one object are totally ordered by this."""
        return (self.version, self.deleted, self.tie_at, self.digest)

    @classmethod
    def read_from_api(cls, kind: str, body: dict[str, Any], at: datetime) -> Snapshot:
        """An object as the API showed it at this instant. Raises NeedsAttention as a body does."""
        return _snapshot(kind, _storable(body), _KINDS[kind], at, read=True)


@dataclass(frozen=True)
class Event:
    type: str | None
    api_version: str | None
    occurred_at: datetime | None
    snapshots: tuple[Snapshot, ...]
    content: dict[str, Any]

    @property
    def is_a_test(self) -> bool:
        """Chargebee's "Test webhook" button sends sample objects whose ids start with cbdemo_."""
        return any(snapshot.id.startswith("cbdemo_") for snapshot in self.snapshots)

    @classmethod
    def from_body(cls, raw: bytes) -> Event:
        """Read a stored body.

        Raises:
            NeedsAttention: no event of Chargebee, another API version, or an object that is not understood.
        """
        body = json.loads(raw)
        if b"\\u" in raw:  # the only way in for what PostgreSQL cannot hold
            body = _storable(body)
        content = body.get("content")
        if "api_version" not in body and not isinstance(content, dict):
            raise NeedsAttention(
                "this is not an event of Chargebee (no api_version, no content); look at its body, and at who else "
                "has the webhook's password"
            )
        api_version = body.get("api_version")
        if api_version != "v2":
            raise NeedsAttention(
                f"the event has api_version {api_version!r}; set the webhook to V2 in Chargebee; with an API key it is "
                "then read again by itself (events backfill reads older ones); without one, send it again from there"
            )
        if not isinstance(content, dict):
            raise NeedsAttention("the event has no content; look at its body, then replay or leave it")
        occurred_at = _instant_or_none(body.get("occurred_at"))
        if occurred_at and not _FIRST <= occurred_at < _LAST:
            occurred_at = None  # as in the inbox: a clock that is off must not decide what is newest
        event_type = body.get("event_type")
        event_type = event_type if isinstance(event_type, str) else None
        snapshots = tuple(_snapshots(content, occurred_at, read=event_type == OBJECT_READ))
        return cls(event_type, api_version, occurred_at, snapshots, content)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_STORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value


def _instant_or_none(seconds: Any) -> datetime | None:
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 <= seconds <= _LATEST:
        return datetime.fromtimestamp(seconds, UTC)
    return None


def _snapshots(content: dict[str, Any], occurred_at: datetime | None, *, read: bool) -> Iterator[Snapshot]:
    for kind, fields_of in _KINDS.items():
        for member in (kind, kind + "s"):
            found = content.get(member)
            for body in found if isinstance(found, list) else [found]:
                if body is None:
                    continue
                if not isinstance(body, dict):
                    raise NeedsAttention(f"content.{member} is {body!r}, not an object; look at the event's body")
                yield _snapshot(kind, body, fields_of, occurred_at, read=read)


def _snapshot(
    kind: str,
    body: dict[str, Any],
    fields_of: Callable[[Reader], dict[str, Any]],
    occurred_at: datetime | None,
    *,
    read: bool,
) -> Snapshot:
    id = body.get("id")
    if not isinstance(id, str) or not id:
        raise NeedsAttention(f"a {kind} in the event has no id ({id!r}); look at the event's body")
    fields = Reader(kind, id, body)
    version = fields.whole("resource_version")
    if version is None:
        updated_at = fields.whole("updated_at")
        seconds = updated_at if updated_at is not None else int(occurred_at.timestamp()) if occurred_at else 0
        version = seconds * 1000
    if not 0 <= version // 1000 <= _LATEST:
        name = "resource_version" if body.get("resource_version") is not None else "updated_at"
        raise fields._refuse(name, "an instant of these millennia")
    return Snapshot(
        kind=kind,
        id=id,
        version=version,
        deleted=body.get("deleted") is True,
        tie_at=occurred_at or EPOCH,
        fields=fields_of(fields),
        body=_without_numbers(body),
        read=read,
    )


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_numbers(each) for key, each in value.items() if key not in _NUMBERS}
    if isinstance(value, list):
        return [_without_numbers(each) for each in value]
    return value


class Reader:
    """The fields of one object, each of the type that rules rely on; NeedsAttention names the one that is not."""

    def __init__(self, kind: str, id: str, body: dict[str, Any], path: str = "") -> None:
        self.kind, self.id, self.body, self.path = kind, id, body, path

    def _refuse(self, name: str, wanted: str) -> NeedsAttention:
        return NeedsAttention(
            f"{self.kind} {self.id}: {self.path}{name} is {self.body[name]!r}, not {wanted}; look at the object in "
            "Chargebee, then replay"
        )

    def must_have(self, *names: str) -> None:
        missing = [name for name in names if self.body.get(name) is None]
        if missing:
            raise NeedsAttention(
                f"{self.kind} {self.id} has no {', '.join(missing)}; look at the object in Chargebee, then replay"
            )

    def whole(self, name: str) -> int | None:
        """An integer: money in minor units, seconds, a count. A fraction, an exponent or a boolean is refused."""
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, "an integer")
        if not -(2**63) <= value < 2**63:
            raise self._refuse(name, "an integer of 64 bits")
        return value

    def text(self, name: str) -> str | None:
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._refuse(name, "text")
        return value or None

    def instant(self, name: str) -> datetime | None:
        seconds = self.whole(name)
        if seconds is None:
            return None
        instant = _instant_or_none(seconds)
        if instant is None:
            raise self._refuse(name, "an instant in epoch seconds")
        return instant

    def seconds(self, name: str) -> int | None:
        """An instant, left in epoch seconds."""
        self.instant(name)
        return self.whole(name)

    def part(self, name: str) -> Reader:
        value = self.body.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._refuse(name, "an object")
        return Reader(self.kind, self.id, value or {}, f"{self.path}{name}.")

    def parts(self, name: str) -> list[Reader]:
        value = self.body.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self._refuse(name, "a list of objects")
        return [Reader(self.kind, self.id, each, f"{self.path}{name}[{n}].") for n, each in enumerate(value)]


def _customer(of: Reader) -> dict[str, Any]:
    address = of.part("billing_address")
    return {
        "email": of.text("email"),
        "first_name": of.text("first_name") or address.text("first_name"),
        "last_name": of.text("last_name") or address.text("last_name"),
        "company": of.text("company") or address.text("company"),
        "locale": of.text("locale"),
        "country": address.text("country"),
        "province": address.text("state_code"),
        "auto_collection": of.text("auto_collection"),
        "offline_payment_method": of.text("offline_payment_method"),
        "contacts": [
            {"id": contact.text("id"), "email": contact.text("email"), "first_name": contact.text("first_name")}
            for contact in of.parts("contacts")
            if contact.body.get("enabled") is True and contact.body.get("send_billing_email") is True
        ],
    }


def _subscription(of: Reader) -> dict[str, Any]:
    items = _items(of)
    cancelled_at = of.instant("cancelled_at")
    asked_for_at = of.instant("cancel_schedule_created_at")
    counted_cycles = any(
        item.text("item_type") == "plan" and item.whole("billing_cycles") for item in of.parts("subscription_items")
    )
    return {
        "customer_id": of.text("customer_id"),
        "status": of.text("status"),
        "currency": of.text("currency_code"),
        "auto_collection": of.text("auto_collection"),
        "offline_payment_method": of.text("offline_payment_method"),
        "current_term_start": of.instant("current_term_start"),
        "current_term_end": of.instant("current_term_end"),
        "next_billing_at": of.instant("next_billing_at"),
        "cancelled_at": cancelled_at,
        "cancel_scheduled_at": asked_for_at,
        "cancel_reason": of.text("cancel_reason_code") or of.text("cancel_reason"),
        # Cycles that were sold by number and are used up end a subscription without anybody asking for it.
        "has_scheduled_changes": of.body.get("has_scheduled_changes") is True,
        "runs_out": cancelled_at is not None and asked_for_at is None and counted_cycles,
        "items": items,
    }


def _items(of: Reader) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] = []
    if items := of.parts("subscription_items"):
        for item in items:
            kind = item.text("item_type") or "plan"
            found.append(_item(item.text("item_price_id"), kind, _quantity(item, "", plan=kind == "plan"), of))
    elif plan := of.text("plan_id"):
        found.append(_item(plan, "plan", _quantity(of, "plan_", plan=True), of))
        for addon in of.parts("addons"):
            found.append(_item(addon.text("id"), "addon", _quantity(addon, "", plan=False), of))
    else:
        return None
    merged: dict[str, dict[str, Any]] = {}
    for line in found:  # one item price may stand on several lines
        known = merged.setdefault(line["item_price_id"], line | {"quantity": 0})
        known["quantity"] += line["quantity"]
    return list(merged.values()) or None


def _item(price_id: str | None, kind: str, quantity: int, of: Reader) -> dict[str, Any]:
    if price_id is None:
        raise NeedsAttention(f"subscription {of.id} has an item without an id; look at it in Chargebee, then replay")
    return {"item_price_id": price_id, "item_type": kind, "quantity": quantity}


def _quantity(item: Reader, prefix: str, *, plan: bool) -> int:
    """Sites with multi-decimal pricing write the quantity as text; a metered or flat item has none."""
    quantity = item.whole(prefix + "quantity")
    stated = item.text(prefix + "quantity_in_decimal")
    if quantity is None and stated is not None:
        try:
            exact = Decimal(stated)
        except InvalidOperation:
            raise item._refuse(prefix + "quantity_in_decimal", "a number") from None
        if not exact.is_finite() or not 0 <= exact < 2**63:
            raise item._refuse(prefix + "quantity_in_decimal", "a count")
        if exact == exact.to_integral_value():
            quantity = int(exact)
        elif plan:
            raise item._refuse(prefix + "quantity_in_decimal", "a whole number of seats")
        else:
            quantity = 0
    if quantity is None:
        return 1 if plan else 0
    if quantity < 0:
        raise item._refuse(prefix + "quantity", "a count")
    return quantity


def _invoice(of: Reader) -> dict[str, Any]:
    if of.body.get("deleted") is not True:
        of.must_have("status", "currency_code", "total", "amount_due")  # else it would look like one that owes nothing
    return {
        "customer_id": of.text("customer_id"),
        "subscription_id": of.text("subscription_id"),
        "status": of.text("status"),
        "currency": of.text("currency_code"),
        "total": of.whole("total") or 0,
        "amount_paid": of.whole("amount_paid") or 0,
        "amount_due": of.whole("amount_due") or 0,
        "write_off_amount": of.whole("write_off_amount") or 0,
        "issued_at": of.instant("date"),
        "due_at": of.instant("due_date"),
        "paid_at": of.instant("paid_at"),
        "linked_payments": [
            {
                "transaction_id": link.text("txn_id"),
                "applied": link.whole("applied_amount") or 0,
                "status": link.text("txn_status"),
                "amount": link.whole("txn_amount"),
                "dated_at": link.seconds("txn_date"),
                "applied_at": link.seconds("applied_at"),
            }
            for link in of.parts("linked_payments")
            if link.text("txn_id")
        ],
    }


def _transaction(of: Reader) -> dict[str, Any]:
    return {
        "customer_id": of.text("customer_id"),
        "subscription_id": of.text("subscription_id"),
        "type": of.text("type"),
        "status": of.text("status"),
        "payment_method": of.text("payment_method"),
        "currency": of.text("currency_code"),
        "amount": of.whole("amount"),
        "amount_unused": of.whole("amount_unused"),
        "dated_at": of.instant("date"),
        "reference": of.text("reference_number"),
        "last4": of.text("last4") or (of.text("masked_card_number") or "")[-4:] or None,
        "refunded_id": of.text("refunded_txn_id"),
        "linked_invoices": [
            {
                "invoice_id": link.text("invoice_id"),
                "applied": link.whole("applied_amount") or 0,
                "applied_at": link.seconds("applied_at"),
            }
            for link in of.parts("linked_invoices")
            if link.text("invoice_id")
        ],
        "linked_refunds": _linked_refunds(of),
    }


def _linked_refunds(of: Reader) -> list[dict[str, Any]]:
    return [
        {
            "transaction_id": link.text("txn_id"),
            "amount": link.whole("txn_amount") or 0,
            "status": link.text("txn_status"),
        }
        for link in of.parts("linked_refunds")
    ]


def _credit_note(of: Reader) -> dict[str, Any]:
    return {
        "customer_id": of.text("customer_id"),
        "subscription_id": of.text("subscription_id"),
        "invoice_id": of.text("reference_invoice_id"),
        "type": of.text("type"),
        "status": of.text("status"),
        "reason": of.text("reason_code"),
        "currency": of.text("currency_code"),
        "total": of.whole("total"),
        "linked_refunds": _linked_refunds(of),
    }


def _payment_source(of: Reader) -> dict[str, Any]:
    card = of.part("card")
    return {
        "customer_id": of.text("customer_id"),
        "type": of.text("type"),
        "status": of.text("status"),
        "brand": card.text("brand"),
        "last4": card.text("last4"),
        "expiry_month": card.whole("expiry_month"),
        "expiry_year": card.whole("expiry_year"),
    }


_KINDS: dict[str, Callable[[Reader], dict[str, Any]]] = {
    "customer": _customer,
    "subscription": _subscription,
    "invoice": _invoice,
    "transaction": _transaction,
    "credit_note": _credit_note,
    "payment_source": _payment_source,
}
