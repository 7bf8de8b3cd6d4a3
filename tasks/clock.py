"""The clock's sweeps: what is due is a question asked again and again, never an appointment.

Two schedulers do no harm, and days of downtime skip nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy import BigInteger, Engine, Text, cast, exists, extract, func, literal, select, text, tuple_
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from models import Cancellation, Finding, OutboxRow, Subscription, clock
from models.session import transaction

from . import bounces, findings, inbox, outbox
from .cancellations import run_cancellation
from .couriers import Couriers
from .inbox import derive_one
from .outbox import queue_call
from .world import Busy, Cause, Raced, Rules, Wanted, World

QUEUES = ("mail", "provider")
_PAGE = 500
_Due = tuple[str, datetime]  # subscription, effective_at

# An index answers each EXISTS: that is why some tables are asked twice.
_IS_DUE = text("""
    select
      exists (select from inbox_events where status = 'pending' and starts = 0 and due_at <= now())
        or exists (select from inbox_events where status = 'pending' and starts > 0 and due_at <= now()) as events,
      exists (select from outbox where queue = 'mail' and state = 'new' and due_at <= now())
        or exists (select from outbox where queue = 'mail' and state = 'sending' and lease_until < now())
        or exists (select from mail_reports where status = 'pending') as mail,
      exists (select from outbox where queue = 'provider' and state = 'new' and due_at <= now())
        or exists (select from outbox where queue = 'provider' and state = 'sending' and lease_until < now())
        as provider
""")

log = structlog.get_logger(__name__)


def ring_what_is_due(engine: Engine, ring: Callable[[str], None]) -> list[str]:
    """Ring each queue that has something due; their names. One statement, answered by indexes whatever the backlog."""
    with transaction(engine) as session:
        due = [queue for queue, waits in session.execute(_IS_DUE).mappings().one().items() if waits]
    for queue in due:
        ring(queue)
    return due


def carry_out_due_cancellations(
    engine: Engine, rules: Rules, *, seconds: float = 5, more: Callable[[], None] | None = None
) -> int:
    """Carry out the scheduled cancellations whose instant has come, for so many seconds; how many were looked at.

    With an API Chargebee is asked, and what it says is derived. Without one the mirror's date decides. `more` is called
    when time was short: at the end of a month very many subscriptions may end at one instant.
    """
    until, looked_at, busy = time.monotonic() + seconds, 0, list[_Due]()
    last: _Due | None = None
    while page := _due(engine, rules, last):
        last = page[-1]
        for each in page:
            if time.monotonic() >= until:
                if more and looked_at > len(busy):  # else the next minute is soon enough
                    more()
                return looked_at
            looked_at += 1
            if not _is_carried_out(engine, rules, *each, patient=False):
                busy.append(each)
    until = time.monotonic() + 5
    for each in busy:
        if time.monotonic() < until:
            _is_carried_out(engine, rules, *each, patient=True)
    return looked_at


def _due(engine: Engine, rules: Rules, after: _Due | None) -> list[_Due]:
    """A page of what is due, in order, after the last one of the page before."""
    at, id = Cancellation.effective_at, Cancellation.subscription_id
    with transaction(engine) as session:
        due = select(id, at).where(Cancellation.state == "scheduled", at <= clock.now(session))
        if after:
            due = due.where(tuple_(at, id) > tuple_(after[1], after[0]))
        if rules.asks_the_api:  # those that Chargebee is asked about already must not hide the others
            instant = cast(func.floor(extract("epoch", at)), BigInteger).cast(Text)
            key = literal("confirm_cancellation:") + id + ":" + instant
            due = due.where(~exists().where(OutboxRow.key == key))
        return [(row[0], row[1]) for row in session.execute(due.order_by(at, id).limit(_PAGE))]


def _is_carried_out(
    engine: Engine, rules: Rules, subscription_id: str, effective_at: datetime, *, patient: bool
) -> bool:
    """Carry one out in a transaction of its own; False: somebody works on its customer. One that fails hides no other.

    A patient one waits for its turn: the customer of a long row of events is never free at the instant of asking.
    Whoever applies events only tries its locks, and so never waits for us while we wait.
    """
    try:
        with transaction(engine) as session:
            held = _locked_owner(session, subscription_id) if patient else set()
            _carry_out(World(session, rules), subscription_id, effective_at, held)
    except Busy:
        log.info("a cancellation waits: somebody works on its customer", subscription=subscription_id)
        return False
    except SoftTimeLimitExceeded:
        raise
    except Exception as fault:
        if isinstance(fault, DBAPIError) and fault.connection_invalidated:
            raise
        log.error("a cancellation is due and was not carried out", subscription=subscription_id, exc_info=fault)
        if not isinstance(fault, Raced | OperationalError):  # these pass
            _find(engine, subscription_id, effective_at, fault)
    return True


def _find(engine: Engine, subscription_id: str, effective_at: datetime, fault: Exception) -> None:
    told = (
        f"the cancellation of subscription {subscription_id} was due on {effective_at:%Y-%m-%d at %H:%M} UTC and could "
        f"not be carried out ({type(fault).__name__}): the log of the worker says why; it is tried every minute"
    )
    finding = Finding(
        kind="cancellation_fails",
        severity="error",
        object_type="subscription",
        object_id=subscription_id,
        detail=told,
    )
    with transaction(engine) as session:
        findings.note(session, [finding])


def _locked_owner(session: Session, subscription_id: str) -> set[str]:
    owner = session.scalar(select(Subscription.customer_id).where(Subscription.id == subscription_id))
    if owner is None:
        return set()
    try:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(owner, 0))))
    except OperationalError as late:
        if late.connection_invalidated:
            raise
        raise Busy(owner) from late  # its lock_timeout is over
    return {owner}


def _carry_out(world: World, subscription_id: str, effective_at: datetime, held: set[str]) -> None:
    world.load(Wanted(subscriptions={subscription_id}), held)
    row = world.get(Cancellation, subscription_id, effective_at)
    subscription = world.get(Subscription, subscription_id)
    if row is None or subscription is None or row.state != "scheduled":
        return  # somebody was faster
    now = clock.now(world.session)
    world.cause = Cause("clock", None, now, world.rules.history(now - row.effective_at))
    if world.rules.asks_the_api:
        queue_call(world, "confirm_cancellation", subscription_id, revision=int(row.effective_at.timestamp()))
    else:
        run_cancellation(world, subscription, row)
        derive_one(world, subscription, None)
    world.write()


def drain(engine: Engine, couriers: Couriers) -> dict[str, int]:
    """Work off everything that is due now, here and in order; what was done, counted.

    What waits for a later attempt is left to it.
    """
    done = {"events": 0, "cancellations": 0, "deliveries": 0}
    while True:
        events = inbox.apply_pending(engine, couriers.rules, seconds=60)
        cancellations = carry_out_due_cancellations(engine, couriers.rules, seconds=60)
        bounces.apply_reports(engine)
        deliveries = sum(outbox.deliver_pending(engine, couriers, queue, seconds=60) for queue in QUEUES)
        done["events"] += events
        done["deliveries"] += deliveries
        done["cancellations"] += cancellations
        if not events and not deliveries:
            return done
