"""The facts of an object's story, gathered from what is written down and put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import structlog
from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from gateway.events import Event, Snapshot
from models import (
    AuditEntry,
    Cancellation,
    DeadAddress,
    Finding,
    Followup,
    FollowupEntry,
    InboxEvent,
    Invoice,
    OutboxRow,
    Payment,
    SeatEntry,
)
from worker.log import without_addresses

from .wording import AT_ONCE, WHY_MAILED, Difference, Words, because, came_in, differences, masked_plainly, said

log = structlog.get_logger(__name__)

Kind = Literal["event", "change", "decision", "mail", "call", "callback", "finding", "person"]
CAP = 5_000  # rows of each source
_SYSTEM = frozenset({"chargebee", "clock", "delivery"})
OUTBOX: dict[str, Kind] = {"email": "mail", "chargebee": "call", "callback": "callback"}

# What is told of an object's own snapshots, and in which words; of what is around it, only who collects.
_TOLD = {
    "customer": ("auto_collection", "offline_payment_method", "email", "locale"),
    "subscription": ("status", "auto_collection", "offline_payment_method", "cancelled_at", "customer_id"),
    "invoice": ("status", "total", "amount_paid", "amount_due", "write_off_amount", "due_at"),
    "transaction": ("status", "amount", "payment_method"),
    "credit_note": ("status", "total"),
}
_AROUND = ("auto_collection", "offline_payment_method")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the timeline. `details` are what it is made from, by name."""

    at: datetime
    kind: Kind
    text: str
    object_type: str
    object_id: str
    event_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    facts: list[Fact]
    is_cut: bool  # there is more than was looked at


@dataclass(slots=True)
class Scope:
    """What a timeline is about: ids by kind. Of what is `around`, only what decides about these is told."""

    customer_id: str | None
    customers: set[str] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)  # what mails and calls are about, whatever it is
    around: set[tuple[str, str]] = field(default_factory=set)

    @property
    def ids(self) -> set[str]:
        return self.customers | self.subscriptions | self.invoices | self.payments | self.told


def parsed(row: InboxEvent) -> Event:
    try:
        return Event.from_body(row.raw or b"")
    except Exception as reason:  # why it is parked, its line says
        log.debug("a body cannot be read", event_id=row.id, reason=str(reason))
        return Event(row.event_type, row.api_version, row.occurred_at, (), {})


class Timeline:
    """The facts of a scope. Rows are read once, each source through an index and up to a cap."""

    def __init__(self, session: Session, words: Words, scope: Scope, event_ids: set[str]) -> None:
        self.session, self.words, self.scope = session, words, scope
        self.is_cut = False
        self.seats = self._rows(SeatEntry, SeatEntry.subscription_id.in_(scope.subscriptions), SeatEntry.id)
        self.moves = self._rows(FollowupEntry, FollowupEntry.invoice_id.in_(scope.invoices), FollowupEntry.id)
        self.outbox = self._outbox()
        self.cancellations = self._rows(
            Cancellation, Cancellation.subscription_id.in_(scope.subscriptions), Cancellation.effective_at
        )
        entries = {entry.id: entry for entry in self._audit_of(self._audited())}
        named = {row.event_id for row in (*self.seats, *self.moves, *self.outbox, *entries.values()) if row.event_id}
        ids = named | event_ids
        self.events = {row.id: row for row in self._rows(InboxEvent, InboxEvent.id.in_(ids), InboxEvent.seq)}
        by_event = self._rows(AuditEntry, AuditEntry.event_id.in_(self.events.keys()), AuditEntry.id)
        scope.payments |= {paid for entry in by_event if (paid := self._paid_once(entry))}
        entries |= {entry.id: entry for entry in by_event if self._is_mine(entry)}
        entries |= {e.id: e for e in self._audit_of({("event", id) for id in self.events})}
        self.audit = [entries[id] for id in sorted(entries)]

    def story(self, is_cut: bool) -> Story:
        sources = (
            *(self._events(), self._snapshots(), self._seat_lines(), self._case_moves(), self._audit_lines()),
            *(self._deliveries(), self._findings()),
        )
        facts = [(rank, fact) for rank, source in enumerate(sources) for fact in source]
        facts.sort(key=lambda each: (*self._place(each[1]), each[0]))
        return Story([fact for _, fact in facts], self.is_cut or is_cut)

    def _place(self, fact: Fact) -> tuple[datetime, int]:
        """What an event did at once stands below it; what came of it later, at its own time."""
        event = self.events.get(fact.event_id or "")
        if event is None:
            return fact.at, 0
        soon = timedelta(0) <= fact.at - event.received_at < AT_ONCE
        return (event.received_at if soon else fact.at), event.seq

    # ---- rows ------------------------------------------------------------------------------------------------------

    def _rows(self, model: type[Any], condition: Any, order: Any) -> list[Any]:
        """The newest of them, oldest first."""
        found = list(self.session.scalars(select(model).where(condition).order_by(order.desc()).limit(CAP + 1)))
        self.is_cut = self.is_cut or len(found) > CAP
        return found[:CAP][::-1]

    def _outbox(self) -> list[OutboxRow]:
        mine: ColumnElement[bool] = OutboxRow.object_id.in_(self.scope.ids)
        if self.scope.customer_id in self.scope.customers:
            mine = mine | OutboxRow.customer_id.in_(self.scope.customers)
        elif self.scope.customer_id:  # ids are unique only within a kind and a customer
            mine = mine & (OutboxRow.customer_id.is_(None) | (OutboxRow.customer_id == self.scope.customer_id))
        return self._rows(OutboxRow, mine, OutboxRow.id)

    def _audited(self) -> set[tuple[str, str]]:
        """Object types and ids under which the audit speaks of these."""
        pairs = {("payments", id) for id in self.scope.payments}
        pairs |= {("subscription_items", f"{row.subscription_id}:{row.item_price_id}") for row in self.seats}
        pairs |= {(row.kind, row.key) for row in self.outbox}
        for row in self.cancellations:
            pairs.add(("cancellations", f"{row.subscription_id}:{row.effective_at.isoformat()}"))
        pairs |= {("subscription", id) for id in self.scope.subscriptions}  # writes that a person asked for
        pairs |= {("invoice", id) for id in self.scope.invoices} | {("transaction", id) for id in self.scope.payments}
        for id in self.scope.customers:
            pairs |= {("opt_outs", id), ("language_choices", id)}
        return pairs

    def _audit_of(self, pairs: set[tuple[str, str]]) -> list[AuditEntry]:
        named = tuple_(AuditEntry.object_type, AuditEntry.object_id)
        return self._rows(AuditEntry, named.in_(pairs), AuditEntry.id) if pairs else []

    def _paid_once(self, entry: AuditEntry) -> str | None:
        """The payment that this entry says pays an invoice of these, or paid it: one taken off names it no more."""
        if entry.object_type == "payment_applications":
            for invoice in self.scope.invoices:
                if entry.object_id.endswith(f":{invoice}"):
                    return entry.object_id.removesuffix(f":{invoice}")
        return None

    def _is_mine(self, entry: AuditEntry) -> bool:
        id = entry.object_id
        match entry.object_type:
            case "payments":
                return id in self.scope.payments
            case "payment_applications":
                return self._paid_once(entry) is not None
            case "cancellations" | "subscription_items":
                return any(id.startswith(f"{subscription}:") for subscription in self.scope.subscriptions)
        return False

    @cached_property
    def _currencies(self) -> Mapping[str, str | None]:
        cases = select(Followup.invoice_id, Followup.currency).where(Followup.invoice_id.in_(self.scope.invoices))
        invoices = select(Invoice.id, Invoice.currency).where(Invoice.id.in_(self.scope.invoices))
        return {id: currency for of in (cases, invoices) for id, currency in self.session.execute(of)}

    # ---- what came in ----------------------------------------------------------------------------------------------

    def _events(self) -> Iterator[Fact]:
        for row in self.events.values():
            yield self._fact(row.received_at, "event", came_in(row, self.words), "event", row.id, row.id, _ended(row))
            if row.ended_at and row.ended_at - row.received_at >= AT_ONCE:
                text = f"{row.event_type or 'event'} {row.id} was {row.status}" + because(row.reason)
                yield self._fact(row.ended_at, "event", text, "event", row.id, row.id, _ended(row))

    def _snapshots(self) -> Iterator[Fact]:
        """What the greatest snapshots changed, as far as bodies are kept."""
        greatest: dict[tuple[str, str], Snapshot] = {}
        applied = [row for row in self.events.values() if row.status == "applied" and row.raw]
        for row in sorted(applied, key=lambda e: (e.ended_at, e.occurred_at or e.received_at, e.seq)):
            for snapshot in parsed(row).snapshots:
                told = self._told(snapshot)
                before = greatest.get((snapshot.kind, snapshot.id))
                if not told or (before and snapshot.order <= before.order):
                    continue
                greatest[snapshot.kind, snapshot.id] = snapshot
                if found := list(differences(before, snapshot, told)):
                    yield self._snapshot(row, snapshot, found, before is None)

    def _snapshot(self, row: InboxEvent, snapshot: Snapshot, found: list[Difference], is_first: bool) -> Fact:
        told = said(found, is_first, snapshot.fields.get("currency"), self.words)
        text = f"{snapshot.kind.replace('_', ' ')} {snapshot.id}: {told}"
        sides = [{each.name: _plain(each.name, each[side]) for each in found} for side in (1, 2)]
        details = {"version": snapshot.version, "before": None if is_first else sides[0], "after": sides[1]}
        at = row.ended_at or row.received_at
        return self._fact(at, "change", text, snapshot.kind, snapshot.id, row.id, details)

    def _told(self, snapshot: Snapshot) -> tuple[str, ...]:
        scope, pair = self.scope, (snapshot.kind, snapshot.id)
        own = {
            "customer": scope.customers,
            "subscription": scope.subscriptions,
            "invoice": scope.invoices,
            "transaction": scope.payments,
        }
        if snapshot.id in own.get(snapshot.kind, ()) or snapshot.fields.get("invoice_id") in scope.invoices:
            return _TOLD.get(snapshot.kind, ())
        return _AROUND if pair in scope.around else ()

    # ---- what it changed, and what was decided ---------------------------------------------------------------------

    def _seat_lines(self) -> Iterator[Fact]:
        written: dict[tuple[str, str | None, int], datetime] = {}
        for entry in self.audit:
            if entry.object_type == "subscription_items":
                after = (entry.after or {"seats": 0}).get("seats")
                if after is not None:
                    written[entry.object_id, entry.event_id, after] = entry.at
        for row in self.seats:
            key = (f"{row.subscription_id}:{row.item_price_id}", row.event_id, row.after)
            text = f"seats {row.before} -> {row.after} of {row.item_price_id}"
            text += " (the clock: its date has come)" if row.event_id is None else ""
            at = written.get(key, row.effective_at)
            details = {"before": row.before, "after": row.after, "item_price_id": row.item_price_id}
            yield self._fact(at, "change", text, "subscription", row.subscription_id, row.event_id, details)

    def _case_moves(self) -> Iterator[Fact]:
        for row in self.moves:
            text = self._move(row)
            details = {"move": row.move, "before": row.before, "after": row.after, "actor": row.actor}
            yield self._fact(row.at, "decision", text, "invoice", row.invoice_id, row.event_id, details)

    def _move(self, row: FollowupEntry) -> str:
        currency, after = self._currencies.get(row.invoice_id), row.after
        owed = self.words.money(after.get("balance") or 0, currency)
        how = f", to be paid by {after['method'].replace('_', ' ')}" if after.get("method") else ""
        if row.move in ("opened", "reopened"):
            return f"case {row.invoice_id} {row.move}: collection is off and {owed} is owed{how}"
        if row.move == "closed":
            return f"case {row.invoice_id} closed: {after.get('closed_reason')}"
        paid = self.words.money(after.get("paid") or 0, currency)
        return f"case {row.invoice_id} goes on: {owed} is owed, {paid} came{how}"

    def _audit_lines(self) -> Iterator[Fact]:
        for entry in self.audit:
            told = self._audit_line(entry)
            if told:
                kind, text = told
                details = {"actor": entry.actor, "before": entry.before, "after": entry.after}
                yield self._fact(entry.at, kind, text, entry.object_type, entry.object_id, entry.event_id, details)

    def _audit_line(self, entry: AuditEntry) -> tuple[Kind, str] | None:
        if entry.object_type in _TELLERS:
            return _TELLERS[entry.object_type](self, entry)
        return None

    def _payment(self, entry: AuditEntry) -> tuple[Kind, str]:
        before, after, id = entry.before or {}, entry.after or {}, entry.object_id
        if not entry.after:
            return "change", f"payment {id} removed: nothing speaks of it any more"
        if not entry.before:
            amount = self.words.money(after.get("amount") or 0, after.get("currency"))
            how = f" by {after['method'].replace('_', ' ')}" if after.get("method") else ""
            reference = f", reference {after['reference']}" if after.get("reference") else ""
            status = "" if after.get("status") == "succeeded" else f", {str(after.get('status')).replace('_', ' ')}"
            return "change", f"{after.get('kind')} {id} recorded: {amount}{how}{reference}{status}"
        row = self.session.get(Payment, id)
        say: Callable[[str, Any], str] = lambda n, v: self.words.value(n, v, row.currency if row else None)  # noqa: E731
        changes = ", ".join(f"{name} {say(name, before[name])} -> {say(name, after[name])}" for name in after)
        return "change", f"payment {id}: {changes}"

    def _application(self, entry: AuditEntry) -> tuple[Kind, str] | None:
        payment = self._paid_once(entry) or ""
        invoice = entry.object_id.removeprefix(f"{payment}:")
        currency = self._currencies.get(invoice)
        if not entry.after:
            return "change", f"payment {payment} pays nothing of {invoice} any more"
        if "applied" not in entry.after:
            return None
        applied = self.words.money(entry.after["applied"], currency)
        return "change", f"payment {payment} pays {applied} of {invoice}"

    def _cancellation(self, entry: AuditEntry) -> tuple[Kind, str] | None:
        id, _, instant = entry.object_id.partition(":")
        id = next((s for s in self.scope.subscriptions if entry.object_id.startswith(f"{s}:")), id)
        instant = entry.object_id.removeprefix(f"{id}:")
        on = self.words.minute(datetime.fromisoformat(instant))
        state, before = (entry.after or {}).get("state"), (entry.before or {}).get("state")
        reason = (entry.after or {}).get("reason") if not entry.before else None
        if not entry.after or state is None or state == before:
            return None
        text = {
            "scheduled": f"{id} is to end on {on}",
            "withdrawn": f"the end of {id} on {on} is withdrawn: Chargebee shows it live, without this date",
            "run": f"{id} has ended on {on}" + (": the date has come" if entry.actor == "clock" else ""),
            "undone": f"the end of {id} on {on} is undone: it was reactivated",
        }.get(state)
        return ("decision", text + (f" ({reason})" if reason else "")) if text else None

    def _by_a_person(self, entry: AuditEntry) -> tuple[Kind, str]:
        after = entry.after or {}
        if entry.object_type == "event":
            was = entry.before or {}
            if after.get("by") == "another body":
                words = f"{entry.object_id}, which was parked, came again with another body, and that is applied"
                return "event", words + because(was.get("reason"))
            if after.get("status") == "ignored":
                return "person", f"{entry.actor} set {entry.object_id} aside" + because(after.get("reason"))
            return "person", f"{entry.actor} replayed {entry.object_id}, which was {was.get('status')}" + because(
                was.get("reason")
            )
        if "asked_for" in after:
            return "person", f"{entry.actor} asked for {after['asked_for']}: {after.get('says')}"
        told = ", ".join(f"{name} {value}" for name, value in after.items() if value not in (None, False))
        return "person", f"{entry.actor} changed {entry.object_type.replace('_', ' ')}: {told or 'removed'}"

    # ---- mail and calls --------------------------------------------------------------------------------------------

    def _deliveries(self) -> Iterator[Fact]:
        audit: dict[str, list[AuditEntry]] = {}
        for entry in self.audit:
            if entry.object_type in OUTBOX:
                audit.setdefault(entry.object_id, []).append(entry)
        for row in self.outbox:
            entries = audit.get(row.key, [])
            first = next(iter(audit.get(row.key.rpartition(":")[0], [])), None)
            if first and all(entry.before for entry in entries):  # a copy of it for another reader
                yield self._delivery(row, first.at, f"queued for another reader ({self._to(row)})", {})
            ended = [e for e in entries if (e.after or {}).get("state") in ("sent", "held", "failed", "suppressed")]
            for entry in entries:
                is_last = bool(ended) and entry is ended[-1]
                yield self._delivery(row, entry.at, self._entry_told(row, entry, is_last), entry.after or {}, entry)
            if not ended and row.ended_at:  # it ended before endings left entries
                yield self._delivery(row, row.ended_at, self._ending(row, row.state, row.reason, True), {})

    def _delivery(
        self, row: OutboxRow, at: datetime, text: str, details: dict[str, Any], entry: AuditEntry | None = None
    ) -> Fact:
        kind = OUTBOX[row.kind]
        by_hand = entry is not None and entry.actor not in _SYSTEM
        more = {"key": row.key, "name": row.name, "state": row.state, "attempts": row.attempts, "reply": row.reply}
        event_id = entry.event_id if entry else row.event_id
        text = f"{kind} {row.name} about {row.object_id} {text}"
        return self._fact(at, "person" if by_hand else kind, text, row.kind, row.key, event_id, more | details)

    def _entry_told(self, row: OutboxRow, entry: AuditEntry, is_last: bool) -> str:
        after = entry.after or {}
        state, by = after.get("state"), "" if entry.actor in _SYSTEM else f" by {entry.actor}"
        if after.get("again"):
            return f"queued once more{by}"
        if entry.before is None and state == "new":
            return f"queued{by}{because(_why_mailed(row))}"
        if not by:
            return self._ending(row, state or row.state, after.get("reason"), is_last)
        if state is None:
            return ", ".join(f"{name} {value}" for name, value in after.items()) + by
        return ("released" if state == "new" else f"called {state}") + by

    def _ending(self, row: OutboxRow, state: str, reason: str | None, is_last: bool) -> str:
        reply = without_addresses(row.reply) if row.reply and is_last else None
        if state == "sent":
            to = f" to {self._to(row)}" if row.recipient else ""
            tries = f" at attempt {row.attempts}" if row.attempts > 1 and is_last else ""
            return f"sent{to}{tries}" + (f"; the answer: {reply}" if reply else "") + because(reason)
        words = {"suppressed": "not sent", "held": "held for a person", "failed": "failed"}.get(state, state)
        tries = f" after {row.attempts} attempts" if state == "failed" and is_last else ""
        return words + tries + because(reason) + (f" ({reply})" if reply and state == "suppressed" else "")

    def _to(self, row: OutboxRow) -> str:
        return masked_plainly(row.recipient) if row.recipient else "nobody yet"

    # ---- what does not add up --------------------------------------------------------------------------------------

    def _findings(self) -> Iterator[Fact]:
        about = {(kind, id) for kind in ("customer", "subscription", "invoice", "transaction") for id in self.scope.ids}
        about |= {("outbox", row.key) for row in self.outbox} | {("event", id) for id in self.events}
        for row in self._rows(Finding, tuple_(Finding.object_type, Finding.object_id).in_(about), Finding.id):
            again = f" (seen {row.times} times, last {self.words.minute(row.last_seen_at)})" if row.times > 1 else ""
            text, details = f"{row.severity}: {row.detail}{again}", {"kind": row.kind}
            yield self._fact(row.first_seen_at, "finding", text, row.object_type, row.object_id, None, details)
        dead = DeadAddress.customer_id.in_(self.scope.customers)
        for row in self._rows(DeadAddress, dead, DeadAddress.id) if self.scope.customers else ():
            text = f"mail to {masked_plainly(row.address)} came back, and nothing goes there: {row.reason}"
            yield self._fact(row.marked_at, "finding", text, "customer", row.customer_id or "")

    def _fact(
        self,
        at: datetime,
        kind: Kind,
        text: str,
        object_type: str,
        object_id: str,
        event_id: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> Fact:
        return Fact(at, kind, without_addresses(text), object_type, object_id, event_id, _discreet(details or {}))


_TELLERS: dict[str, Callable[[Timeline, AuditEntry], tuple[Kind, str] | None]] = {
    "payments": Timeline._payment,
    "payment_applications": Timeline._application,
    "cancellations": Timeline._cancellation,
    "event": Timeline._by_a_person,
    "subscription": Timeline._by_a_person,
    "invoice": Timeline._by_a_person,
    "transaction": Timeline._by_a_person,
    "opt_outs": Timeline._by_a_person,
    "language_choices": Timeline._by_a_person,
}


def _ended(row: InboxEvent) -> dict[str, Any]:
    names = ("event_type", "origin", "status", "reason", "occurred_at", "received_at", "ended_at")
    return {name: getattr(row, name) for name in names}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return masked_plainly(value) if name == "email" and value else value


def _why_mailed(row: OutboxRow) -> str | None:
    if row.name == "seats_changed" and row.payload.keys() >= {"before", "after"}:
        return f"the seats changed from {row.payload['before']} to {row.payload['after']}"
    return WHY_MAILED.get(row.name)


def _discreet(value: Any) -> Any:
    """The same with every address in it masked."""
    if isinstance(value, dict):
        return {name: _discreet(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_discreet(each) for each in value]
    return without_addresses(value) if isinstance(value, str) else value
