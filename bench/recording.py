"""What the pipeline writes for each event, and what it asks of the database: one process, its statements watched.

The statements and their values are kept, so that bare psycopg can write the same rows again, an event at a time.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

from bench.events import Told
from gateway.events import Event
from models import InboxEvent
from models.session import engine_for
from tasks import inbox, registry
from tasks.world import MIRRORS, Rules

_WRITES = ("insert", "update", "delete")
_INBOX = InboxEvent.__tablename__


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


def record(database_url: str, events: Sequence[Told], rules: Rules) -> list[Recorded]:
    """Apply the events that are pending in this database, each in a batch of its own; what each of them wrote."""
    recorded = {each.id: Recorded(each.history, each.id, _mirrors(each.raw)) for each in events}
    with _watched(database_url) as (engine, watch):
        inbox.apply_pending(engine, rules, seconds=3600, batch=1)
        for id, writes in watch.writes.items():
            recorded[id].writes = writes
        with engine.connect() as connection:
            for id, status, reason in connection.exec_driver_sql("select id, status, reason from inbox_events"):
                recorded[id].status, recorded[id].reason = status, reason
    return list(recorded.values())


def tally(database_url: str, rules: Rules) -> Tally:
    """Apply the events that are pending in this database as a worker does; what that asked of it."""
    with _watched(database_url) as (engine, watch):
        start = time.monotonic()
        inbox.apply_pending(engine, rules, seconds=3600)
        watch.tally.seconds = time.monotonic() - start
        return watch.tally


@contextmanager
def _watched(database_url: str) -> Iterator[tuple[Engine, _Watch]]:
    engine = engine_for(database_url)
    registry.load()
    yield engine, _Watch(engine)
    engine.dispose()


def _mirrors(raw: bytes) -> list[tuple[str, str]]:
    return sorted({(MIRRORS[each.kind].__tablename__, each.id) for each in Event.from_body(raw).snapshots})


class _Watch:
    """Every statement of an engine, counted and timed; what is written kept under the event that was claimed last."""

    def __init__(self, engine: Engine) -> None:
        self.tally = Tally()
        self.writes: dict[str, list[Write]] = defaultdict(list)
        self._claimed = ""
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
        verb, *rest = statement.split(None, 3)
        if verb.lower() not in _WRITES:
            of_savepoint = verb in ("SAVEPOINT", "RELEASE", "ROLLBACK")
            self.tally.statements["savepoint and release" if of_savepoint else "lock and read"] += 1
        elif (table := rest[0] if verb.lower() == "update" else rest[1]) == _INBOX:
            self.tally.statements["claim and end"] += 1
            if "ids" in values:
                (self._claimed, *_) = values["ids"]
        else:
            self.writes[self._claimed].append(Write(statement, values, many))
            self.tally.statements["write"] += 1
            self.tally.rows[table] += cursor.rowcount

    def _transaction(self, _connection: Connection) -> None:
        self.tally.statements["begin and commit"] += 1
