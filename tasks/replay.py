"""Applying events again: which, and making them due. What they brought already is not done twice.

An event that is applied again goes through the same door: what is not newer than the mirror changes nothing, a mail
whose key is taken is not queued, and who is told is decided by when the event was received the first time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVarTuple

from sqlalchemy import Engine, Select, func, insert, select, update
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from models import AuditEntry, InboxEvent
from models.session import transaction

Columns = TypeVarTuple("Columns")

BATCH = 1_000
A_SECOND = 500  # become due, of many: an event that comes in meanwhile does not wait behind them all
STRIDE = 20_000  # of the inbox that one question looks through: no index knows types or instants


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: these, or those received since an instant, of a type, parked; all of what is said must hold."""

    ids: tuple[str, ...] = ()
    since: datetime | None = None
    event_type: str | None = None
    parked: bool = False

    def narrow(self, wanted: Select[*Columns]) -> Select[*Columns]:
        if self.ids:
            wanted = wanted.where(InboxEvent.id.in_(self.ids))
        if self.since:
            wanted = wanted.where(InboxEvent.received_at >= self.since)
        if self.event_type:
            wanted = wanted.where(InboxEvent.event_type == self.event_type)
        return wanted.where(InboxEvent.status == "parked") if self.parked else wanted

    @property
    def is_indexed(self) -> bool:
        return bool(self.ids) or self.parked


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events can be applied again, and why others cannot: due already, or without a body after 90 days."""

    able: int = 0
    pending: int = 0
    emptied: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.able + other.able, self.pending + other.pending, self.emptied + other.emptied)


@dataclass(frozen=True, slots=True)
class Found:
    """A batch of the inbox, oldest first: what was looked through up to `place`, and what of it was chosen."""

    place: int
    ids: list[str]  # that can be applied again
    tally: Tally


def must_be_known(session: Session, ids: Sequence[str]) -> None:
    """Raises NeedsAttention where one of these has not come in, or has no body any more."""
    known = select(InboxEvent.id, InboxEvent.raw.is_(None).label("emptied")).where(InboxEvent.id.in_(ids))
    emptied = {row.id: row.emptied for row in session.execute(known)}
    problems = [f"no event {id} has come in" for id in ids if id not in emptied]
    problems += [f"the body of {id} is not kept any more" for id in ids if emptied.get(id)]
    if problems:
        raise NeedsAttention("; ".join(problems))


def ends(session: Session) -> tuple[int, int]:
    """Before the oldest event, and at the newest: what comes in later is not among those that were chosen."""
    first, last = session.execute(select(func.min(InboxEvent.seq), func.max(InboxEvent.seq))).one()
    return (first or 1) - 1, last or 0


def batches(session: Session, selection: Selection, place: int, last: int, size: int = BATCH) -> Iterator[Found]:
    """What is chosen after `place`, so many at a time; each question looks through a bounded part of the inbox."""
    while place < last:
        until = last if selection.is_indexed else min(last, place + STRIDE)
        columns = select(InboxEvent.id, InboxEvent.seq, InboxEvent.status, InboxEvent.raw.is_(None).label("emptied"))
        wanted = selection.narrow(columns.where(InboxEvent.seq > place, InboxEvent.seq <= until))
        rows = session.execute(wanted.order_by(InboxEvent.seq).limit(size)).all()
        place = rows[-1].seq if len(rows) == size else until
        pending = sum(row.status == "pending" for row in rows)
        able = [row.id for row in rows if row.status != "pending" and not row.emptied]
        yield Found(place, able, Tally(len(able), pending, len(rows) - pending - len(able)))


def count(engine: Engine, selection: Selection) -> Iterator[Tally]:
    """How many there are, as far as was counted."""
    with transaction(engine) as session:
        total = Tally()
        for found in batches(session, selection, *ends(session)):
            total += found.tally
            yield total


def replay(engine: Engine, selection: Selection, *, by: str) -> Iterator[Tally]:
    """Make them due again, oldest first, a batch a transaction; how many, as far as was done.

    The first batch is due at once, the others as time goes by. One that parks again while this goes on stays parked.
    """
    with transaction(engine) as session:
        place, last = ends(session)
    total = Tally()
    while place < last:
        with transaction(engine) as session:
            found = next(batches(session, selection, place, last))
            done = make_due(session, found.ids, by=by, in_seconds=total.able / A_SECOND)
            place, total = found.place, total + replace(found.tally, able=len(done))
        yield total


def make_due(session: Session, ids: Sequence[str], *, by: str, in_seconds: float = 0) -> set[str]:
    """Make these pending, due by then, with an audit entry each. What is so already, or has no body, is left alone."""
    if not ids:
        return set()
    known = select(InboxEvent.id, InboxEvent.status, InboxEvent.reason).where(InboxEvent.id.in_(ids))
    before = {row.id: {"status": row.status, "reason": row.reason} for row in session.execute(known)}
    due_at = func.now() + timedelta(seconds=in_seconds)
    pending = (
        update(InboxEvent)
        .where(InboxEvent.id.in_(ids), InboxEvent.status != "pending", InboxEvent.raw.is_not(None))
        .values(status="pending", starts=0, due_at=due_at, reason=None, ended_at=None)
        .returning(InboxEvent.id)
        .execution_options(synchronize_session=False)
    )
    done = set(session.scalars(pending))
    _audit(session, by, {id: before[id] for id in done}, {"status": "pending", "by": "quittance events replay"})
    return done


def ignore(session: Session, ids: Sequence[str], reason: str, *, by: str) -> None:
    """Set parked events aside: nothing of them will be applied, and nobody is told of them any more.

    Raises:
        NeedsAttention: one of them has not come in, or is not parked.
    """
    known = select(InboxEvent.id, InboxEvent.status, InboxEvent.reason).where(InboxEvent.id.in_(ids)).with_for_update()
    before = {row.id: {"status": row.status, "reason": row.reason} for row in session.execute(known)}
    problems = [f"no event {id} has come in" for id in ids if id not in before]
    problems += [f"{id} is {was['status']}" for id, was in before.items() if was["status"] != "parked"]
    if problems:
        raise NeedsAttention("; ".join(problems))
    told = f"set aside by {by}: {reason}"
    aside = update(InboxEvent).where(InboxEvent.id.in_(ids)).values(status="ignored", reason=told)
    session.execute(aside.execution_options(synchronize_session=False))
    _audit(session, by, before, {"status": "ignored", "reason": reason, "by": "quittance events ignore"})


def _audit(session: Session, by: str, before: Mapping[str, dict[str, str | None]], after: dict[str, str]) -> None:
    entries = [
        {"actor": by, "event_id": id, "object_type": "event", "object_id": id, "before": was, "after": after}
        for id, was in sorted(before.items())
    ]
    if entries:
        session.execute(insert(AuditEntry), entries)
