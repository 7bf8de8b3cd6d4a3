"""From stored events to what follows from them.

A batch is a transaction. Its events are applied one after another in memory, and what they changed is written at once;
where the database refuses that, they are applied in another, each in a savepoint of its own: one bad event never spoils
its neighbours. The claim is a transaction by itself: it counts a start for each event it takes, so that an event whose
process dies again and again is told from one that was merely unlucky. A customer that somebody else works on is left
alone, at no cost to its events and without hiding anybody else's.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from psycopg.errors import QueryCanceled
from sqlalchemy import ARRAY, Connection, Engine, Row, Table, Text, any_, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from billing.events import CLASH, Head, clash_told, head_of
from gateway.events import OBJECT_READ, Event
from models import AuditEntry, Base, Finding, InboxEvent, clock
from models.session import transaction

from .findings import note
from .merge import merge, subjects
from .registry import Change, derivations, handler_of
from .world import Busy, Cause, Raced, Rules, Wanted, World, columns_read, rows_of, try_locks

BATCH = 50  # a savepoint each, at worst: a backend caches 64 subtransaction ids, beyond that every session gets slower
LONG = 4.0  # seconds that are long for one event: less than a statement may take, or a task
STARTS = 5  # an event whose process died this often is parked
# SQLSTATE classes: data, integrity, and a limit such as the length of an indexed id.
_REFUSED_FOR_GOOD = frozenset({"22", "23", "54"})

log = structlog.get_logger(__name__)
_inbox = cast(Table, InboxEvent.__table__)
# What makes an event that ended one that has just come in.
_ANEW: dict[str, Any] = {
    "status": "pending",
    "starts": 0,
    "due_at": text("now()"),
    "received_at": text("business_now()"),
    "reason": None,
    "ended_at": None,
}


@dataclass(frozen=True, slots=True)
class Ending:
    status: Literal["applied", "ignored", "parked"]
    reason: str | None = None


def apply_pending(
    engine: Engine, rules: Rules, *, seconds: float = 5, more: Callable[[], None] | None = None, batch: int = BATCH
) -> int:
    """Apply what has come in, up to `batch` events at a time, for so many seconds; how many events ended.

    `more` is called when a whole batch was found: there may be work for another worker. More may be left when time
    was short: whoever calls looks again.
    """
    until, total = time.monotonic() + seconds, 0
    with engine.connect() as connection:
        while True:
            ended = _one_pass(connection, rules, more or _nothing, until, batch)
            more = None
            total += ended
            if not ended or time.monotonic() >= until:
                return total


def take_in(
    session: Session,
    content: dict[str, Any],
    *,
    origin: str = "reconcile",
    happened_at: datetime | None = None,
    again: bool = False,
) -> bool:
    """Put objects that the API showed through the same door as webhooks; False if the same was taken in before.

    `happened_at`, where it is not now, decides whether anybody is told. With `again`, what was taken in before is
    applied once more.
    """
    now = clock.now(session)
    kept = {"event_type": OBJECT_READ, "api_version": "v2", "content": content}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    # Rounded up: of two snapshots of one version the later one counts, and what happened in this second came before.
    body = kept | {"id": f"read:{digest}", "object": "event", "occurred_at": math.ceil(now.timestamp())}
    customers = {each["customer_id"] for each in content.values() if each.get("customer_id")}
    customers |= {each["id"] for kind, each in content.items() if kind == "customer"}
    row = insert(InboxEvent).values(
        id=body["id"],
        raw=json.dumps(body).encode(),
        digest=digest,
        event_type=OBJECT_READ,
        occurred_at=happened_at or now,
        api_version="v2",
        origin=origin,
        customer_ids=sorted(customers),
    )
    if again:
        known = {name: getattr(row.excluded, name) for name in ("raw", "occurred_at", "origin")}
        put = row.on_conflict_do_update(index_elements=["id"], set_=known | _ANEW)
    else:
        put = row.on_conflict_do_nothing()
    return session.execute(put.returning(InboxEvent.id)).first() is not None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a page of the provider's list of events brought."""

    new: list[Head]
    last_occurred_at: datetime | None


def take_events(session: Session, bodies: Sequence[dict[str, Any]], *, origin: str) -> Taken:
    """Put events from the provider's list into the inbox, as the receiver does with the bodies of webhooks.

    One that is known already stays as it is; known with another body, it is a finding. One that is parked is applied
    again, with the body it is listed with.
    """
    heads: dict[str, Head] = {}
    rows: dict[str, dict[str, Any]] = {}
    for body in bodies:
        head = head_of(body)
        heads[head.id] = head
        columns = {field.name: getattr(head, field.name) for field in fields(head)}
        rows[head.id] = columns | {"raw": json.dumps(body).encode(), "origin": origin}
    if not rows:
        return Taken([], None)
    made = insert(InboxEvent).on_conflict_do_nothing().returning(InboxEvent.id)
    new = set(session.scalars(made, list(rows.values())))
    known = select(InboxEvent.id, InboxEvent.digest, InboxEvent.status, InboxEvent.reason)
    others = session.execute(known.where(InboxEvent.id.in_(rows.keys() - new))).all()
    others = [row for row in others if row.digest != rows[row.id]["digest"]]
    clashes = [row.id for row in others if not _is_mended(session, row, rows[row.id])]
    if clashes:
        log.warning("events are listed with another body than they came with", event_ids=clashes[:10])
        note(session, (_clash(id) for id in clashes))
    happened = [head.occurred_at for head in heads.values() if head.occurred_at]
    return Taken([heads[id] for id in heads if id in new], max(happened, default=None))


def _is_mended(session: Session, parked: Row[str, str, str, str | None], listed: dict[str, Any]) -> bool:
    """Have the body that an event is listed with applied, if the one that it came with could not be.

    It counts as received now, and as what it is listed for: what happened long ago is history.
    """
    if parked.status != "parked":
        return False
    body = {name: value for name, value in listed.items() if name != "id"}
    if listed["origin"] != "import":
        del body["origin"]
    stands = (InboxEvent.id == parked.id) & (InboxEvent.status == "parked")
    put = update(InboxEvent).where(stands).values(body | _ANEW).returning(InboxEvent.id)
    if session.scalar(put.execution_options(synchronize_session=False)) is None:
        return False  # somebody was faster
    session.add(
        AuditEntry(
            actor="chargebee",
            event_id=parked.id,
            object_type="event",
            object_id=parked.id,
            before={"status": "parked", "reason": parked.reason, "digest": parked.digest},
            after={"status": "pending", "by": "another body", "digest": listed["digest"]},
        )
    )
    return True


def _clash(id: str) -> Finding:
    return Finding(kind=CLASH, severity="warning", object_type="event", object_id=id, detail=clash_told(id))


def _lasted(start: float) -> bool:
    """Did it take long by itself? A limit may strike soon after the start where others had used up its time."""
    return time.monotonic() - start > LONG


def _slow(id: str) -> Finding:
    told = (
        f"event {id} took longer than a time limit although it was applied alone; it is tried again; see: "
        f"quittance explain {id}"
    )
    return Finding(kind="event_takes_too_long", severity="error", object_type="event", object_id=id, detail=told)


# ---- claiming --------------------------------------------------------------------------------------------------------

_FRESH = text("""
    select id, customer_ids from inbox_events
    where status = 'pending' and due_at <= now() and starts = 0 and not (customer_ids && cast(:busy as text[]))
    order by due_at, seq limit :batch for update skip locked
""")
_TAKE = text("""
    update inbox_events set starts = starts + 1, due_at = now() + interval '2 s' where id = any(:ids)
""")
_SUSPECTS = text("""
    select exists (select from inbox_events where status = 'pending' and due_at <= now() and starts > 0)
""")
_PARK = text("""
    update inbox_events set status = 'parked', ended_at = business_now(),
      reason = 'its process ended ' || starts || ' times while applying it; look at the log, then replay'
    where status = 'pending' and starts >= :starts and due_at <= now() returning id
""")
_SUSPECT = text("""
    update inbox_events set starts = starts + 1, due_at = now() + make_interval(secs => 2 * 2 ^ starts) where id = (
      select id from inbox_events
      where status = 'pending' and due_at <= now() and starts between 1 and :starts - 1
        and not (customer_ids && cast(:busy as text[]))
      order by due_at, seq limit 1 for update skip locked
    ) returning id
""")  # one value, asked for once: joined to, the question may be asked again for each row, and then takes two

# "Taken until" is over for those that nobody died of: the start is given back.
_GIVE_BACK = text("""
    update inbox_events set starts = starts - 1, due_at = now() + make_interval(secs => :pause * (0.5 + random()))
    where id = any(:ids) and status = 'pending' and starts > 0
""")
# The start stays, and says that this event is applied alone from now on.
_SET_APART = text("""
    update inbox_events set due_at = now() + interval '0.1 s' where id = any(:ids) and status = 'pending'
""")
_END = text("""
    update inbox_events set status = :status, reason = :reason, ended_at = business_now() where id = any(:ids)
""")


def _nothing() -> None:
    """Said once is enough: whoever comes says it to the next."""


def _one_pass(connection: Connection, rules: Rules, more: Callable[[], None], until: float, batch: int) -> int:
    """The fresh ones together; then one that was started before, alone."""
    ended, busy = 0, set[str]()
    for _ in range(4):  # a look that met busy customers looks again without them
        met = len(busy)
        ids, suspects = _claim_fresh(connection, busy, batch)
        if ids:
            if len(ids) == batch:
                more()
            ended += apply_batch(connection, rules, ids, busy)
        if len(busy) == met or time.monotonic() >= until:
            break
    if suspects and (ids := _claim_suspect(connection, busy)):
        ended += apply_batch(connection, rules, ids, busy)
    return ended


def _claim_fresh(connection: Connection, busy: set[str], batch: int) -> tuple[list[str], bool]:
    """The ids; and whether there are events that were started before."""
    with transaction(connection) as session:
        found = session.execute(_FRESH, {"busy": sorted(busy), "batch": batch}).all()
        wanted = {customer for row in found for customer in row.customer_ids}
        free = try_locks(session, wanted)
        busy |= wanted - free
        ids = [row.id for row in found if free.issuperset(row.customer_ids)]
        if ids:
            session.execute(_TAKE, {"ids": ids})
        return ids, bool(session.scalar(_SUSPECTS))


def _claim_suspect(connection: Connection, busy: set[str]) -> list[str]:
    with transaction(connection) as session:
        for row in session.execute(_PARK, {"starts": STARTS}):
            log.error("event parked: its process ended each time", event_id=row.id, starts=STARTS)
        return list(session.scalars(_SUSPECT, {"busy": sorted(busy), "starts": STARTS}))


def _give_back(engine: Engine, ids: Sequence[str], pause: float, *found: Finding) -> None:
    with transaction(engine) as session:
        session.execute(_GIVE_BACK, {"ids": list(ids), "pause": pause})
        if found:
            note(session, found)


def _set_apart(engine: Engine, ids: Sequence[str], pause: float, *, too_long: bool) -> None:
    """Nobody died of these, but one of them may have cost the others their batch: each is applied alone from now on.

    One that was alone already is given back, to wait for longer: it is never parked for this, but where it took too
    long even so, a person hears of it.
    """
    if len(ids) == 1:
        _give_back(engine, ids, pause, *([_slow(ids[0])] if too_long else []))
    else:
        with transaction(engine) as session:
            session.execute(_SET_APART, {"ids": list(ids)})


_CLAIMED = (
    select(*columns_read(InboxEvent))
    .where(InboxEvent.id == any_(bindparam("ids", type_=ARRAY(Text))), InboxEvent.status == "pending")
    .order_by(InboxEvent.id)
    .with_for_update()
)

# ---- applying --------------------------------------------------------------------------------------------------------


def apply_batch(
    connection: Connection, rules: Rules, ids: Sequence[str], busy: set[str], *, one_by_one: bool = False
) -> int:
    """Apply claimed events in one transaction; how many ended. Customers found busy are added to `busy`."""
    engine = connection.engine  # for what is to be said even if this connection is lost
    start = time.monotonic()
    try:
        with transaction(connection) as session:
            try:
                batch = _Batch(session, rules)
                batch.lock(ids)
                ended = batch.apply(one_by_one=one_by_one)
                busy |= batch.busy
                return ended
            except SoftTimeLimitExceeded:
                session.invalidate()  # in the midst of a statement ROLLBACK is refused, which would be raised instead
                raise
    except _Refused as refused:
        log.info("a batch is refused as a whole: its events are written one by one", reason=_short(refused.reason))
    except Raced as raced:
        log.warning("a row changed under us; its batch is applied again", reason=str(raced))
        _give_back(engine, ids, pause=0.1)
        return 0
    except (DBAPIError, PendingRollbackError) as lost:
        connection.invalidate()  # its transaction may still be open, and we would wait for its locks
        # Not the events' fault. Where the server is gone this fails too: then the starts stay counted, and that is
        # evidence that fades, since the next start that ends well clears it.
        log.warning("the database refused a batch; it is applied again", reason=str(lost.__cause__ or lost))
        _set_apart(engine, ids, pause=1, too_long=isinstance(lost.__cause__, QueryCanceled) and _lasted(start))
        return 0
    except BaseException as struck:
        connection.invalidate()
        # A time limit: longer than it lasts, so that others get their turn.
        _set_apart(engine, ids, pause=30, too_long=isinstance(struck, SoftTimeLimitExceeded) and _lasted(start))
        raise
    return apply_batch(connection, rules, ids, busy, one_by_one=True)  # of what was refused


class _Refused(Exception):
    """What a batch changed cannot be written as a whole, and one of its events is why."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Batch:
    """The events of one transaction: their rows locked, their customers locked, their world read."""

    def __init__(self, session: Session, rules: Rules) -> None:
        self.session, self.rules = session, rules
        self.rows: list[InboxEvent] = []
        self.events: dict[str, Event] = {}
        self.endings: dict[str, Ending] = {}
        self.busy: set[str] = set()
        self._held: set[str] = set()
        self._left: list[str] = []

    def lock(self, ids: Sequence[str]) -> None:
        """Lock the claimed rows, and the customers again; events of those that are busy now are given back."""
        # Plain FOR UPDATE: a claimer that is looking at these very rows must be waited for, not skipped.
        rows = list(rows_of(InboxEvent, self.session.connection().execute(_CLAIMED, {"ids": list(ids)})))
        wanted = {customer for row in rows for customer in row.customer_ids}
        self._held = try_locks(self.session, wanted)
        self.busy = wanted - self._held
        self._left = [row.id for row in rows if not self._held.issuperset(row.customer_ids)]
        free = [row for row in rows if self._held.issuperset(row.customer_ids)]
        # In the order in which things happened: the same end, and fewer mails about what is over already.
        self.rows = sorted(free, key=lambda row: (row.occurred_at or row.received_at, row.seq))

    def apply(self, *, one_by_one: bool) -> int:
        """How many ended. Raises _Refused if the changes of all were to be written at once, and cannot be."""
        for row in self.rows:
            match understand(row):
                case Event() as event:
                    self.events[row.id] = event
                case ending:
                    self.endings[row.id] = ending
        understood = [row for row in self.rows if row.id in self.events]
        world = World(self.session, self.rules)
        try:
            world.load(wanted_by(self.events[row.id] for row in understood), self._held)
        except Busy:
            self._where_nobody_else_works(understood)
        else:
            if one_by_one:
                self.endings |= {row.id: apply_one(world, row, self.events[row.id]) for row in understood}
            else:
                self._together(world, understood)
        self._end()
        return len(self.endings)

    def _together(self, world: World, rows: Sequence[InboxEvent]) -> None:
        """All of them in memory, and one writing."""
        self.endings |= {row.id: follow(world, row, self.events[row.id]) for row in rows}
        try:
            world.write()
        except Exception as refused:
            if not is_their_fault(refused):
                raise
            raise _Refused(refused) from refused

    def _where_nobody_else_works(self, rows: Sequence[InboxEvent]) -> None:
        """A row that was read belongs to a customer that somebody holds: only the events that need it wait."""
        for row in rows:
            world = World(self.session, self.rules)
            try:
                world.load(wanted_by([self.events[row.id]]), self._held)
            except Busy:
                self._left.append(row.id)
            else:
                self.endings[row.id] = apply_one(world, row, self.events[row.id])

    def _end(self) -> None:
        if self._left:
            self.session.execute(_GIVE_BACK, {"ids": self._left, "pause": 0.02})
        if self.endings:
            by_ending: dict[Ending, list[str]] = {}
            for id, ending in self.endings.items():
                by_ending.setdefault(ending, []).append(id)
            ends = [{"ids": ids, "status": e.status, "reason": e.reason} for e, ids in by_ending.items()]
            self.session.execute(_END, ends)


def understand(row: InboxEvent) -> Event | Ending:
    """What an event says; where that cannot be read, how it ends."""
    try:
        if row.raw is None:
            raise NeedsAttention("its body was emptied after 90 days; backfill its objects from the API instead")
        return Event.from_body(row.raw)
    except NeedsAttention as reason:
        return Ending("parked", str(reason))
    except SoftTimeLimitExceeded:
        raise
    except Exception as surprise:
        return _surprised(row, surprise)


def wanted_by(events: Iterable[Event]) -> Wanted:
    """What these events are about."""
    wanted = Wanted()
    for event in events:
        for snapshot in event.snapshots:
            wanted.add(snapshot)
    return wanted


def apply_one(world: World, row: InboxEvent, event: Event) -> Ending:
    """Apply one event inside a savepoint, or say why a person must look. Refused, it leaves nothing but its ending."""
    ending = follow(world, row, event)
    if world.touched:
        try:
            with world.session.connection().begin_nested():
                world.write()
        except Exception as problem:
            return _blamed(row, problem)
    return ending


def follow(world: World, row: InboxEvent, event: Event) -> Ending:
    """What follows from one event, in memory; or why a person must look. Refused, it leaves the world as it was."""
    with structlog.contextvars.bound_contextvars(event_id=row.id, event_type=row.event_type):
        handler = handler_of(event.type)
        if row.id.startswith("cbdemo_") or event.is_a_test:
            return Ending("ignored", "a test event (cbdemo_)")
        if not event.snapshots and handler is None:
            return Ending("ignored", "no object we keep")
        world.cause = Cause("chargebee", row.id, row.received_at, _quiet(world.rules, row))
        try:
            changes = merge(world, event.snapshots)
            derive(world, changes)
            if handler:
                handler(world, event.content)
            world.keep()
            return Ending("applied") if changes or handler else Ending("ignored", "nothing newer in it")
        except Exception as problem:
            world.undo()
            return _blamed(row, problem)


def derive(world: World, changes: Sequence[Change]) -> None:
    """Bring every subject of these changes in line, each once."""
    for subject, change in subjects(world, changes):
        derive_one(world, subject, change)


def derive_one(world: World, subject: Base, change: Change | None) -> None:
    """Bring one subject in line, in the order of `quittance derivations`."""
    for bring_in_line in derivations().get(type(subject), ()):
        bring_in_line(world, subject, change)


def _blamed(row: InboxEvent, problem: Exception) -> Ending:
    """How an event ends that this came of. What is not its fault is raised again: the batch rolls back."""
    if not is_their_fault(problem):
        raise problem
    if isinstance(problem, (NeedsAttention, DBAPIError)):
        log.warning("event parked", event_id=row.id, reason=_short(problem))
        return Ending("parked", _short(problem))
    return _surprised(row, problem)


def is_their_fault(problem: Exception) -> bool:
    """Does it come of the events, whenever they are applied? A lost, locked or full database may take them later."""
    if isinstance(problem, DBAPIError):
        state = getattr(problem.orig, "sqlstate", None) or ""
        return not problem.connection_invalidated and state[:2] in _REFUSED_FOR_GOOD
    return not isinstance(problem, (Raced, PendingRollbackError, SoftTimeLimitExceeded))


def _surprised(row: InboxEvent, surprise: Exception) -> Ending:
    log.error("event parked: a fault of ours", event_id=row.id, exc_info=surprise)
    return Ending("parked", f"{type(surprise).__name__}: {_short(surprise)}; a fault of ours, see the log, then replay")


def _short(reason: Exception) -> str:
    cause = reason.orig if isinstance(reason, DBAPIError) else reason
    return str(cause).splitlines()[0][:500] if str(cause) else type(cause).__name__


def _quiet(rules: Rules, row: InboxEvent) -> str | None:
    """Why nobody is told of this event's consequences: history is merged and derived, but quietly."""
    if row.origin == "import":
        return "history: it came by import"
    if row.occurred_at and row.received_at - row.occurred_at > rules.effects_horizon:
        return f"history: it happened more than {_span(rules.effects_horizon)} before it was received"
    return None


def _span(horizon: timedelta) -> str:
    days = horizon.total_seconds() / 86400
    return "a day" if days == 1 else f"{days:g} days"
