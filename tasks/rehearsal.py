"""What applying events again would do, without doing it.

The real thing is done, on copies: the rows that a batch can touch are copied into temporary tables, and the events are
applied to those, one batch after the other. The transaction is read-only, so that PostgreSQL itself refuses anything
else; it sees one instant throughout, takes no lock that a worker could meet, and calls nobody. What differs at its end
between a copy and what it was copied from is what would change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, select, text
from sqlalchemy.orm import Session

from billing.followups import OWING
from emails.kinds import ALL as KINDS
from gateway.events import Event
from models import (
    AuditEntry,
    Base,
    Cancellation,
    Customer,
    Finding,
    Followup,
    FollowupEntry,
    InboxEvent,
    OutboxRow,
    Payment,
    PaymentApplication,
    SeatEntry,
    SubscriptionItem,
)

from .inbox import Ending, apply_one, understand, wanted_by
from .recipients import objection, recipients_of, team
from .replay import Selection, Tally, batches, ends
from .world import MIRRORS, Rules, Wanted, World

BATCH = 50  # as when they are applied
_ROWS: tuple[type[Base], ...] = (
    *MIRRORS.values(),
    SubscriptionItem,
    Payment,
    PaymentApplication,
    Followup,
    Cancellation,
)
_LINES: tuple[type[Base], ...] = (SeatEntry, FollowupEntry, AuditEntry, Finding)  # new ones only
_NOT_SHOWN = frozenset({"snapshot", "digest", "tie_at"})
_MONEY = {
    "owed on invoices": (
        "invoices",
        f"currency, sum(amount_due) from {{}} where not deleted and status in ({str(sorted(OWING))[1:-1]})",
    ),
    "to be chased": ("followups", "currency, sum(balance) from {} where open"),
    "payments recorded": (
        "payments",
        "currency, sum(amount) from {} where kind = 'payment' and status = 'succeeded'",
    ),
    "given back": ("payments", "currency, sum(amount) from {} where kind <> 'payment' and status = 'succeeded'"),
}


@dataclass(frozen=True, slots=True)
class Would:
    """How an event would end, beside how it did."""

    id: str
    event_type: str | None
    was: str
    ending: Ending


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row as it is and as it would be: the columns that differ; None for a row that is not there."""

    table: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class MoneyChange:
    what: str
    currency: str | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Told:
    """A mail, call or callback that would be queued, or that was called for and is not sent, and why."""

    key: str
    kind: str
    name: str
    object_id: str
    event_id: str | None
    to: list[str]
    why_not: str | None


@dataclass(slots=True)
class Rehearsal:
    """What would come of it. Lists are as long as was asked for; the counts beside them are whole."""

    tally: Tally = field(default_factory=Tally)
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of what would park
    endings: list[Would] = field(default_factory=list)
    rows: list[RowChange] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    money: list[MoneyChange] = field(default_factory=list)
    seats: tuple[int, int] = (0, 0)
    told: list[Told] = field(default_factory=list)
    told_count: int = 0
    told_already: dict[str, str] = field(default_factory=dict)  # key: its state
    findings: list[dict[str, Any]] = field(default_factory=list)


def rehearse(
    engine: Engine,
    rules: Rules,
    selection: Selection,
    *,
    teams: Mapping[str, tuple[str, ...]],
    limit: int,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Rehearsal:
    """Apply what is chosen to copies, and say what came of it: at most `limit` rows, mails and endings each."""
    result = Rehearsal()
    with _stage(engine) as stage:
        session = stage.session
        world = _Rehearsed(stage, rules, limit)
        for found in batches(session, selection, *ends(session), BATCH):
            stage.on_truth()
            _apply(world, found.ids, result, limit)
            stage.on_truth()
            result.tally += found.tally
            progress(result.tally)
        _compare(stage, result, limit)
        result.told_already = _known(stage, sorted(world.again))
        _letters(stage, result, limit, teams)
    return result


# ---- the stage -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stage:
    """One connection with a copy of each table that is changed (pg_temp.x), and of what was copied (pg_temp.was_x)."""

    session: Session
    schema: str

    def on_truth(self) -> None:
        """From now on statements mean the tables as they are."""
        self._mean(self.schema)

    def on_copies(self) -> None:
        """From now on statements mean the copies."""
        self._mean("pg_temp")

    def _mean(self, schema: str) -> None:
        self.session.connection().execution_options(schema_translate_map={None: schema})

    def copy(self, model: type[Base], column: str, values: set[str]) -> None:
        """Copy the rows with these values, unless they were before: they may have changed, or gone, since."""
        if values:
            table = cast(Table, model.__table__)
            keys = " and ".join(f"w.{key.name} = t.{key.name}" for key in table.primary_key)
            copied = text(f"""
                with taken as (
                  insert into pg_temp.{table.name} overriding system value
                  select * from {self.schema}.{table.name} as t where {column} = any(:values)
                    and not exists (select from pg_temp.was_{table.name} as w where {keys})
                  on conflict do nothing returning *
                ) insert into pg_temp.was_{table.name} overriding system value select * from taken
            """)  # noqa: S608 (names of our own tables)
            self.session.execute(copied, {"values": sorted(values)})


@contextmanager
def _stage(engine: Engine) -> Iterator[_Stage]:
    """A connection of its own, closed at the end: temporary tables go with it."""
    with engine.connect() as connection:
        connection.detach()
        with connection.begin():
            schema = connection.scalar(text("select quote_ident(current_schema())"))
            _build(connection, schema)
        with connection.begin(), Session(connection, autoflush=False, expire_on_commit=False) as session:
            session.execute(text("set transaction isolation level repeatable read, read only"))
            session.execute(text("set local statement_timeout = '60s'"))
            stage = _Stage(session, schema)
            stage.on_truth()
            yield stage


def _build(connection: Connection, schema: str) -> None:
    copied: tuple[type[Base], ...] = (*_ROWS, OutboxRow)
    for model in (*copied, *_LINES):
        table = cast(Table, model.__table__)
        name = table.name
        for copy in (name,) if model in _LINES else (name, f"was_{name}"):
            like = f"create temporary table {copy} (like {schema}.{name} including all) on commit delete rows"
            connection.execute(text(like))
        for key in table.primary_key:
            if key.identity is not None:  # beyond the numbers of what is copied
                connection.execute(text(f"alter table pg_temp.{name} alter column {key.name} restart with {10**15}"))


class _Rehearsed(World):
    """A world whose rows are copies: read twice, first to know what to copy."""

    def __init__(self, stage: _Stage, rules: Rules, limit: int) -> None:
        super().__init__(stage.session, rules)
        self.stage = stage
        self.again: set[str] = set()
        self._limit = limit

    def read(self, wanted: Wanted) -> None:
        self.stage.on_truth()
        super().read(wanted)
        for model in _ROWS:
            column = next(iter(cast(Table, model.__table__).primary_key)).name
            self.stage.copy(model, column, {getattr(row, column) for row in self.where(model)})
        self.stage.copy(OutboxRow, "key", set(self._told))
        self.stage.on_copies()
        super().read(wanted)

    def queue(self, row: OutboxRow, *, since: datetime | None = None) -> None:
        before = len(self._journal.queued)
        super().queue(row, since=since)
        if len(self._journal.queued) == before and len(self.again) < self._limit:
            self.again.add(row.key)


def _apply(world: _Rehearsed, ids: list[str], result: Rehearsal, limit: int) -> None:
    """One batch, as tasks/inbox.py applies it: its rows read at once, in the order in which things happened."""
    found = select(InboxEvent).where(InboxEvent.id.in_(ids))
    rows = sorted(world.session.scalars(found), key=lambda row: (row.occurred_at or row.received_at, row.seq))
    world.session.expunge_all()
    endings: dict[str, Ending] = {}
    events: dict[str, Event] = {}
    for row in rows:
        match understand(row):
            case Event() as event:
                events[row.id] = event
            case ending:
                endings[row.id] = ending
    world.read(wanted_by(events.values()))
    for row in rows:
        if row.id in events:
            endings[row.id] = apply_one(world, row, events[row.id])
    for row in rows:
        ending = endings[row.id]
        result.statuses[ending.status] += 1
        if ending.status == "parked" and (ending.reason in result.reasons or len(result.reasons) < limit):
            result.reasons[ending.reason or ""] += 1
        if len(result.endings) < limit:
            result.endings.append(Would(row.id, row.event_type, row.status, ending))


# ---- what came of it -------------------------------------------------------------------------------------------------


def _compare(stage: _Stage, result: Rehearsal, limit: int) -> None:
    """What differs between the copies and what they were copied from."""
    for model in _ROWS:
        table = cast(Table, model.__table__)
        keys = ", ".join(key.name for key in table.primary_key)
        read = [column.name for column in table.c if column.name not in _NOT_SHOWN]
        was, now = (", ".join(f"{side}.{name}" for name in read) for side in "wt")
        differ = f"""
            from pg_temp.was_{table.name} as w full join pg_temp.{table.name} as t using ({keys})
            where ({was}) is distinct from ({now})
        """
        found = stage.session.scalar(text(f"select count(*) {differ}")) or 0
        if found:
            result.tables[table.name] = found
        if left := limit - len(result.rows):
            both = f"select to_jsonb(w) as before, to_jsonb(t) as after {differ} order by {keys} limit :left"
            rows = stage.session.execute(text(both), {"left": left})
            result.rows += [_row_change(stage, table, row.before, row.after) for row in rows.all()]
    for what, (name, sums) in _MONEY.items():
        before, after = (dict(_sums(stage, sums.format(f"pg_temp.{copy}"))) for copy in (f"was_{name}", name))
        for currency in sorted(before.keys() | after.keys(), key=str):
            change = MoneyChange(what, currency, before.get(currency, 0), after.get(currency, 0))
            if change.before != change.after:
                result.money.append(change)
    result.seats = (_seats(stage, "was_subscriptions"), _seats(stage, "subscriptions"))


def _seats(stage: _Stage, copy: str) -> int:
    return int(stage.session.scalar(text(f"select coalesce(sum(seats), 0) from pg_temp.{copy}")) or 0)  # noqa: S608


def _sums(stage: _Stage, of: str) -> Iterator[tuple[str | None, int]]:
    for currency, total in stage.session.execute(text(f"select {of} group by currency")):
        yield currency, int(total or 0)


def _row_change(stage: _Stage, table: Table, before: Any, after: Any) -> RowChange:
    """Only what differs of a row that stays; all of one that comes or goes, but what is empty."""
    either: dict[str, Any] = after or before
    keys = [key.name for key in table.primary_key]
    key, currency = ":".join(str(either[name]) for name in keys), either.get("currency")
    if "currency" not in either and "invoice_id" in either:
        of_invoice = text("select currency from pg_temp.invoices where id = :id")
        currency = stage.session.scalar(of_invoice, {"id": either["invoice_id"]})
    if before and after:
        names = [name for name in after if name not in _NOT_SHOWN and before[name] != after[name]]
        return RowChange(table.name, key, {n: before[n] for n in names}, {n: after[n] for n in names}, currency)
    shown = {n: v for n, v in either.items() if n not in _NOT_SHOWN and n not in keys and v not in (None, [], False)}
    return RowChange(table.name, key, None if after else shown, shown if after else None, currency)


def _known(stage: _Stage, keys: Sequence[str]) -> dict[str, str]:
    """The state of what was called for again and is there already: it is not told twice."""
    known = select(OutboxRow.key, OutboxRow.state).where(OutboxRow.key.in_(keys)).order_by(OutboxRow.key)
    return {row.key: row.state for row in stage.session.execute(known)}


def _letters(stage: _Stage, result: Rehearsal, limit: int, teams: Mapping[str, tuple[str, ...]]) -> None:
    """What would be queued, to whom, and what does not add up."""
    new = "from pg_temp.outbox t left join pg_temp.was_outbox w using (key) where w.state is distinct from t.state"
    result.told_count = stage.session.scalar(text(f"select count(*) {new}")) or 0
    rows = stage.session.execute(text(f"select t.* {new} order by t.id limit :limit"), {"limit": limit}).all()
    stage.on_copies()
    customers = select(Customer).where(Customer.id.in_({row.customer_id for row in rows} - {None}))
    known = {customer.id: customer for customer in stage.session.scalars(customers)}
    stage.on_truth()
    result.told = [_told(stage.session, row, known.get(row.customer_id), teams) for row in rows]
    found = text(f"""
        select t.kind, t.severity, t.object_type, t.object_id, t.detail, r.id is not null as known
        from pg_temp.findings t left join {stage.schema}.findings r using (kind, object_type, object_id)
        order by t.id limit :limit
    """)  # noqa: S608
    result.findings = [dict(row._mapping) for row in stage.session.execute(found, {"limit": limit})]


def _told(session: Session, row: Any, customer: Customer | None, teams: Mapping[str, tuple[str, ...]]) -> Told:
    kind = next((each for each in KINDS if row.kind == "email" and each.name == row.name), None)
    to: list[str] = []
    why_not = row.reason if row.state == "suppressed" else None
    if kind:
        found = team(teams.get(kind.audience, ())) if kind.for_staff else []
        if customer and not kind.for_staff:
            found = recipients_of(customer, kind.audience)
        objections = {each.address: objection(session, row.customer_id, each.address, kind) for each in found}
        to = [address for address, reason in objections.items() if reason is None]
        if found and not to and not why_not:
            why_not = next(iter(objections.values()))
    return Told(row.key, row.kind, row.name, row.object_id, row.event_id, to, why_not)
