"""What the owner of a subscription hears of its seats: that they changed, and that they will."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from billing.money import Money
from billing.seats import LIVE, Item, seats_by_item
from billing.terms import date_in
from emails import kinds
from emails.contexts import SeatsChangedContext, SeatsChangeScheduledContext
from gateway.documents import invoice_document
from gateway.errors import ProviderRefused
from gateway.events import Reader, Snapshot
from models import CreditNote, Invoice, OutboxRow, Subscription, clock
from models.session import transaction

from .mails import customer_of, overtaken, recipient_of, send
from .outbox import Delivery, Outcome, Withheld, queue_email
from .registry import Change, delivers, derives
from .world import OVERTAKEN, World

CHANGED = kinds.seats_changed.name
SCHEDULED = kinds.seats_change_scheduled.name

_WITH_THE_CHANGE = timedelta(minutes=2)  # so close to it, what is charged or credited belongs to it


def tell_of_change(world: World, subscription: Subscription, change: Change | None, seats: int) -> None:
    """Tell the owner that a live subscription gives another number of seats.

    First sight is no change; an end has a mail of its own; what comes back to life has the count it had.
    """
    before = change.before if change else None
    if not isinstance(before, Subscription) or not before.seats or before.seats == seats:
        return
    if not _is_live(before) or not _is_live(subscription):
        return
    at = subscription.version
    notes = [
        note.id
        for note in world.where(CreditNote, subscription_id=subscription.id)
        if abs(note.version - at) <= _WITH_THE_CHANGE.total_seconds() * 1000
    ]
    payload = {"before": before.seats, "after": seats, "version": at, "credit_notes": notes}
    queue_email(world, CHANGED, subscription.id, subscription.customer_id, revision=at, payload=payload)


def _is_live(subscription: Subscription) -> bool:
    return subscription.status in LIVE and not subscription.deleted


@derives(Subscription)
def tell_of_scheduled_change(world: World, subscription: Subscription, change: Change | None) -> None:
    """Tell the owner that another number of seats is to come.

    What is to come, no snapshot shows: only the API does. Without one nothing is said, for nothing is known.
    """
    before = change.before if change else None
    if not isinstance(before, Subscription) or not world.rules.asks_the_api:
        return
    if subscription.has_scheduled_changes and _is_live(subscription):
        version = subscription.version
        queue_email(world, SCHEDULED, subscription.id, subscription.customer_id, revision=version)


@delivers("email", CHANGED)
def deliver_change(delivery: Delivery) -> Outcome:
    """Say how many seats there are now, and what that costs where it is known."""
    row, said = delivery.row, delivery.row.payload
    with transaction(delivery.engine) as session:
        subscription = session.get_one(Subscription, row.object_id)
        before = _last_told(session, row)
        if subscription.seats != said["after"] or before == subscription.seats:
            return overtaken(f"it has {subscription.seats} seats, the owner knows of {before}")
        zone = delivery.couriers.rules.zone
        changed_at = datetime.fromtimestamp(said["version"] // 1000, UTC)
        charge, credit = _charge(session, subscription, changed_at), _credit(session, said["credit_notes"])
        today = date_in(zone, clock.now(session))
    customer = customer_of(delivery, subscription.customer_id)
    reader = recipient_of(delivery, customer, kinds.seats_changed)
    goes_on = subscription.cancelled_at is None
    effective_on = date_in(zone, changed_at)
    context = SeatsChangedContext(
        before=before,
        after=subscription.seats,
        effective_on=effective_on,
        today=effective_on == today,
        charge=charge,
        credit=credit,
        renews_on=_date(zone, subscription.current_term_end) if goes_on else None,
        next_billing_on=_date(zone, subscription.next_billing_at),
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.seats_changed, context, customer, reader)


@delivers("email", SCHEDULED)
def deliver_scheduled_change(delivery: Delivery) -> Outcome:
    """Say how many seats there will be and from when, if that is another number and was not told before."""
    row, rules, gateway = delivery.row, delivery.couriers.rules, delivery.couriers.gateway
    if gateway is None:
        raise Withheld("no Chargebee API is configured any more, and only it knows what is to come")
    try:
        body = gateway.subscription_to_come(row.object_id)
    except ProviderRefused as refused:
        if refused.code not in ("invalid_state_for_request", "resource_not_found"):
            raise
        return overtaken("nothing is to come any more")
    with transaction(delivery.engine) as session:
        subscription = session.get_one(Subscription, row.object_id)
        now = clock.now(session)
        after = _seats_to_come(body, now, rules.seat_item_prices)
        facts = Reader("subscription", subscription.id, body)
        from_ = facts.instant("changes_scheduled_at") or subscription.current_term_end
        if not subscription.has_scheduled_changes or not from_ or from_ <= now or after == subscription.seats:
            return overtaken("no other number of seats is to come")
        effective_on = date_in(rules.zone, from_)
        news = {"after": after, "on": effective_on.isoformat()}
        if not row.recipient and _last_scheduled(session, row) == news:
            raise Withheld("the same was told before")
    delivery.tells = news
    customer = customer_of(delivery, subscription.customer_id)
    reader = recipient_of(delivery, customer, kinds.seats_change_scheduled)
    context = SeatsChangeScheduledContext(
        before=subscription.seats,
        after=after,
        effective_on=effective_on,
        first_name=reader.first_name,
        company=customer.company,
    )
    return send(delivery, kinds.seats_change_scheduled, context, customer, reader)


def _seats_to_come(body: dict[str, Any], now: datetime, counted: frozenset[str]) -> int:
    future = Snapshot.read_from_api("subscription", body, now)
    items = future.fields["items"]
    seats = seats_by_item(
        future.id,
        status=future.fields["status"],
        deleted=future.deleted,
        ended=False,
        items=[Item(**item) for item in items] if items is not None else None,
        counted=counted,
    )
    return sum(seats.values())


def _last_scheduled(session: Session, row: OutboxRow) -> dict[str, Any] | None:
    """What the last mail of this kind told, or may have."""
    told = select(OutboxRow.payload).where(
        OutboxRow.object_id == row.object_id,
        OutboxRow.name == row.name,
        OutboxRow.id < row.id,
        OutboxRow.state.in_(("sent", "held")),
    )
    return session.scalar(told.order_by(OutboxRow.id.desc()).limit(1))


def _last_told(session: Session, row: OutboxRow) -> int:
    """The count that the owner knows: what was overtaken before this mail was never told."""
    same = select(OutboxRow).where(
        OutboxRow.object_id == row.object_id, OutboxRow.name == row.name, OutboxRow.id < row.id
    )
    before: int = row.payload["before"]
    for earlier in session.scalars(same.order_by(OutboxRow.id.desc())):
        if earlier.payload["version"] == row.payload["version"]:
            continue  # the same change, for another reader
        if (earlier.state, earlier.reason) != ("suppressed", OVERTAKEN):
            break
        before = earlier.payload["before"]
    return before


def _charge(session: Session, subscription: Subscription, at: datetime) -> Money | None:
    """What the one invoice of this change asks for, if it is for part of a term."""
    near = select(Invoice).where(
        Invoice.subscription_id == subscription.id,
        Invoice.issued_at.between(at - _WITH_THE_CHANGE, at + _WITH_THE_CHANGE),
        ~Invoice.deleted,
        Invoice.status.not_in(("pending", "voided")),
        Invoice.total > 0,
    )
    found = session.scalars(near.limit(2)).all()
    if len(found) != 1 or not found[0].currency:
        return None
    (invoice,) = found
    try:
        lines = invoice_document(invoice.id, invoice.snapshot).lines
    except NeedsAttention:
        return None  # the invoice's own mail says what is wrong with it
    prorated = [line for line in lines if line.prorated or "prorat" in line.description.casefold()]
    return Money(invoice.total, invoice.currency or "") if prorated else None


def _credit(session: Session, notes: list[str]) -> Money | None:
    """What the one credit note of this change gives back."""
    note = session.get(CreditNote, notes[0]) if len(notes) == 1 else None
    if note is None or not note.total or note.deleted:
        return None
    return Money(note.total, note.currency or "")


def _date(zone: str, instant: datetime | None) -> date | None:
    return date_in(zone, instant) if instant else None
