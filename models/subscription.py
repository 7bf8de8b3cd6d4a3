"""What is bought: subscriptions, the seats they give now, and the ledger of how those came about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, MirrorRow


class Subscription(MirrorRow):
    __tablename__ = "subscriptions"
    __table_args__ = (Index(None, "customer_id"),)

    customer_id: Mapped[str | None]
    status: Mapped[str | None] = mapped_column(
        comment="future, in_trial, active, non_renewing, paused, cancelled, transferred"
    )
    currency: Mapped[str | None]
    auto_collection: Mapped[str | None] = mapped_column(comment="overrides the customer's where present")
    offline_payment_method: Mapped[str | None]
    current_term_start: Mapped[datetime | None]
    current_term_end: Mapped[datetime | None]
    next_billing_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None] = mapped_column(comment="in the future while a cancellation is scheduled")
    cancel_scheduled_at: Mapped[datetime | None] = mapped_column(comment="when somebody asked for it; newer sites only")
    cancel_reason: Mapped[str | None]
    runs_out: Mapped[bool] = mapped_column(comment="the plan has a fixed number of cycles, and they are used up")
    has_scheduled_changes: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="other items from a later date; which, only the API says"
    )
    items: Mapped[list[dict[str, Any]] | None] = mapped_column(
        comment="item_price_id, item_type, quantity; NULL where the snapshot shows neither plan nor items"
    )
    seats: Mapped[int] = mapped_column(server_default=text("0"), comment="current seats, derived")


class SubscriptionItem(Base):
    """The seats that one item price of a subscription gives now."""

    __tablename__ = "subscription_items"

    subscription_id: Mapped[str] = mapped_column(primary_key=True)
    item_price_id: Mapped[str] = mapped_column(primary_key=True, comment="the plan or add-on id in catalogue 1.0")
    item_type: Mapped[str]
    quantity: Mapped[int] = mapped_column(comment="as sold, free units included")
    seats: Mapped[int] = mapped_column(
        comment="what counts now: 0 for an add-on that is no seat, or a subscription not live"
    )


class SeatEntry(Base):
    """One line of the ledger: append-only."""

    __tablename__ = "seat_entries"
    __table_args__ = (Index(None, "subscription_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    subscription_id: Mapped[str]
    item_price_id: Mapped[str]
    before: Mapped[int]
    after: Mapped[int]
    effective_at: Mapped[datetime] = mapped_column(comment="when the snapshot that showed it was made")
    event_id: Mapped[str | None] = mapped_column(comment="NULL: the clock's doing")
