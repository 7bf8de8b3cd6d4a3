"""The words in which an object's story is told: amounts, instants, why a mail was called for, how an event came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from billing.money import Money
from emails.format import money as read_by_people
from gateway.events import OBJECT_READ, Snapshot
from models import InboxEvent
from worker.log import masked, without_addresses

AT_ONCE = timedelta(minutes=5)  # what an event did so soon after it came in is told below it

_WORDS = {
    "auto_collection": "collection",
    "offline_payment_method": "pays by",
    "cancelled_at": "ends",
    "customer_id": "customer",
    "amount_paid": "paid",
    "amount_due": "owed",
    "write_off_amount": "written off",
    "due_at": "due",
    "payment_method": "by",
    "locale": "language",
}
_AMOUNTS = frozenset({"total", "amount_paid", "amount_due", "write_off_amount", "amount", "unused", "refunded"})
_ORIGINS = {"webhook": "came in by webhook", "reconcile": "was found on Chargebee's list", "import": "came by import"}
WHY_MAILED = {
    "invoice": "it is paid, or open with collection off",
    "payment_instructions": "it became a case, or is to be paid another way",
    "payment_received": "a cheque or wire was applied to it",
    "payment_failed": "a card was refused",
    "payment_method_expiring": "the card expires",
    "refund_issued": "money was given back",
    "payment_returned": "a payment was taken back",
    "seats_changed": "the seats changed",
    "seats_change_scheduled": "the seats will change",
    "cancellation_scheduled": "it is to end",
    "cancellation_removed": "it goes on after all",
    "cancelled": "it has ended",
    "finance_new_case": "a case opened",
}


@dataclass(frozen=True, slots=True)
class Words:
    """How this installation says amounts and instants."""

    locale: str
    zone: str

    def money(self, minor: int, currency: str | None) -> str:
        return read_by_people(Money(minor, currency), self.locale) if currency else str(minor)

    def day(self, instant: datetime) -> str:
        return instant.astimezone(ZoneInfo(self.zone)).date().isoformat()

    def minute(self, instant: datetime) -> str:
        return f"{instant.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"

    def value(self, name: str, value: Any, currency: str | None) -> str:
        if value is None or value == "":
            return "none"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if name in _AMOUNTS and isinstance(value, int):
            return self.money(value, currency)
        if isinstance(value, datetime):
            return self.day(value) if name == "due_at" else self.minute(value)
        return masked_plainly(str(value)) if name == "email" else str(value)


def masked_plainly(address: str) -> str:
    """An address as it may be read over a shoulder: m***@t***."""
    return masked(address).partition("#")[0]


def came_in(row: InboxEvent, words: Words) -> str:
    name = f"{row.event_type or 'an event of no type'} {row.id}"
    how = _ORIGINS.get(row.origin, row.origin)
    if row.event_type == OBJECT_READ:
        name, how = f"objects {row.id[:13]}..", "were read from the API"
    late = row.occurred_at and row.received_at - row.occurred_at >= timedelta(minutes=1)
    happened = f" (of {words.minute(row.occurred_at)})" if late and row.occurred_at else ""
    ended = f"; {row.status}{because(row.reason)}"
    at_once = row.ended_at is None or row.ended_at - row.received_at < AT_ONCE
    return f"{name}{happened} {how}" + (ended if at_once else "")


def because(reason: str | None) -> str:
    return f": {without_addresses(reason)}" if reason else ""


class Difference(NamedTuple):
    name: str
    before: Any
    after: Any


def differences(before: Snapshot | None, after: Snapshot, names: Iterable[str]) -> Iterator[Difference]:
    """What of these a snapshot says otherwise than the one before; of the first one, what it says at all."""
    for name in (*names, "deleted"):
        now = after.deleted if name == "deleted" else after.fields.get(name)
        was = before and (before.deleted if name == "deleted" else before.fields.get(name))
        if now != was and (before is not None or now not in ("", 0)):
            yield Difference(name, was, now)


def said(found: Iterable[Difference], is_first: bool, currency: str | None, words: Words) -> str:
    """Differences as a phrase: `status active -> cancelled`."""
    told = []
    for name, was, now in found:
        label = _WORDS.get(name, name.replace("_", " "))
        after = words.value(name, now, currency)
        told.append(f"{label} {after}" if is_first else f"{label} {words.value(name, was, currency)} -> {after}")
    return ", ".join(told)
