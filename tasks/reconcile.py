"""Missed is found: the provider's own list of events, read again and again, through the same inbox as webhooks.

Ten minutes is a turn. A reading begins a quarter of an hour before the watermark, for the list may be late; it goes on
page by page, each committed with its place, so that whatever ends it (a restart, a limit of the API, the network) only
puts off the rest. The watermark is the time of the last event that was read, not ours: clocks that differ lose nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from gateway.client import Gateway, Page
from models import Finding, FoundEvent
from models.session import transaction

from . import findings
from .inbox import take_events
from .slots import take_slot

EVERY = timedelta(minutes=10)
OVERLAP = timedelta(minutes=15)
LEASE = timedelta(minutes=2)  # longer than the time limit of the task: what a dead worker began goes on after it
PAUSE = timedelta(minutes=1)  # after a page that could not be read, where Chargebee names no other
NAME = "events"

log = structlog.get_logger(__name__)

_OPEN = text("""
    insert into readings (name, watermark, due_at) values (:name, business_now(), now())
    on conflict (name) do update set due_at = coalesce(readings.due_at, now())
""")
_CLAIM = text("""
    update readings set due_at = now() + :lease,
      since = case when next_offset is null then least(watermark, business_now()) - :overlap else since end
    where name = :name and due_at <= now() returning since, next_offset
""")
# The greatest, except that a clock which was set back takes the watermark along: what is to come would never be read.
_TURN = text("""
    update readings set next_offset = :next_offset, problem = null,
      watermark = least(greatest(watermark, :last), business_now()),
      due_at = case when :is_last then null else now() + :lease end,
      ended_at = case when :is_last then business_now() else ended_at end
    where name = :name
""")
_PUT_OFF = text("""
    update readings set problem = :problem, due_at = now() + :pause,
      next_offset = case when :again then null else next_offset end
    where name = :name
""")
_GO_ON_LATER = text("update readings set due_at = now() where name = :name and due_at is not null")


@dataclass
class Listed:
    """What a reading came to."""

    events: int = 0
    new: int = 0
    to_the_end: bool = False


def reconcile_when_due(engine: Engine, gateway: Gateway, *, seconds: float, ring: Callable[[], None]) -> Listed | None:
    """Read the list of events if its turn has come or an earlier reading waits to go on; None where neither is so.

    What cannot be read now is put off, and told in the log.
    """
    with transaction(engine) as session:
        if take_slot(session, "reconcile events", EVERY):
            session.execute(_OPEN, {"name": NAME})
    try:
        return _read(engine, gateway, seconds=seconds, ring=ring)
    except (NotYet, NeedsAttention) as reason:
        log.warning("the list of events could not be read", reason=str(reason))
        return None


def reconcile_now(engine: Engine, gateway: Gateway, *, ring: Callable[[], None]) -> Listed:
    """Read the list of events to its end, whosever turn it is.

    Raises:
        NotYet, NeedsAttention: the list could not be read; what was read before is kept.
    """
    with transaction(engine) as session:
        session.execute(_OPEN, {"name": NAME})
        session.execute(text("update readings set due_at = now() where name = :name"), {"name": NAME})
    listed = _read(engine, gateway, seconds=None, ring=ring)
    return listed or Listed()


def _read(engine: Engine, gateway: Gateway, *, seconds: float | None, ring: Callable[[], None]) -> Listed | None:
    until = None if seconds is None else time.monotonic() + seconds
    with transaction(engine) as session:
        began = session.execute(_CLAIM, {"name": NAME, "lease": LEASE, "overlap": OVERLAP}).first()
    if began is None:
        return None
    listed, offset = Listed(), began.next_offset
    while True:
        page = _page(engine, gateway, began, offset)
        new = _take(engine, page)
        listed.events += len(page.rows)
        listed.new += new
        if new:
            log.info("events were found that no webhook had brought", events=new)
            ring()
        offset = page.next_offset
        if offset is None:
            listed.to_the_end = True
            return listed
        if until is not None and time.monotonic() >= until:
            with transaction(engine) as session:
                session.execute(_GO_ON_LATER, {"name": NAME})
            return listed


def _page(engine: Engine, gateway: Gateway, began: Row[Any], offset: str | None) -> Page:
    try:
        return gateway.events(began.since, offset)
    except NotYet as reason:
        put_off(engine, NAME, reason)
        raise
    except NeedsAttention as reason:
        # Perhaps it is the offset that Chargebee has forgotten: the next reading starts at the watermark.
        put_off(engine, NAME, reason)
        raise


def put_off(engine: Engine, name: str, reason: NotYet | NeedsAttention) -> None:
    """Go on with a reading later; after a refusal, which is a finding, from its beginning."""
    refused = isinstance(reason, NeedsAttention)
    stated = getattr(reason, "retry_after", None)
    pause = EVERY if refused else timedelta(seconds=stated) if stated else PAUSE
    with transaction(engine) as session:
        session.execute(_PUT_OFF, {"name": name, "problem": str(reason), "pause": pause, "again": refused})
        if refused:
            told = Finding(
                kind="reconcile_refused", severity="error", object_type="reading", object_id=name, detail=str(reason)
            )
            findings.note(session, [told])


def _take(engine: Engine, page: Page) -> int:
    """Put a page into the inbox, and with it the place where the next one begins; how many events were new."""
    with transaction(engine) as session:
        taken = take_events(session, page.rows, origin="reconcile")
        if taken.new:
            found = [
                {"event_id": head.id, "event_type": head.event_type, "occurred_at": head.occurred_at}
                for head in taken.new
            ]
            session.execute(insert(FoundEvent).on_conflict_do_nothing(), found)
        turn = {
            "name": NAME,
            "next_offset": page.next_offset,
            "is_last": page.next_offset is None,
            "last": taken.last_occurred_at,
            "lease": LEASE,
        }
        session.execute(_TURN, turn)
        return len(taken.new)


# ---- the report ------------------------------------------------------------------------------------------------------

_MISSED = text("""
    select found_at::date as day, coalesce(event_type, '(none)') as type, count(*) as missed, count(webhook_at) as late
    from missed_webhooks where found_at > business_now() - make_interval(days => :days) group by 1, 2 order by 1, 2
""")
_STATE = text("""
    select watermark, ended_at, problem, (
      select count(*) from found_events where webhook_at is null and found_at > business_now() - interval '10 minutes'
    ) as waiting
    from readings where name = :name
""")


@dataclass(frozen=True, slots=True)
class Report:
    """What webhooks did not bring in these days. `late` of the missed ones came after all, after the grace."""

    missed: int
    late: int
    waiting: int  # found so lately that their webhooks may still come
    by_day: dict[str, int]
    by_type: dict[str, int]
    watermark: datetime | None
    read_at: datetime | None
    problem: str | None


def report(session: Session, *, days: int = 7) -> Report:
    """How many webhooks were missed in these days, by day (UTC) and by type."""
    found = session.execute(_MISSED, {"days": days}).all()
    state = session.execute(_STATE, {"name": NAME}).first()
    by_day, by_type = Counter[str](), Counter[str]()
    for row in found:
        by_day[row.day.isoformat()] += row.missed
        by_type[row.type] += row.missed
    return Report(
        missed=sum(row.missed for row in found),
        late=sum(row.late for row in found),
        waiting=state.waiting if state else 0,
        by_day=dict(by_day),
        by_type=dict(by_type.most_common()),
        watermark=state.watermark if state else None,
        read_at=state.ended_at if state else None,
        problem=state.problem if state else None,
    )
