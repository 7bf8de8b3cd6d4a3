"""Findings: what does not add up is told once, and counted up when it is seen again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import Finding

_COLUMNS = ("kind", "severity", "object_type", "object_id", "detail")


def _statement() -> Any:
    table = cast(Table, Finding.__table__)
    statement = insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in _COLUMNS})
    return statement.on_conflict_do_update(
        index_elements=["kind", "object_type", "object_id"],
        set_={
            "times": table.c.times + 1,
            "last_seen_at": text("business_now()"),
            "detail": statement.excluded.detail,
            "severity": statement.excluded.severity,
        },
    )


_NOTE = _statement()


def note(session: Session | Connection, findings: Iterable[Finding]) -> None:
    """Write these down; a finding of the same kind about the same object counts up instead."""
    connection = session.connection() if isinstance(session, Session) else session
    connection.execute(_NOTE, [{name: getattr(finding, name) for name in _COLUMNS} for finding in findings])
