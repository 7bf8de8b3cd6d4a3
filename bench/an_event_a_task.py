"""The worker with one more task, as most of its kind are made: a message, a task and a transaction for each event."""

from __future__ import annotations

import time
from functools import lru_cache

from sqlalchemy import Engine

from models.session import engine_for
from tasks import inbox
from tasks.couriers import rules_of
from worker.app import app, settings


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return engine_for(settings.database_url)


@app.task(name="bench.apply_event")  # type: ignore[untyped-decorator]
def apply_event(id: str) -> None:
    """Apply this event; while somebody works on its customer, try again."""
    with _engine().connect() as connection:
        while not inbox.apply_batch(connection, rules_of(settings), [id], set()):
            time.sleep(0.005)
