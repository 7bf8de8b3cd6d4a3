"""What is still to be told to the world: mails, calls to Chargebee, callbacks to the product."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class OutboxRow(Base):
    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_due", "queue", "due_at", postgresql_where=text("state = 'new'")),
        Index("outbox_leased", "queue", "lease_until", postgresql_where=text("state = 'sending'")),
        Index("outbox_stuck", "state", postgresql_where=text("state in ('failed', 'held')")),
        Index(None, "object_id"),
        Index(None, "customer_id"),
        Index("outbox_recipient", text("lower(recipient)")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True, comment="one fact, one row: name, object and revision")
    queue: Mapped[str] = mapped_column(comment="mail, provider")
    kind: Mapped[str] = mapped_column(comment="email, chargebee, callback")
    name: Mapped[str] = mapped_column(comment="which e-mail, call or callback")
    object_id: Mapped[str]
    customer_id: Mapped[str | None]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="new", comment="new, sending, sent, failed, held, suppressed")
    reason: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    waiting_since: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="from when patience counts")
    ended_at: Mapped[datetime | None]
    event_id: Mapped[str | None]
    recipient: Mapped[str | None] = mapped_column(comment="found when delivery first looks at it: one row for each")
    locale: Mapped[str | None]
    message_id: Mapped[str | None]
    reply: Mapped[str | None] = mapped_column(comment="what the mail server or the product answered")
    subject: Mapped[str | None]
    text: Mapped[str | None] = mapped_column(comment="what was sent, kept 90 days")
    said: Mapped[dict[str, Any] | None] = mapped_column(
        deferred=True, comment="the values that it was written from, kept as long: emails/said.py"
    )
    links_revoked_at: Mapped[datetime | None] = mapped_column(comment="its links open nothing any more")
