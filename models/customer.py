"""Who buys, and what they pay with."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from .base import MirrorRow


class Customer(MirrorRow):
    __tablename__ = "customers"

    email: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    company: Mapped[str | None]
    locale: Mapped[str | None] = mapped_column(comment="as Chargebee writes it, fr-CA")
    country: Mapped[str | None] = mapped_column(comment="billing address, ISO 3166-1")
    province: Mapped[str | None] = mapped_column(comment="billing address, ISO 3166-2 without the country")
    auto_collection: Mapped[str | None] = mapped_column(comment="on, off")
    offline_payment_method: Mapped[str | None]
    contacts: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="those who get billing e-mails: id, email, first_name"
    )


class PaymentSource(MirrorRow):
    __tablename__ = "payment_sources"

    customer_id: Mapped[str | None]
    type: Mapped[str | None]
    status: Mapped[str | None]
    brand: Mapped[str | None]
    last4: Mapped[str | None]
    expiry_month: Mapped[int | None]
    expiry_year: Mapped[int | None]
