"""The settings of this run and the transactions of its verbs, opened here and nowhere else."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from models.session import engine_for, transaction
from worker.settings import Settings


@contextmanager
def connected(database_url: str) -> Iterator[Engine]:
    """An engine for this run."""
    engine = engine_for(database_url, application="quittance command", pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def looking(settings: Settings) -> Iterator[Session]:
    """A transaction that sees one instant throughout, and in which nothing can be written."""
    with connected(settings.database_url) as engine, transaction(engine) as session:
        session.execute(text("set transaction isolation level repeatable read, read only"))
        yield session


@contextmanager
def changing(settings: Settings) -> Iterator[Session]:
    """A transaction that writes."""
    with connected(settings.database_url) as engine, transaction(engine) as session:
        yield session


def whoever_runs_this() -> str:
    """The person, for the audit: the name of the account on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "somebody without an account name"


def ring(settings: Settings, *queues: str) -> None:
    """Ring for what became due. A broker that is away costs latency only: the sweeper rings again."""
    from worker import doorbell

    bell = doorbell.configure(settings)
    if bell.reachable():
        for queue in queues:
            bell.ring(queue)
        bell.close()
