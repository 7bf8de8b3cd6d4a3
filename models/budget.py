"""How many calls of the provider's API are left: one row that all workers share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class CallBudget(Base):
    __tablename__ = "call_budgets"

    site: Mapped[str] = mapped_column(primary_key=True)
    left: Mapped[float] = mapped_column(Float, comment="calls, as of reckoned_at; more come by and by")
    reckoned_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="real time")
    closed_until: Mapped[datetime | None] = mapped_column(comment="the provider asked to wait; real time")
