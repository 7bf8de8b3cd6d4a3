"""The bare limit of applying: psycopg, one transaction an event, the rows that the pipeline would write.

What a careful loop written by hand cannot do without: the event is read and locked, its body parsed, the mirror row of
each of its objects locked, everything written, the event ended. What to write is known beforehand, so no rule costs
anything here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import psycopg
from psycopg.sql import SQL, Identifier

from bench.recording import Recorded

_EVENT = "select raw from inbox_events where id = %s and status = 'pending' for update"
_END = "update inbox_events set status = %s, reason = %s, ended_at = business_now() where id = %s"
_OPTIONS = "-c synchronous_commit=on -c timezone=UTC"


def connect(database_url: str) -> psycopg.Connection:
    """A connection that prepares every statement the first time it sees it."""
    return psycopg.connect(database_url, autocommit=True, prepare_threshold=0, options=_OPTIONS)


def apply(connection: psycopg.Connection, events: Sequence[Recorded]) -> None:
    """Apply these events, one after another."""
    locks = {table: _lock(connection, table) for event in events for table, _ in event.mirrors}
    cursor = connection.cursor()
    for event in events:
        with connection.transaction():
            row = cursor.execute(_EVENT, [event.id]).fetchone()
            if row is None:
                continue
            json.loads(row[0])
            for table, id in event.mirrors:
                cursor.execute(locks[table], [id]).fetchone()
            for write in event.writes:
                if write.many:
                    cursor.executemany(write.statement, write.values)
                else:
                    cursor.execute(write.statement, write.values)
            cursor.execute(_END, [event.status, event.reason, event.id])


def _lock(connection: psycopg.Connection, table: str) -> bytes:
    statement = SQL("select version, deleted, tie_at, digest from {} where id = %s for update")
    return statement.format(Identifier(table)).as_bytes(connection)
