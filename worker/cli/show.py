"""`quittance show`: everything that is known here about one customer, subscription or invoice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import click
from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.orm import Session, undefer

from models import (
    AuditEntry,
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
    Transaction,
)
from tasks import mentions
from worker.settings import Settings

from . import shapes
from .database import looking
from .failures import Problem
from .output import (
    Column,
    as_json,
    called,
    heading,
    note,
    note_shortened,
    one_id,
    say,
    say_facts,
    say_json,
    say_table,
    shortens,
)
from .shapes import Shape, Shapes, display, to_whom_and_why

AT_MOST = 20  # rows of a section in a table; JSON has all


@click.group()
def command() -> None:
    """The whole local truth about one object."""


@command.command()
@one_id
@as_json
def customer(id: str, as_json: bool) -> None:
    """A customer, with all that it bought, owes and was told."""
    _show(Customer, id, as_json)


@command.command()
@one_id
@as_json
def subscription(id: str, as_json: bool) -> None:
    """A subscription: seats and how they came about, invoices, payments, cancellations, mail, events."""
    _show(Subscription, id, as_json)


@command.command()
@one_id
@as_json
def invoice(id: str, as_json: bool) -> None:
    """An invoice: what was paid, what finance follows up, mail, events."""
    _show(Invoice, id, as_json)


def _show(model: type[Customer] | type[Subscription] | type[Invoice], id: str, as_json: bool) -> None:
    settings = Settings.read()
    with looking(settings) as session:
        row = cast(Customer | Subscription | Invoice | None, session.get(model, id))
        if row is None:
            kind = model.__tablename__.removesuffix("s")
            raise Problem(
                f"no {kind} {id} is known here; Chargebee may know it, and its next event brings it"
                f" ({called('events list --status parked')} shows events that could not be applied)"
            )
        truth = Truth(session, Shapes.of(settings, session), row)
        document = truth.document()
        cut = truth.events_cut
    if as_json:
        say_json(document)
    else:
        _print(document)
    if cut:
        note(f"Events that changed nothing are looked for among the newest {mentions.LOOK_BACK} events only.")


class Truth:
    """One object and the rows around it, each found through an index."""

    def __init__(self, session: Session, shapes: Shapes, row: Customer | Subscription | Invoice) -> None:
        self.session, self.shapes, self.row = session, shapes, row
        self.kind = type(row).__tablename__.removesuffix("s")
        self.customer_id = row.id if isinstance(row, Customer) else row.customer_id
        self.events_cut = False
        self.subscriptions = self._subscriptions()
        self.invoices = self._invoices()
        self._subscription_ids = [each.id for each in self.subscriptions]
        self._invoice_ids = [each.id for each in self.invoices]
        self.payments = self._payments()

    def document(self) -> Shape:
        """The object first, then the rows around it, oldest first; events, as in their own list, newest first."""
        sub_ids, invoice_ids = self._subscription_ids, self._invoice_ids
        audited = {("payments", each.id) for each in self.payments} | {("followups", id) for id in invoice_ids}
        seat_entries = self._all(SeatEntry, SeatEntry.subscription_id.in_(sub_ids), SeatEntry.id)
        followups = self._all(Followup, Followup.invoice_id.in_(invoice_ids), Followup.opened_at)
        cancellations = self._all(Cancellation, Cancellation.subscription_id.in_(sub_ids), Cancellation.effective_at)
        outbox = self._outbox()
        audited |= {(each.kind, each.key) for each in outbox}
        ledger: list[SeatEntry | OutboxRow] = [*outbox]
        if not isinstance(self.row, Invoice):  # what its subscription went through is around it, not about it
            ledger += seat_entries
            audited |= {("subscriptions", id) for id in sub_ids}
            audited |= {
                ("cancellations", f"{each.subscription_id}:{each.effective_at.isoformat()}") for each in cancellations
            }
        findings = self._all(Finding, self._found_about(outbox), Finding.id)
        shown = {
            "subscriptions": [self._subscription(each) for each in self.subscriptions],
            "seat_entries": [shapes.seat_entry(each) for each in seat_entries],
            "invoices": [self._invoice(each) for each in self.invoices],
            "payments": [self._payment(each) for each in self.payments],
            "followups": [self._followup(each) for each in followups],
            "cancellations": [shapes.cancellation(each) for each in cancellations],
            "emails": [shapes.outbox_row(each) for each in outbox if each.kind == "email"],
            "events": self._events(ledger, audited),
        }
        mine = shown.pop(f"{self.kind}s", None)
        first = mine[0] if mine else self.shapes.customer(self.row)  # type: ignore[arg-type]
        first["calls"] = [shapes.outbox_row(each) for each in outbox if each.kind != "email"]
        first["findings"] = [shapes.finding(each) for each in findings]
        return {self.kind: first, **shown}

    # ---- rows around the object ------------------------------------------------------------------------------------

    def _all(self, model: type[Any], condition: ColumnElement[bool], *order: Any) -> list[Any]:
        return list(self.session.scalars(select(model).where(condition).order_by(*order)))

    def _subscriptions(self) -> list[Subscription]:
        if isinstance(self.row, Subscription):
            return [self.row]
        if isinstance(self.row, Customer):
            return self._all(Subscription, Subscription.customer_id == self.row.id, Subscription.id)
        return self._all(Subscription, Subscription.id == self.row.subscription_id)

    def _invoices(self) -> list[Invoice]:
        if isinstance(self.row, Invoice):
            return [self.row]
        mine = Invoice.customer_id if isinstance(self.row, Customer) else Invoice.subscription_id
        return self._all(Invoice, mine == self.row.id, Invoice.issued_at, Invoice.id)

    def _payments(self) -> list[Payment]:
        """Those that paid these invoices, those that name the subscription, and what was given back of them."""
        if isinstance(self.row, Customer):
            return self._all(Payment, Payment.customer_id == self.row.id, Payment.received_on, Payment.id)
        applied = self._all(PaymentApplication, PaymentApplication.invoice_id.in_(self._invoice_ids))
        ids = {each.transaction_id for each in applied}
        ids |= {link["transaction_id"] for each in self.invoices for link in each.linked_payments}
        of_mine = Payment.customer_id == self.customer_id
        if isinstance(self.row, Subscription):
            named = select(Payment.id).join(Transaction, Transaction.id == Payment.id)
            ids |= set(self.session.scalars(named.where(of_mine, Transaction.subscription_id == self.row.id)))
        given_back = of_mine & Payment.refund_of.in_(ids)
        return self._all(Payment, Payment.id.in_(ids) | given_back, Payment.received_on, Payment.id)

    def _outbox(self) -> list[OutboxRow]:
        """Mail, calls and callbacks: by customer, else by object. Ids are unique only within a kind and a customer."""
        if isinstance(self.row, Customer):
            mine = (OutboxRow.customer_id == self.row.id) | (
                OutboxRow.object_id.in_([self.row.id, *self._subscription_ids, *self._invoice_ids])
                & OutboxRow.customer_id.is_(None)
            )
        else:
            objects = {self.row.id, *self._invoice_ids} | {payment.id for payment in self.payments}
            mine = OutboxRow.object_id.in_(objects) & or_(
                OutboxRow.customer_id.is_(None), OutboxRow.customer_id == self.customer_id
            )
        found: list[OutboxRow] = self._all(OutboxRow, mine, OutboxRow.id)
        return [each for each in found if self._concerns(each)]

    def _concerns(self, row: OutboxRow) -> bool:
        """Whether an outbox row whose object has one of our ids is about that object, by what it does."""
        if row.name.startswith("read_"):
            ids = {
                "read_customer": [self.row.id] if isinstance(self.row, Customer) else [],
                "read_subscription": [] if isinstance(self.row, Invoice) else self._subscription_ids,
                "read_invoice": self._invoice_ids,
                "read_transaction": [payment.id for payment in self.payments],
            }
            return row.object_id in ids.get(row.name, ())
        if row.kind == "email" and row.name == "invoice":
            return row.object_id in self._invoice_ids
        return not isinstance(self.row, Invoice)  # all others speak of subscriptions

    def _found_about(self, outbox: Sequence[OutboxRow]) -> ColumnElement[bool]:
        about = {(self.kind, self.row.id)} | {("outbox", row.key) for row in outbox}
        return tuple_(Finding.object_type, Finding.object_id).in_(about)

    # ---- each as a shape -------------------------------------------------------------------------------------------

    def _subscription(self, row: Subscription) -> Shape:
        items = self._all(SubscriptionItem, SubscriptionItem.subscription_id == row.id, SubscriptionItem.item_price_id)
        return self.shapes.subscription(row, items)

    def _invoice(self, row: Invoice) -> Shape:
        """With its credit notes, by the ids that the invoice itself names."""
        snapshot = (
            self.session.scalars(select(Invoice).where(Invoice.id == row.id).options(undefer(Invoice.snapshot)))
            .one()
            .snapshot
        )
        named = {
            link.get("cn_id")
            for member in ("issued_credit_notes", "adjustment_credit_notes", "applied_credits")
            for link in snapshot.get(member) or ()
        }
        return self.shapes.invoice(row, self._all(CreditNote, CreditNote.id.in_(named - {None}), CreditNote.id))

    def _payment(self, row: Payment) -> Shape:
        applied = self._all(
            PaymentApplication, PaymentApplication.transaction_id == row.id, PaymentApplication.invoice_id
        )
        return self.shapes.payment(row, applied)

    def _followup(self, row: Followup) -> Shape:
        return self.shapes.followup(
            row, self._all(FollowupEntry, FollowupEntry.invoice_id == row.invoice_id, FollowupEntry.id)
        )

    # ---- events ----------------------------------------------------------------------------------------------------

    def _events(self, ledger: Iterable[SeatEntry | OutboxRow], audited: set[tuple[str, str]]) -> list[Shape]:
        """Events that concern the object, newest first.

        Found in two ways. By what they did, at any age: the event ids in the ledgers, the outbox and the audit entries
        of these rows (each indexed by its object). And by what they say: the newest of all and the parked
        ones that have the customer among their customer_ids and name the object in their body. No index holds
        customer_ids, so an older event that changed nothing here is not found.
        """
        named = {row.event_id for row in ledger}
        entries = select(FollowupEntry.event_id).where(FollowupEntry.invoice_id.in_(self._invoice_ids))
        named |= set(self.session.scalars(entries))
        audit = select(AuditEntry.event_id).where(tuple_(AuditEntry.object_type, AuditEntry.object_id).in_(audited))
        named |= set(self.session.scalars(audit.distinct()))
        found = {id for id in named if id}
        if self.customer_id:
            said = mentions.of(self.session, self.customer_id, self.kind, self.row.id)
            found |= said.event_ids
            self.events_cut = said.is_cut
        columns = (InboxEvent.id, InboxEvent.event_type, InboxEvent.status, InboxEvent.reason)
        rows = self.session.execute(select(*columns).where(InboxEvent.id.in_(found)).order_by(InboxEvent.seq.desc()))
        return [row._asdict() for row in rows]


# ---- for people ------------------------------------------------------------------------------------------------------


def _print(document: Shape) -> None:
    (_, thing), *sections = document.items()
    has_shortened = False
    facts = {name: _fact(value) for name, value in thing.items() if not isinstance(value, list)}
    say_facts({name: value for name, value in facts.items() if value is not None and value is not False})
    for name, rows in [*((name, value) for name, value in thing.items() if isinstance(value, list)), *sections]:
        if not rows or name not in _SECTIONS:
            continue
        columns, line = _SECTIONS[name]
        order = ", the newest first" if name == "events" else ""
        heading(f"{name.replace('_', ' ').capitalize()} ({len(rows)}{order})")
        shown = rows[:AT_MOST] if name == "events" else rows[-AT_MOST:]
        cells = [line(row) for row in shown]
        say_table(columns, cells, notes=[to_whom_and_why(row) for row in shown])
        has_shortened = has_shortened or shortens(columns, cells)
        if len(shown) < len(rows):
            say(f"The newest {AT_MOST} of {len(rows)}; --json has them all.")
    say("\nTimes are UTC.")
    if has_shortened:
        note_shortened()


def _fact(value: Any) -> Any:
    return display(value) if isinstance(value, dict) and "minor" in value else value


def _columns(*titles: str, whole: str = "", right: Iterable[str] = ()) -> list[Column]:
    return [
        Column(
            title,
            whole=title == whole,
            right=title in right,
            shortened=title == "event",
            least=15 if title == "type" else 10,
        )
        for title in titles
    ]


_SECTIONS: dict[str, tuple[list[Column], Callable[[Shape], Sequence[Any]]]] = {
    "contacts": (_columns("billing contact"), lambda row: (row["email"],)),
    "items": (
        _columns("item price", "type", "quantity", "seats", right=("quantity", "seats")),
        lambda row: (row["item_price_id"], row["item_type"], row["quantity"], row["seats"]),
    ),
    "credit_notes": (
        _columns("credit note", "type", "status", "total", whole="credit note", right=("total",)),
        lambda row: (row["id"], row["type"], row["status"], display(row["total"])),
    ),
    "calls": (
        _columns("call", "key", "state", "attempts", whole="key", right=("attempts",)),
        lambda row: (row["kind"], row["key"], row["state"], row["attempts"]),
    ),
    "findings": (
        _columns("finding", "severity", "detail"),
        lambda row: (row["kind"], row["severity"], row["detail"]),
    ),
    "subscriptions": (
        _columns("subscription", "status", "seats", "term ends", whole="subscription", right=("seats",)),
        lambda row: (row["id"], row["status"], row["seats"], row["current_term_end"]),
    ),
    "seat_entries": (
        _columns("effective", "item price", "before", "after", "event", whole="event", right=("before", "after")),
        lambda row: (row["effective_at"], row["item_price_id"], row["before"], row["after"], row["event_id"]),
    ),
    "invoices": (
        _columns("invoice", "status", "total", "due", "due on", whole="invoice", right=("total", "due")),
        lambda row: (row["id"], row["status"], display(row["total"]), display(row["amount_due"]), row["due_at"]),
    ),
    "payments": (
        _columns("payment", "kind", "status", "amount", "method", "received", whole="payment", right=("amount",)),
        lambda row: (
            row["id"],
            row["kind"],
            row["status"],
            display(row["amount"]),
            row["method"],
            row["received_on"],
        ),
    ),
    "followups": (
        _columns("invoice", "state", "balance", "due on", "days late", whole="invoice", right=("balance", "days late")),
        lambda row: (row["invoice_id"], row["state"], display(row["balance"]), row["due_on"], row["days_late"]),
    ),
    "cancellations": (
        _columns("subscription", "effective", "on", "state", whole="subscription"),
        lambda row: (row["subscription_id"], row["effective_at"], row["effective_on"], row["state"]),
    ),
    "emails": (
        _columns("e-mail", "state", "ended", whole="e-mail"),
        lambda row: (row["key"], row["state"], row["ended_at"]),
    ),
    "events": (
        _columns("event", "type", "status", whole="event"),
        lambda row: (row["id"], row["event_type"], row["status"]),
    ),
}
