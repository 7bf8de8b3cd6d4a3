"""What was asked for, and what was given back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import MirrorRow

OWED = text("amount_due > 0 and not deleted")


class Invoice(MirrorRow):
    """Amounts are in minor units of `currency`. total = paid + adjusted + written off + credits applied + due."""

    __tablename__ = "invoices"
    __table_args__ = (
        Index("invoices_owed_customer_id", "customer_id", postgresql_where=OWED),
        Index("invoices_owed_subscription_id", "subscription_id", postgresql_where=OWED),
        Index(None, "customer_id"),
        Index(None, "subscription_id"),
    )

    customer_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    status: Mapped[str | None] = mapped_column(comment="pending, posted, payment_due, not_paid, paid, voided")
    currency: Mapped[str | None]
    total: Mapped[int]
    amount_paid: Mapped[int]
    amount_due: Mapped[int]
    write_off_amount: Mapped[int]
    issued_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    linked_payments: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="transaction_id, applied, status, amount, dated_at (s), applied_at (s)"
    )


class CreditNote(MirrorRow):
    __tablename__ = "credit_notes"

    customer_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    type: Mapped[str | None] = mapped_column(comment="adjustment, refundable, store")
    status: Mapped[str | None]
    reason: Mapped[str | None]
    currency: Mapped[str | None]
    total: Mapped[int | None]
    linked_refunds: Mapped[list[dict[str, Any]]] = mapped_column(
        server_default=text("'[]'"), comment="transaction_id, amount, status: money that went back for it"
    )
