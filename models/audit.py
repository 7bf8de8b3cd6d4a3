"""Why things are as they are: who or which event changed what, and what does not add up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class AuditEntry(Base):
    """Append-only; a trigger refuses anything else."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "object_type", "object_id"), Index(None, "event_id"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    actor: Mapped[str] = mapped_column(comment="chargebee, clock, delivery, or a person")
    event_id: Mapped[str | None]
    object_type: Mapped[str]
    object_id: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class Finding(Base):
    """Something that does not add up, told once however often it is seen."""

    __tablename__ = "findings"
    __table_args__ = (
        UniqueConstraint("kind", "object_type", "object_id"),
        Index("findings_errors", "last_seen_at", postgresql_where=text("severity = 'error'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    severity: Mapped[str] = mapped_column(comment="info, warning, error")
    object_type: Mapped[str]
    object_id: Mapped[str]
    detail: Mapped[str]
    first_seen_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    last_seen_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    times: Mapped[int] = mapped_column(server_default=text("1"))
    acknowledged_until: Mapped[datetime | None]
