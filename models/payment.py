"""Money that moved: the provider's transactions, and what they are to the books."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, MirrorRow


class Transaction(MirrorRow):
    __tablename__ = "transactions"

    customer_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    type: Mapped[str | None] = mapped_column(comment="authorization, payment, refund, payment_reversal")
    status: Mapped[str | None]
    payment_method: Mapped[str | None] = mapped_column(comment="an open word: card, check, bank_transfer, ...")
    currency: Mapped[str | None]
    amount: Mapped[int | None]
    amount_unused: Mapped[int | None]
    dated_at: Mapped[datetime | None]
    reference: Mapped[str | None]
    last4: Mapped[str | None]
    refunded_id: Mapped[str | None]
    linked_invoices: Mapped[list[dict[str, Any]]] = mapped_column(comment="invoice_id, applied, applied_at (s)")
    linked_refunds: Mapped[list[dict[str, Any]]] = mapped_column(comment="transaction_id, amount, status")


class Payment(Base):
    """One movement of money. Its id is the transaction's, so it is recorded once however often it is heard of."""

    __tablename__ = "payments"
    __table_args__ = (Index(None, "customer_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str | None]
    kind: Mapped[str] = mapped_column(comment="payment, refund, reversal")
    status: Mapped[str] = mapped_column(comment="succeeded, pending, failed, taken_back")
    currency: Mapped[str | None]
    amount: Mapped[int | None] = mapped_column(comment="minor units")
    unused: Mapped[int] = mapped_column(comment="minor units that paid for nothing yet: over-payment stays visible")
    refunded: Mapped[int] = mapped_column(comment="minor units given back")
    method: Mapped[str | None]
    reference: Mapped[str | None]
    received_on: Mapped[date | None] = mapped_column(comment="in the site's zone")
    refund_of: Mapped[str | None]


class PaymentApplication(Base):
    """What one payment paid of one invoice."""

    __tablename__ = "payment_applications"
    __table_args__ = (Index(None, "invoice_id"),)

    transaction_id: Mapped[str] = mapped_column(primary_key=True)
    invoice_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str | None]
    applied: Mapped[int] = mapped_column(comment="minor units")
