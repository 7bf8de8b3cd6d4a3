"""An invoice as a document: what a reader is shown of it, in our words.

Taxes are the provider's; nothing is reckoned again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.errors import NeedsAttention
from billing.money import Money

from .events import Reader


@dataclass(frozen=True, slots=True)
class DocumentLine:
    description: str
    amount: Money
    quantity: int | None
    unit_price: Money | None
    starts_at: datetime | None
    ends_at: datetime | None
    prorated: bool


@dataclass(frozen=True, slots=True)
class DocumentTax:
    name: str
    amount: Money
    percent: Decimal | None  # None: no single rate


@dataclass(frozen=True, slots=True)
class DocumentDiscount:
    name: str | None
    amount: Money


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    number: str
    lines: tuple[DocumentLine, ...]
    taxes: tuple[DocumentTax, ...]
    discounts: tuple[DocumentDiscount, ...]
    credits_applied: Money | None


def invoice_document(invoice_id: str, body: dict[str, Any]) -> InvoiceDocument:
    """Read an invoice's lines, taxes and discounts from the provider's object.

    Raises:
        NeedsAttention: it names no currency, or holds an amount that is not an integer of minor units.
    """
    invoice = Reader("invoice", invoice_id, body)
    currency = invoice.text("currency_code")
    if currency is None:
        raise NeedsAttention(f"invoice {invoice_id} names no currency; look at it in Chargebee")

    def money(of: Reader, name: str) -> Money:
        return Money(of.whole(name) or 0, currency)

    return InvoiceDocument(
        number=invoice_id,
        lines=tuple(_line(line, money) for line in invoice.parts("line_items")),
        taxes=tuple(
            DocumentTax(tax.text("name") or "", money(tax, "amount"), _rate(body, tax.text("name")))
            for tax in invoice.parts("taxes")
        ),
        discounts=tuple(
            DocumentDiscount(each.text("description") or each.text("entity_id"), money(each, "amount"))
            for each in invoice.parts("discounts")
        ),
        credits_applied=money(invoice, "credits_applied") if invoice.whole("credits_applied") else None,
    )


def _line(line: Reader, money: Callable[[Reader, str], Money]) -> DocumentLine:
    quantity, unit = line.whole("quantity"), line.whole("unit_amount")
    description = line.text("description") or line.text("entity_description") or line.text("entity_id") or ""
    if quantity == 1 and "prorat" in description.casefold():
        quantity = unit = None  # Chargebee bills what it prorates as one unit, however many seats it is for
    # It has no mark for proration; a charge whose units do not make its amount was reckoned by time.
    flat = line.text("pricing_model") in (None, "per_unit", "flat_fee")
    prorated = flat and quantity is not None and unit is not None and quantity * unit != line.whole("amount")
    return DocumentLine(
        description=description,
        amount=money(line, "amount"),
        quantity=quantity,
        unit_price=money(line, "unit_amount") if unit is not None else None,
        starts_at=line.instant("date_from"),
        ends_at=line.instant("date_to"),
        prorated=prorated,
    )


def _rate(body: dict[str, Any], name: str | None) -> Decimal | None:
    rates = {line.get("tax_rate") for line in body.get("line_item_taxes") or () if line.get("tax_name") == name}
    return Decimal(str(rates.pop())) if len(rates) == 1 and None not in rates else None
