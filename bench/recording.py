"""What the pipeline writes for each event, and where its time goes: one process, its statements watched.

The statements and their values are kept, so that bare psycopg can write the same rows again.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, event

from bench.events import Told
from gateway.events import Event
from models.session import engine_for
from tasks import inbox, registry
from tasks.world import MIRRORS, Rules

_WRITES = ("insert", "update", "delete")


@dataclass(frozen=True)
class Write:
    """One statement as psycopg takes it, with one set of values, or with several to be executed one after another."""

    statement: str
    values: Any
    many: bool


@dataclass
class Recorded:
    """What one event asks of the database besides itself: the mirror rows of its objects, and what it writes."""

    history: int
    id: str
    mirrors: list[tuple[str, str]]  # table, id
    writes: list[Write] = field(default_factory=list)
    status: str = ""
    reason: str | None = None


@dataclass
class Tally:
    """What the pipeline asked of the database while it applied everything once."""

    seconds: float = 0.0
    in_database: float = 0.0
    statements: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)


def record(database_url: str, events: Sequence[Told], rules: Rules) -> tuple[list[Recorded], Tally]:
    """Apply the events that are pending in this database; what that wrote, event by event in the order of `events`."""
    recorded = {each.id: Recorded(each.history, each.id, _mirrors(each.raw)) for each in events}
    engine = engine_for(database_url)
    registry.load()
    watch = _Watch(engine)
    start = time.monotonic()
    inbox.apply_pending(engine, rules, seconds=3600)
    watch.tally.seconds = time.monotonic() - start
    for id, writes in watch.writes.items():
        recorded[id].writes = writes
    with engine.connect() as connection:
        for id, status, reason in connection.exec_driver_sql("select id, status, reason from inbox_events"):
            recorded[id].status, recorded[id].reason = status, reason
    engine.dispose()
    return list(recorded.values()), watch.tally


def _mirrors(raw: bytes) -> list[tuple[str, str]]:
    return sorted({(MIRRORS[each.kind].__tablename__, each.id) for each in Event.from_body(raw).snapshots})


class _Watch:
    """Every statement of an engine, counted and timed; writes kept under the event that is being applied."""

    def __init__(self, engine: Engine) -> None:
        self.tally = Tally()
        self.writes: dict[str, list[Write]] = defaultdict(list)
        self._since = 0.0
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        for what in ("begin", "commit", "rollback"):
            event.listen(engine, what, self._transaction)

    def _before(self, *_: Any) -> None:
        self._since = time.monotonic()

    def _after(
        self, _connection: Connection, cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        self.tally.in_database += time.monotonic() - self._since
        id = structlog.contextvars.get_contextvars().get("event_id")
        verb = statement.split(None, 1)[0].lower()
        if id is None:
            self.tally.statements["claim, lock, read and end (a batch)"] += 1
        elif verb in _WRITES:
            self.writes[id].append(Write(statement, values, many))
            self.tally.statements["write"] += 1
            self.tally.rows[_table(statement)] += cursor.rowcount
        else:
            self.tally.statements["savepoint and release"] += 1

    def _transaction(self, _connection: Connection) -> None:
        self.tally.statements["begin and commit"] += 1


def _table(statement: str) -> str:
    words = statement.split(None, 3)
    return words[1] if words[0].lower() == "update" else words[2]
