"""The transaction that rows live in: opened at the edge, committed at its end, with what is to be done after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

# A frozen session is ended by the server, and nothing waits for a lock or a statement without end.
_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}


def engine_for(database_url: str, *, application: str = "quittance", pool_size: int = 5) -> Engine:
    """An engine for one process. Make it after the fork, never before.

    `database_url` is plain `postgresql://`; a driver in it is replaced by psycopg.
    """
    _, _, rest = database_url.partition("://")
    options = " ".join(f"-c {name}={value}" for name, value in _LIMITS.items())
    return create_engine(
        f"postgresql+psycopg://{rest}",
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=2,
        hide_parameters=True,  # an error's text goes to the log; the rows do not
        connect_args={"connect_timeout": 2, "application_name": application, "options": options},
    )


@contextmanager
def transaction(at: Engine | Connection) -> Iterator[Session]:
    """One transaction: commits at its end, then runs what `after_commit` was given; rolls back on any error.

    Given an engine, on a connection of its own, which the pool asks first whether it is alive; given a connection, on
    that one, as it is: several in a row may share it.
    """
    with Session(at, expire_on_commit=False, autoflush=False) as session, session.begin():
        yield session


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Run `call` once the transaction is committed, and not otherwise: nobody must look for a row too early."""
    event.listen(session, "after_commit", lambda _: call(), once=True)
