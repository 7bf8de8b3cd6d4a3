"""Why things are as they are: one timeline of an object, from what is written down about it.

An event came in; what it changed; what was decided because of it; the mail or call that followed, and what became of
that; what did not add up. Everything told here stands in a row: the ledgers, the audit, the outbox, the inbox, the
findings. What a snapshot changed is read from the bodies of the events, which are kept for ninety days.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Text, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from models import AuditEntry, Customer, InboxEvent, Invoice, OutboxRow, Payment, PaymentApplication, Subscription

from . import mentions
from .timeline import CAP, Scope, Story, Timeline, parsed
from .wording import Words


def kinds_of(session: Session, id: str) -> list[str]:
    """What this id is known as here: customer, subscription, invoice, event."""
    models = {"customer": Customer, "subscription": Subscription, "invoice": Invoice, "event": InboxEvent}
    return [kind for kind, model in models.items() if session.get(model, id) is not None]


def explain(session: Session, words: Words, kind: str, id: str) -> Story:
    """Everything that is written down about one object, oldest first.

    Its customer's events are looked at too: what one of them says may decide about the object, as who collects does.
    """
    if kind == "event":
        return _of_event(session, words, id)
    scope = scope_of(session, kind, id)
    theirs = mentions.Mentions(set(), False)
    if owner := scope.customer_id:
        theirs = mentions.of(session, owner, "customer", owner)
    timeline = Timeline(session, words, scope, theirs.event_ids)
    story = timeline.story(theirs.is_cut)
    if kind == "customer":
        return story
    said = {row.id for row in timeline.events.values() if mentions.names(row.raw or b"", kind, id)}
    said |= {fact.event_id for fact in story.facts if fact.event_id and fact.kind != "event"}
    return Story([fact for fact in story.facts if fact.kind != "event" or fact.event_id in said], story.is_cut)


def _of_event(session: Session, words: Words, id: str) -> Story:
    """What one event did: the part of its objects' timelines that it is the cause of."""
    row = session.get_one(InboxEvent, id)
    scope = Scope(None)
    for snapshot in parsed(row).snapshots if row.raw else ():
        _add(scope, snapshot.kind, snapshot.id)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.event_id == id).limit(CAP)).all()
    outbox = session.scalars(select(OutboxRow).where(OutboxRow.key.in_({each.object_id for each in entries}))).all()
    for entry in entries:
        _add_audited(scope, entry)
    for each in outbox:
        scope.told.add(each.object_id)
    earlier = set(_earlier(session, row))
    story = Timeline(session, words, scope, earlier | {id}).story(False)
    keys = {each.key for each in outbox}
    mine = [fact for fact in story.facts if fact.event_id == id or fact.object_id == id or fact.object_id in keys]
    return Story(mine, story.is_cut)


def _earlier(session: Session, row: InboxEvent) -> Iterable[str]:
    """Events just before it about the same customers: what it changed is seen beside what they left."""
    near = select(InboxEvent.id).where(InboxEvent.seq < row.seq, InboxEvent.seq > row.seq - mentions.LOOK_BACK)
    near = near.where(type_coerce(InboxEvent.customer_ids, ARRAY(Text)).overlap(row.customer_ids))
    return session.scalars(near.order_by(InboxEvent.seq.desc()).limit(200)) if row.customer_ids else ()


def _add(scope: Scope, kind: str, id: str) -> None:
    sets = {
        "customer": scope.customers,
        "subscription": scope.subscriptions,
        "invoice": scope.invoices,
        "transaction": scope.payments,
    }
    if kind in sets:
        sets[kind].add(id)


def _add_audited(scope: Scope, entry: AuditEntry) -> None:
    first, _, second = entry.object_id.partition(":")
    match entry.object_type:
        case "followups":
            scope.invoices.add(entry.object_id)
        case "payments":
            scope.payments.add(entry.object_id)
        case "payment_applications":
            scope.payments.add(first)
            scope.invoices.add(second)
        case "subscriptions" | "subscription_items" | "cancellations":
            scope.subscriptions.add(first)


def scope_of(session: Session, kind: str, id: str) -> Scope:
    """The object and the rows that its history is made of."""
    if kind == "customer":
        subscriptions = set(session.scalars(select(Subscription.id).where(Subscription.customer_id == id)))
        invoices = set(session.scalars(select(Invoice.id).where(Invoice.customer_id == id)))
        payments = set(session.scalars(select(Payment.id).where(Payment.customer_id == id)))
        return Scope(id, {id}, subscriptions, invoices, payments)
    if kind == "subscription":
        owner = session.get_one(Subscription, id).customer_id
        invoices = set(session.scalars(select(Invoice.id).where(Invoice.subscription_id == id)))
        scope = Scope(owner, set(), {id}, invoices)
    else:
        invoice = session.get_one(Invoice, id)
        scope = Scope(invoice.customer_id, set(), set(), {id})
        if invoice.subscription_id:
            scope.around.add(("subscription", invoice.subscription_id))
        scope.payments |= {link["transaction_id"] for link in invoice.linked_payments}
    if scope.customer_id:
        scope.around.add(("customer", scope.customer_id))
    applied = select(PaymentApplication.transaction_id).where(PaymentApplication.invoice_id.in_(scope.invoices))
    scope.payments |= set(session.scalars(applied))
    scope.payments |= set(session.scalars(select(Payment.id).where(Payment.refund_of.in_(scope.payments))))
    return scope
