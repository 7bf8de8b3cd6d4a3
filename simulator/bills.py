"""How invoices are made: of lines, and of charges that waited for one; dated, paid out of credits, collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .balances import settle, status_when_open
from .collection import Collection
from .lines import Line, drawn
from .pricing import CURRENCY
from .state import Body, WrongValue
from .subscribed import item_of
from .taxes import Tax, tax_on, taxes_for
from .terms import add_days, seconds

# What an invoice lists of other things; each list is there from the start, and empty.
_LINKS = (
    "line_item_discounts",
    "linked_payments",
    "applied_credits",
    "adjustment_credit_notes",
    "issued_credit_notes",
    "linked_orders",
    "dunning_attempts",
)


class Bills(Collection):
    """What every invoice is made by. Nothing here is an action by itself."""

    def _charged(self, items: Sequence[Mapping[str, Any]], *, ordered: bool = False) -> list[Line]:
        """Lines for one-time charges, at their price or another one given.

        They are in the catalogue, unless they were ordered before: then they may have left it since.
        """
        lines = []
        for item in items:
            id = str(item["item_price_id"])
            price = self._price_sold(id) if ordered else self._price(id, "charge")
            body = item_of(price, item.get("quantity"), item.get("unit_price"))
            lines.append(Line.of_item(price, body, self._timestamp(), self._timestamp()))
        return lines

    def _adhoc(self, charge: Mapping[str, Any]) -> Line:
        amount = charge["amount"]
        if amount <= 0:
            raise WrongValue("amount must be positive", "charges[amount]")
        return Line(str(charge["description"]), amount, 1, amount, self._timestamp(), self._timestamp())

    def _bill(self, lines: Sequence[Line], subscription: Body) -> Body | None:
        """Make an invoice of these lines and of what is not billed yet, and issue it.

        It is left pending where the subscription says so.
        """
        waiting = self._waiting(subscription["id"])
        lines = [*(line for line in lines if line.amount), *(self._line_of(charge) for charge in waiting)]
        if not lines:
            return None
        invoice = self._draft_invoice(subscription["customer_id"], lines, subscription)
        if waiting:
            for charge in waiting:
                charge["deleted"] = True
            self._balance(subscription["customer_id"])
            self._tell("unbilled_charges_invoiced", waiting[0], *waiting[1:], invoice)
        if subscription.get("create_pending_invoices"):
            invoice["status"] = "pending"
            if subscription.get("auto_close_invoices") is False:
                self._aside["left open", invoice["id"]] = True
            self._tell("pending_invoice_created", invoice)
        else:
            self._issue(invoice)
            self._tell("invoice_generated", invoice)
        return invoice

    def _put_off(self, lines: Sequence[Line], subscription: Body) -> list[Body]:
        """Keep lines as unbilled charges, for the next invoice of their subscription."""
        charges = [
            self._make(
                "unbilled_charge",
                self._new_id("li_"),
                {
                    "customer_id": subscription["customer_id"],
                    "subscription_id": subscription["id"],
                    **line.fields,
                    "is_voided": False,
                    "is_advance_charge": False,
                    "currency_code": CURRENCY,
                    "created_at": self._timestamp(),
                },
            )
            for line in lines
            if line.amount
        ]
        if charges:
            self._tell("unbilled_charges_created", charges[0], *charges[1:])
            self._balance(subscription["customer_id"])
        return charges

    def _waiting(self, subscription_id: str) -> list[Body]:
        """The drafts of what is not billed yet of a subscription."""
        found = self.find("unbilled_charge", subscription_id=subscription_id)
        return [self._edit("unbilled_charge", charge["id"]) for charge in found]

    def _forget_charges(self, charges: Sequence[Body]) -> None:
        for charge in charges:
            charge["deleted"] = True
        if charges:
            self._tell("unbilled_charges_deleted", charges[0], *charges[1:])
            self._balance(charges[0]["customer_id"])

    def _void_charges(self, charges: Sequence[Body]) -> None:
        """Declare void what waits for an invoice: it stays to be seen, and is never billed."""
        for charge in charges:
            charge.update(is_voided=True, voided_at=self._timestamp())
        if charges:
            self._tell("unbilled_charges_voided", charges[0], *charges[1:])
            self._balance(charges[0]["customer_id"])

    def _line_of(self, charge: Body) -> Line:
        id = charge.get("entity_id")
        return Line.of_charge(charge, self._price_sold(id).taxable if id else True)

    def _issue(self, invoice: Body, auto_collection: str | None = None) -> None:
        """Date an invoice, spend gifts, credits and excess on it, then charge the card or wait for the cheque."""
        charged = auto_collection == "on" if auto_collection else self._charged_by_itself(invoice)
        days = 0 if charged else self._net_term_days(invoice)
        invoice["date"] = invoice["generated_at"] = self._timestamp()
        invoice["net_term_days"] = days
        invoice["due_date"] = seconds(add_days(self.now, days, self.zone))
        invoice["status"] = status_when_open(invoice, self._timestamp())
        settle(invoice, self._timestamp())
        self._use_promotions(invoice)
        self._use_credits(invoice)
        self._use_excess(invoice)
        if charged:
            self._collect(invoice)

    def _charged_by_itself(self, invoice: Body) -> bool:
        """Whether collection is on: the subscription's own setting, else the customer's."""
        id = invoice.get("subscription_id")
        own = self.current("subscription", id).get("auto_collection") if id else None
        return bool((own or self.current("customer", invoice["customer_id"])["auto_collection"]) == "on")

    def _net_term_days(self, invoice: Body) -> int:
        id = invoice.get("subscription_id")
        own = self.current("subscription", id).get("net_term_days") if id else None
        return int(self.current("customer", invoice["customer_id"])["net_term_days"] if own is None else own)

    def _draft_invoice(self, customer_id: str, lines: Sequence[Line], subscription: Body | None) -> Body:
        number = f"{self.invoice_prefix}{self.next_invoice_number}"
        self.next_invoice_number += 1
        customer = self.current("customer", customer_id)
        subscription_id = subscription["id"] if subscription else None
        taxes = taxes_for(customer)
        items, item_taxes = drawn(
            lines, taxes, lambda: self._new_id("li_"), subscription_id=subscription_id, customer_id=customer_id
        )
        if subscription:
            first = not self.has("invoice", subscription_id=subscription_id)
        else:
            first = not self.has("invoice", customer_id=customer_id)
        sub_total, tax = sum(line.amount for line in lines), sum(item["tax_amount"] for item in items)
        invoice = {
            "customer_id": customer_id,
            "subscription_id": subscription_id,
            "recurring": True,
            "status": "payment_due",
            "price_type": "tax_exclusive",
            "date": self._timestamp(),
            "due_date": self._timestamp(),
            "net_term_days": 0,
            "po_number": subscription.get("po_number") if subscription else None,
            "vat_number": customer.get("vat_number"),
            "exchange_rate": 1.0,
            "total": sub_total + tax,
            "sub_total": sub_total,
            "tax": tax,
            "round_off_amount": 0,
            "first_invoice": first,
            "new_sales_amount": sub_total + tax if first else None,
            "has_advance_charges": False,
            "currency_code": CURRENCY,
            "base_currency_code": CURRENCY,
            "generated_at": self._timestamp(),
            "is_gifted": False,
            "term_finalized": True,
            "channel": "web",
            "line_items": items,
            "line_item_taxes": item_taxes,
            "taxes": _taxes(lines, taxes),
            "notes": _notes(customer, subscription),
            "billing_address": dict(customer["billing_address"]) if "billing_address" in customer else None,
        }
        nothing_yet: Body = {links: [] for links in _LINKS}
        draft = self._make("invoice", number, {**invoice, **nothing_yet})
        settle(draft, self._timestamp())
        return draft


def _taxes(lines: Sequence[Line], taxes: Sequence[Tax]) -> list[Body]:
    """What each tax comes to; a tax on nothing at all is none."""
    taxable = sum(line.amount for line in lines if line.taxable)
    if not taxable:
        return []
    return [{"name": tax.name, "amount": tax_on(taxable, tax), "description": tax.description} for tax in taxes]


def _notes(customer: Body, subscription: Body | None) -> list[Body] | None:
    """What the customer and the subscription have to be said on every invoice."""
    found = [
        {"note": body["invoice_notes"], "entity_type": body["object"], "entity_id": body["id"]}
        for body in (customer, subscription)
        if body and body.get("invoice_notes")
    ]
    return found or None
