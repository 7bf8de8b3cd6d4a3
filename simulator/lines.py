"""The lines of invoices: what they are of, and how they and their taxes look on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .pricing import ItemPrice
from .state import Body
from .taxes import Tax, tax_by_line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice, before tax: some units of something from one instant to another (epoch seconds)."""

    description: str
    unit_amount: int
    quantity: int
    amount: int
    start: int
    end: int
    pricing_model: str = "flat_fee"
    entity_type: str = "adhoc"
    entity_id: str | None = None
    entity_description: str | None = None
    taxable: bool = True

    @classmethod
    def of_item(cls, price: ItemPrice, item: Body, start: int, end: int) -> Line:
        """A whole term of an item of a subscription, or a one-time charge."""
        return _line(price, item["unit_price"], item.get("quantity", 1), item["amount"], start, end)

    @classmethod
    def prorated(cls, price: ItemPrice, amount: int, start: int, end: int) -> Line:
        """What an item costs more for the rest of a term: one unit, as Chargebee bills it, however many it is for."""
        return _line(price, amount, 1, amount, start, end, note=", frais au prorata")

    @classmethod
    def of_charge(cls, charge: Body, taxable: bool) -> Line:
        """What a charge that was not billed at once becomes on an invoice."""
        return cls(
            charge["description"], charge["unit_amount"], charge["quantity"], charge["amount"],
            charge["date_from"], charge["date_to"], charge["pricing_model"], charge["entity_type"],
            charge.get("entity_id"), charge.get("entity_description"), taxable,
        )  # fmt: skip

    @property
    def fields(self) -> Body:
        """What a line of an invoice and an unbilled charge both say."""
        return {
            "date_from": self.start,
            "date_to": self.end,
            "unit_amount": self.unit_amount,
            "quantity": self.quantity,
            "amount": self.amount,
            "pricing_model": self.pricing_model,
            "description": self.description,
            "entity_type": self.entity_type,
            **({"entity_id": self.entity_id} if self.entity_id else {}),
            **({"entity_description": self.entity_description} if self.entity_description else {}),
            "discount_amount": 0,
        }


def _line(price: ItemPrice, unit: int, quantity: int, amount: int, start: int, end: int, note: str = "") -> Line:
    return Line(
        price.name + note, unit, quantity, amount, start, end, price.pricing_model, f"{price.item_type}_item_price",
        price.id, price.description or None, price.taxable,
    )  # fmt: skip


def drawn(
    lines: Sequence[Line], taxes: Sequence[Tax], new_id: Callable[[], str], **owner: str | None
) -> tuple[list[Body], list[Body]]:
    """The lines of an invoice on the wire, and each taxed one's share in each tax."""
    taxed = [line.amount if line.taxable else 0 for line in lines]
    shares = {tax: tax_by_line(taxed, tax) for tax in taxes}
    owner = {field: id for field, id in owner.items() if id}
    items: list[Body] = []
    item_taxes: list[Body] = []
    for place, line in enumerate(lines):
        is_taxed = bool(taxes) and line.taxable
        item = {
            "id": new_id(),
            **line.fields,
            "is_taxed": is_taxed,
            "tax_amount": sum(share[place] for share in shares.values()),
            **({"tax_rate": float(sum(tax.rate for tax in taxes))} if is_taxed else _untaxed(line)),
            "object": "line_item",
            **owner,
            "metered": False,
            "item_level_discount_amount": 0,
        }
        items.append(item)
        if is_taxed:
            item_taxes += [_tax_of_line(item, tax, share[place]) for tax, share in shares.items()]
    return items, item_taxes


def _untaxed(line: Line) -> Body:
    return {"tax_exempt_reason": "tax_not_configured" if line.taxable else "product_exempt"}


def _tax_of_line(item: Body, tax: Tax, amount: int) -> Body:
    return {
        "line_item_id": item["id"],
        "tax_name": tax.name,
        "tax_rate": float(tax.rate),
        "tax_juris_type": tax.jurisdiction_type,
        "tax_juris_name": tax.jurisdiction_name,
        "tax_juris_code": tax.jurisdiction_code,
        "taxable_amount": item["amount"],
        "tax_amount": amount,
        "is_partial_tax_applied": False,
        "is_non_compliance_tax": False,
        "object": "line_item_tax",
    }
