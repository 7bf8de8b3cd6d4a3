"""The database that the tests of one process share, and engines that outlive a test.

A new database costs a test twenty times what emptying one does, and a new engine compiles every statement again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine

from models.session import engine_for

_kept: dict[str, Engine] = {}

# Ledgers refuse to be changed, by trigger; a session that replicates runs no triggers.
_EMPTY = """
do $$
declare name text;
begin
  set local session_replication_role = replica;
  for name in select tablename from pg_tables where schemaname = 'public' loop
    execute format('delete from %I', name);
  end loop;
  for name in select sequencename from pg_sequences where schemaname = 'public' and last_value is not null loop
    execute format('alter sequence %I restart', name);
  end loop;
end $$
"""


# For what grew large: a delete would leave its pages behind.
_TRUNCATE = """
do $$
begin
  set local session_replication_role = replica;
  execute (
    select 'truncate ' || string_agg(format('%I', tablename), ', ') || ' restart identity'
    from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'
  );
end $$
"""


def truncate(url: str) -> None:
    """Remove every row of a migrated database, and count from one again."""
    with psycopg.connect(url, autocommit=True, options="-c lock_timeout=10s") as connection:
        connection.execute(_TRUNCATE)


class House:
    """A migrated database that one test after the other finds empty."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True, options="-c lock_timeout=10s")
        self._version = self._connection.execute("select version_num from alembic_version").fetchone()
        _kept[url] = engine_for(url)

    def empty(self) -> None:
        """Remove every row, whatever forbids it, and count from one again."""
        self._connection.execute(_EMPTY)
        self._connection.execute("insert into alembic_version values (%s)", self._version)

    def close(self) -> None:
        _kept.pop(self.url).dispose()
        self._connection.close()


@contextmanager
def an_engine(url: str) -> Iterator[Engine]:
    """An engine; that of the house is the same for every test, and its connections stay open."""
    if url in _kept:
        yield _kept[url]
        return
    engine = engine_for(url)
    try:
        yield engine
    finally:
        engine.dispose()
