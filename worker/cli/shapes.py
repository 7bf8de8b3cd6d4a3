"""Rows as JSON shows them: instants in ISO 8601 UTC, money with its currency and as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from billing.followups import bucket_of
from billing.money import Money
from emails.format import money as read_by_people
from models import (
    Base,
    Cancellation,
    CreditNote,
    Customer,
    Finding,
    Followup,
    FollowupEntry,
    InboxEvent,
    Invoice,
    OutboxRow,
    Payment,
    PaymentApplication,
    SeatEntry,
    Subscription,
    SubscriptionItem,
    clock,
)
from worker.settings import Settings

from .output import plain

Shape = dict[str, Any]
_NOT_SHOWN = frozenset(
    {"snapshot", "tie_at", "digest", "raw", "text", "said", "payload", "lease_token", "linked_payments"}
)


@dataclass(frozen=True, slots=True)
class Shapes:
    """How this installation shows things: in its default locale, on today's date in the site's zone."""

    locale: str
    today: date

    @classmethod
    def of(cls, settings: Settings, session: Session) -> Shapes:
        today = clock.now(session).astimezone(ZoneInfo(settings.site_timezone)).date()
        return cls(settings.default_locale, today)

    def money(self, minor: int | None, currency: str | None) -> Shape | None:
        """None where there is no amount; without a known currency nothing can be displayed."""
        if minor is None:
            return None
        display = read_by_people(Money(minor, currency), self.locale) if currency else None
        return {"minor": minor, "currency": currency, "display": display}

    def customer(self, row: Customer) -> Shape:
        return _shape(row, "id", "company", "email")

    def subscription(self, row: Subscription, items: Iterable[SubscriptionItem]) -> Shape:
        first = ("id", "customer_id", "status", "seats", "version", "current_term_end")
        shown = [_shape(item, "item_price_id", without=("subscription_id",)) for item in items]
        return _shape(row, *first) | {"items": shown}

    def invoice(self, row: Invoice, credit_notes: Iterable[CreditNote]) -> Shape:
        amounts = ("total", "amount_paid", "amount_due", "write_off_amount")
        notes = [self._with_money(each, ("total",), "id", currency=each.currency) for each in credit_notes]
        shown = self._with_money(row, amounts, "id", "customer_id", "subscription_id", "status", currency=row.currency)
        return shown | {"credit_notes": notes}

    def payment(self, row: Payment, applied: Iterable[PaymentApplication]) -> Shape:
        shown = self._with_money(row, ("amount", "unused", "refunded"), "id", currency=row.currency)
        return shown | {
            "applied": [
                {"invoice_id": each.invoice_id, "amount": self.money(each.applied, row.currency)} for each in applied
            ]
        }

    def followup(self, row: Followup, entries: Sequence[FollowupEntry] | None = None) -> Shape:
        """With how late it is while it is open: days past due, and in which bucket. None: it has no due date."""
        shown = self._with_money(row, ("total", "paid", "balance"), "invoice_id", currency=row.currency)
        shown["days_late"] = days = max(0, (self.today - row.due_on).days) if row.open and row.due_on else None
        shown["bucket"] = bucket_of(days) if row.open else None
        if entries is not None:
            shown["entries"] = [_shape(entry, "at", "actor", "move", without=("invoice_id",)) for entry in entries]
        return shown

    def _with_money(self, row: Base, amounts: Sequence[str], *first: str, currency: str | None) -> Shape:
        shown = _shape(row, *first)
        return shown | {name: self.money(shown[name], currency) for name in amounts}


def seat_entry(row: SeatEntry) -> Shape:
    return _shape(row, "id", "subscription_id", "item_price_id", "before", "after")


def cancellation(row: Cancellation) -> Shape:
    return _shape(row, "subscription_id", "effective_at", "effective_on", "state", "reason")


def outbox_row(row: OutboxRow) -> Shape:
    """What is known of a mail, call or callback, without its text. `says`: what a write to Chargebee was to do."""
    shape = _shape(row, "key", "kind", "name", "object_id", "customer_id", "state", "reason")
    return shape | {"says": row.payload.get("says")}


def finding(row: Finding) -> Shape:
    return _shape(row, "id", "kind", "severity", "object_type", "object_id", "detail")


def event(row: InboxEvent) -> Shape:
    return _shape(row, "id", "event_type", "status", "reason", "occurred_at", "received_at")


def _shape(row: Base, *first: str, without: Sequence[str] = ()) -> Shape:
    names = [column.key for column in inspect(type(row)).column_attrs]
    ordered = [*first, *(name for name in names if name not in first)]
    return {name: plain(getattr(row, name)) for name in ordered if name not in _NOT_SHOWN and name not in without}


def display(money: Shape | None) -> str:
    """An amount for a table."""
    return "-" if money is None else str(money["display"] or money["minor"])


def to_whom_and_why(row: Shape) -> str | None:
    """The recipient or the purpose of a row, and its reason, for the line below it."""
    told = [f"to {row['recipient']}" if row.get("recipient") else row.get("says"), row.get("reason")]
    return ": ".join(each for each in told if each) or None
