"""Events as they came in. The row is the queue."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Identity, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class InboxEvent(Base):
    __tablename__ = "inbox_events"
    __table_args__ = (
        Index("inbox_events_fresh", "due_at", "seq", postgresql_where=text("status = 'pending' and starts = 0")),
        Index("inbox_events_suspect", "due_at", "seq", postgresql_where=text("status = 'pending' and starts > 0")),
        Index("inbox_events_parked", "seq", postgresql_where=text("status = 'parked'")),
        Index(None, "seq"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, comment="Chargebee's event id, else sha256:<digest>")
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, comment="the body, byte for byte; emptied after 90 days")
    digest: Mapped[str] = mapped_column(comment="of event_type, occurred_at, api_version and content")
    event_type: Mapped[str | None]
    occurred_at: Mapped[datetime | None] = mapped_column(comment="NULL outside 2000 to 2100")
    api_version: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    origin: Mapped[str] = mapped_column(server_default="webhook", comment="webhook, reconcile, import")
    status: Mapped[str] = mapped_column(server_default="pending", comment="pending, applied, ignored, parked")
    reason: Mapped[str | None]
    customer_ids: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default="{}", comment="whom it is about: the locks it needs"
    )
    starts: Mapped[int] = mapped_column(
        server_default=text("0"), comment="claims in a row without an ending: a process died"
    )
    due_at: Mapped[datetime] = mapped_column(
        server_default=text("now()"), comment="not before; while claimed: taken until"
    )
    ended_at: Mapped[datetime | None]
    seq: Mapped[int] = mapped_column(Identity(always=True))
