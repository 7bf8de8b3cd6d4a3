"""Turns of jobs that are done every ten minutes or more rarely: two schedulers do each once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

_TAKE = text("""
    insert into job_slots (name, slot)
    values (:name, floor(extract(epoch from now() - cast(:after as interval)) / :seconds))
    on conflict do nothing returning slot
""")
_FORGET = text("delete from job_slots where name = :name and taken_at < now() - interval '30 days'")


def take_slot(session: Session, name: str, every: timedelta, *, after: timedelta = timedelta(0)) -> bool:
    """Is it our turn? Spans are counted from 1970 plus `after`; of those who ask in one span, the first one is told so.

    It is only taken if the transaction is committed.
    """
    values = {"name": name, "seconds": every.total_seconds(), "after": after}
    if session.execute(_TAKE, values).first() is None:
        return False
    session.execute(_FORGET, {"name": name})
    return True
