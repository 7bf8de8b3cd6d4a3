"""An invoice as a document: what a reader is shown of it, in our words.

Taxes are the provider's; nothing is reckoned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.errors import NeedsAttention
from billing.money import Money


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
        NeedsAttention: it names no currency.
    """
    currency = body.get("currency_code")
    if not isinstance(currency, str):
        raise NeedsAttention(f"invoice {invoice_id} names no currency; look at it in Chargebee")

    def money(minor: Any) -> Money:
        return Money(minor if isinstance(minor, int) else 0, currency)

    credits = body.get("credits_applied") or 0
    return InvoiceDocument(
        number=invoice_id,
        lines=tuple(_line(line, money) for line in body.get("line_items") or ()),
        taxes=tuple(
            DocumentTax(tax.get("name") or "", money(tax.get("amount")), _rate(body, tax.get("name")))
            for tax in body.get("taxes") or ()
        ),
        discounts=tuple(
            DocumentDiscount(each.get("description") or each.get("entity_id"), money(each.get("amount")))
            for each in body.get("discounts") or ()
        ),
        credits_applied=money(credits) if credits else None,
    )


def _line(line: dict[str, Any], money: Any) -> DocumentLine:
    quantity, unit = line.get("quantity"), line.get("unit_amount")
    # Chargebee has no mark for proration; a charge whose units do not make its amount was reckoned by time.
    flat = line.get("pricing_model") in (None, "per_unit", "flat_fee")
    prorated = flat and isinstance(quantity, int) and isinstance(unit, int) and quantity * unit != line.get("amount")
    return DocumentLine(
        description=line.get("description") or line.get("entity_description") or line.get("entity_id") or "",
        amount=money(line.get("amount")),
        quantity=quantity if isinstance(quantity, int) else None,
        unit_price=money(unit) if isinstance(unit, int) else None,
        starts_at=_instant(line.get("date_from")),
        ends_at=_instant(line.get("date_to")),
        prorated=prorated,
    )


def _rate(body: dict[str, Any], name: str | None) -> Decimal | None:
    rates = {line.get("tax_rate") for line in body.get("line_item_taxes") or () if line.get("tax_name") == name}
    return Decimal(str(rates.pop())) if len(rates) == 1 and None not in rates else None


def _instant(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None
