"""A subscription's end: still to come, carried out, or overtaken."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Cancellation(Base):
    __tablename__ = "cancellations"
    __table_args__ = (
        Index("cancellations_scheduled_effective_at", "effective_at", postgresql_where=text("state = 'scheduled'")),
        Index(None, "effective_at"),
    )

    subscription_id: Mapped[str] = mapped_column(primary_key=True)
    effective_at: Mapped[datetime] = mapped_column(primary_key=True)
    customer_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(comment="scheduled, withdrawn, run, undone")
    reason: Mapped[str | None] = mapped_column(comment="the provider's code, or term_ended when the cycles ran out")
    effective_on: Mapped[date] = mapped_column(comment="the date with legal effect, computed once in `zone`")
    zone: Mapped[str]
    executed_by: Mapped[str] = mapped_column(comment="chargebee, or worker where this system was asked to run it")
    confirmed: Mapped[bool] = mapped_column(comment="a snapshot said cancelled; false while only the date has passed")
