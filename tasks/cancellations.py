"""Cancellations: scheduled, moved, withdrawn, and carried out on their date."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.cancellations import End, end_of, reason_of
from billing.money import Money
from billing.seats import LIVE
from billing.terms import date_in
from emails import kinds
from emails.contexts import Balance, CancellationRemovedContext, CancellationScheduledContext, CancelledContext
from models import Cancellation, Subscription
from models.session import transaction

from .mails import customer_of, overtaken, owed_by, recipient_of, send
from .outbox import Delivery, Outcome, queue_email
from .registry import Change, delivers, derives
from .world import World


@derives(Subscription)
def bring_cancellations_in_line(world: World, subscription: Subscription, change: Change | None) -> None:
    """Make the cancellations what the subscription now says, and tell the customer of a transition.

    Its seats follow: tasks/seats.py is derived after this.
    """
    end = end_of(
        status=subscription.status,
        deleted=subscription.deleted,
        cancelled_at=subscription.cancelled_at,
        seen_at=datetime.fromtimestamp(subscription.version // 1000, UTC),
    )
    current = _row_for(world, subscription, end) if end else None
    for row in world.where(Cancellation, subscription_id=subscription.id):
        if row is not current and row.state == "scheduled":
            world.change(row, state="withdrawn")
        elif row is not current and row.state == "run":
            world.change(row, state="undone")
    if end is None or current is None:
        _tell_removed(world, subscription, change)
    elif end.run:
        world.change(current, confirmed=True)
        run_cancellation(world, subscription, current)
    elif current.state != "run" or current.confirmed:  # else its date has come here, and no snapshot says so yet
        _schedule(world, subscription, current, change)


def run_cancellation(world: World, subscription: Subscription, row: Cancellation) -> None:
    """The end has come: told once, however often and by whomever it is seen."""
    if world.change(row, state="run"):
        ended = int(row.effective_at.timestamp())
        since = row.effective_at
        queue_email(world, "cancelled", subscription.id, subscription.customer_id, revision=ended, since=since)


def _row_for(world: World, subscription: Subscription, end: End) -> Cancellation:
    """The row of this end. One that is carried out takes the place of what was scheduled for another instant."""
    row = world.get(Cancellation, subscription.id, end.effective_at)
    facts = {
        "customer_id": subscription.customer_id,
        "reason": reason_of(cancel_reason=subscription.cancel_reason, runs_out=subscription.runs_out),
        "effective_on": date_in(world.rules.zone, end.effective_at),
        "zone": world.rules.zone,
    }
    if row is not None:
        world.change(row, **facts)
        return row
    state, executed_by = "new", "chargebee"
    if end.run and (planned := _planned(world, subscription)):
        state, executed_by = planned.state, planned.executed_by
        world.remove(planned)
    row = Cancellation(
        subscription_id=subscription.id,
        effective_at=end.effective_at,
        state=state,
        executed_by=executed_by,
        confirmed=False,
        **facts,
    )
    world.add(row)
    return row


def _planned(world: World, subscription: Subscription) -> Cancellation | None:
    """What was to come, or what was carried out here by its date alone, and now has come at its actual instant.

    Where the provider names no instant, each later snapshot would move the end: it is still the one that was told.
    """
    rows = world.where(Cancellation, subscription_id=subscription.id)
    ours = [row for row in rows if not row.confirmed or subscription.cancelled_at is None]
    return next((row for row in ours if row.state in ("run", "scheduled")), None)


def _schedule(world: World, subscription: Subscription, row: Cancellation, change: Change | None) -> None:
    if world.change(row, state="scheduled", confirmed=False) and change:
        queue_email(
            world, "cancellation_scheduled", subscription.id, subscription.customer_id, revision=subscription.version
        )


def _tell_removed(world: World, subscription: Subscription, change: Change | None) -> None:
    before = change.before if change else None
    if not isinstance(before, Subscription) or not _goes_on(subscription):
        return
    planned = end_of(
        status=before.status, deleted=before.deleted, cancelled_at=before.cancelled_at, seen_at=before.tie_at
    )
    if planned and not planned.run:
        queue_email(
            world, "cancellation_removed", subscription.id, subscription.customer_id, revision=subscription.version
        )


def _goes_on(subscription: Subscription) -> bool:
    return subscription.status in LIVE and not subscription.deleted and subscription.cancelled_at is None


# ---- the mails -------------------------------------------------------------------------------------------------------


@delivers("email", "cancellation_scheduled")
def deliver_scheduled_mail(delivery: Delivery) -> Outcome:
    """Tell the customer when the subscription will end, if it still will."""
    customer = customer_of(delivery, _owner(delivery))
    reader = recipient_of(delivery, customer, kinds.cancellation_scheduled)
    with transaction(delivery.engine) as session:
        subscription = session.get_one(Subscription, delivery.row.object_id)
        row = (
            session.get(Cancellation, (subscription.id, subscription.cancelled_at))
            if subscription.cancelled_at
            else None
        )
        if row is None or row.state != "scheduled":
            return overtaken("the cancellation was withdrawn, or has come")
        context = CancellationScheduledContext(
            effective_on=row.effective_on,
            first_name=reader.first_name,
            company=customer.company,
            term_ended=row.reason == "term_ended",
            balances=_balances(session, subscription),
        )
    return send(delivery, kinds.cancellation_scheduled, context, customer, reader)


@delivers("email", "cancellation_removed")
def deliver_removed_mail(delivery: Delivery) -> Outcome:
    """Tell the customer that the subscription continues, if it does."""
    customer = customer_of(delivery, _owner(delivery))
    reader = recipient_of(delivery, customer, kinds.cancellation_removed)
    with transaction(delivery.engine) as session:
        subscription = session.get_one(Subscription, delivery.row.object_id)
        if not _goes_on(subscription):
            return overtaken("the subscription ends after all")
        billed_at = subscription.next_billing_at
        context = CancellationRemovedContext(
            first_name=reader.first_name,
            company=customer.company,
            next_billing_on=date_in(delivery.couriers.rules.zone, billed_at) if billed_at else None,
        )
    return send(delivery, kinds.cancellation_removed, context, customer, reader)


@delivers("email", "cancelled")
def deliver_cancelled_mail(delivery: Delivery) -> Outcome:
    """Tell the customer that the subscription has ended, if it still is."""
    customer = customer_of(delivery, _owner(delivery))
    reader = recipient_of(delivery, customer, kinds.cancelled)
    with transaction(delivery.engine) as session:
        subscription = session.get_one(Subscription, delivery.row.object_id)
        runs = select(Cancellation).where(Cancellation.subscription_id == subscription.id, Cancellation.state == "run")
        row = session.scalars(runs.order_by(Cancellation.effective_at.desc())).first()
        if row is None:
            return overtaken("the subscription goes on")
        context = CancelledContext(
            effective_on=row.effective_on,
            first_name=reader.first_name,
            company=customer.company,
            term_ended=row.reason == "term_ended",
            planned=subscription.cancel_scheduled_at is not None,
            balances=_balances(session, subscription),
        )
    return send(delivery, kinds.cancelled, context, customer, reader)


def _owner(delivery: Delivery) -> str | None:
    """Whose subscription it is now: it may have moved since the mail was called for."""
    with transaction(delivery.engine) as session:
        return session.get_one(Subscription, delivery.row.object_id).customer_id


def _balances(session: Session, subscription: Subscription) -> tuple[Balance, ...]:
    owed = owed_by(session, subscription.id)
    return tuple(Balance(number=i.id, amount=Money(i.amount_due, i.currency or "")) for i in owed)
