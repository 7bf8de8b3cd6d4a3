"""Finance's open question about an invoice that is paid outside the provider."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Followup(Base):
    __tablename__ = "followups"
    __table_args__ = (
        Index("followups_open_due_on", "due_on", postgresql_where=text("open")),
        Index(None, "customer_id"),
    )

    invoice_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    open: Mapped[bool]
    state: Mapped[str] = mapped_column(comment="awaiting, partial, paid, written_off, voided, closed")
    closed_reason: Mapped[str | None]
    method: Mapped[str | None] = mapped_column(comment="check, bank_transfer, ...; how the customer means to pay")
    currency: Mapped[str | None]
    total: Mapped[int] = mapped_column(comment="minor units")
    paid: Mapped[int] = mapped_column(comment="minor units")
    balance: Mapped[int] = mapped_column(comment="minor units, still owed")
    due_on: Mapped[date | None] = mapped_column(comment="in the site's zone")
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class FollowupEntry(Base):
    """One move of a follow-up: append-only."""

    __tablename__ = "followup_entries"
    __table_args__ = (Index(None, "invoice_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    invoice_id: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(comment="chargebee, or a person")
    move: Mapped[str] = mapped_column(comment="opened, reopened, changed, closed")
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any]]
    event_id: Mapped[str | None]
