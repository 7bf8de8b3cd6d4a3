"""Invoices: made from lines with Québec's taxes, then posted, adjusted, voided, written off or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from .balances import OPEN, settle, status_when_open
from .payments import Payments
from .pricing import CURRENCY, TAXES, ItemPrice, tax_by_line, tax_on
from .state import Body, Refused
from .terms import add_days, seconds

# A pending invoice nobody closes is closed by the site after this time.
PENDING_FOR = timedelta(days=1)
# An invoice to be paid by cheque or wire is given up by the site so long after its due date.
GIVEN_UP_AFTER = timedelta(days=60)
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


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice, before tax: a price for some units from one instant to another (epoch seconds)."""

    price: ItemPrice
    quantity: int
    amount: int
    start: int
    end: int
    prorated: bool = False


class Invoices(Payments):
    """Actions on invoices."""

    def close_invoice(self, invoice_id: str) -> Body:
        """Finish a pending invoice: it is issued now, and collected where the customer is charged by itself."""
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if invoice["status"] != "pending":
                raise Refused(f"invoice {invoice_id} is not pending")
            self._issue(invoice)
            self._tell("invoice_generated", invoice)
            return invoice

    def void_invoice(self, invoice_id: str, *, reason: str = "Order cancelled") -> Body:
        """Declare an invoice void. Payments must be removed first, and credits spent on it keep it alive."""
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if invoice["status"] not in (*OPEN, "paid"):
                raise Refused(f"invoice {invoice_id} is {invoice['status']}")
            if invoice["amount_paid"] or invoice["credits_applied"] or invoice["write_off_amount"]:
                raise Refused(f"invoice {invoice_id} has payments or credits: remove them first")
            if invoice["amount_due"]:
                self._adjust(invoice, invoice["amount_due"], "other")
            invoice.update(status="voided", voided_at=self._timestamp(), void_reason_code=reason, next_retry_at=None)
            invoice["paid_at"] = None
            return invoice

    def write_off(self, invoice_id: str) -> Body:
        """Give up what is owed on an invoice: a credit note with the reason write_off, and the invoice is paid."""
        with self._action("admin_console"):
            invoice = self._owing(invoice_id)
            self._adjust(invoice, invoice["amount_due"], "write_off")
            return invoice

    def delete_invoice(self, invoice_id: str) -> Body:
        """Remove an invoice on which nothing was ever paid or credited."""
        links = ("linked_payments", "applied_credits", "adjustment_credit_notes", "issued_credit_notes")
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if any(invoice[field] for field in links):
                raise Refused(f"invoice {invoice_id} has payments or credit notes")
            invoice["deleted"] = True
            self._tell("invoice_deleted", invoice)
            return invoice

    def _bill(self, customer_id: str, lines: Sequence[Line], *, subscription: Body) -> Body | None:
        """Make an invoice of these lines and issue it, or leave it pending where the subscription says so."""
        lines = [line for line in lines if line.amount]
        if not lines:
            return None
        invoice = self._draft_invoice(customer_id, lines, subscription)
        if subscription.get("create_pending_invoices"):
            invoice["status"] = "pending"
            self._tell("pending_invoice_created", invoice)
        else:
            self._issue(invoice)
            self._tell("invoice_generated", invoice)
        return invoice

    def _issue(self, invoice: Body) -> None:
        """Date an invoice, spend credits and excess on it, then charge the card or wait for the cheque."""
        charged = self._charged_by_itself(invoice)
        days = 0 if charged else self._net_term_days(invoice)
        invoice["date"] = invoice["generated_at"] = self._timestamp()
        invoice["net_term_days"] = days
        invoice["due_date"] = seconds(add_days(self.now, days, self.zone))
        invoice["status"] = status_when_open(invoice, self._timestamp())
        settle(invoice, self._timestamp())
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

    def _draft_invoice(self, customer_id: str, lines: Sequence[Line], subscription: Body) -> Body:
        number = f"{self.invoice_prefix}{self.next_invoice_number}"
        self.next_invoice_number += 1
        items, item_taxes = self._items(lines, subscription)
        sub_total, tax = sum(line.amount for line in lines), sum(item["tax_amount"] for item in items)
        first = not any(body.get("subscription_id") == subscription["id"] for body in self.all("invoice"))
        invoice = {
            "customer_id": customer_id,
            "subscription_id": subscription["id"],
            "recurring": True,
            "status": "payment_due",
            "price_type": "tax_exclusive",
            "date": self._timestamp(),
            "due_date": self._timestamp(),
            "net_term_days": 0,
            "po_number": subscription.get("po_number"),
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
            "taxes": [
                {"name": tax.name, "amount": tax_on(sub_total, tax), "description": tax.description} for tax in TAXES
            ],
            "billing_address": dict(self.current("customer", customer_id).get("billing_address", {})),
        }
        nothing_yet: Body = {links: [] for links in _LINKS}
        draft = self._make("invoice", number, {**invoice, **nothing_yet})
        settle(draft, self._timestamp())
        return draft

    def _items(self, lines: Sequence[Line], subscription: Body) -> tuple[list[Body], list[Body]]:
        """The lines of an invoice on the wire, and each one's share in each tax."""
        amounts = [line.amount for line in lines]
        shares = {tax: tax_by_line(amounts, tax) for tax in TAXES}
        items, item_taxes = [], []
        for place, line in enumerate(lines):
            item = {
                "id": self._new_id("li_"),
                "date_from": line.start,
                "date_to": line.end,
                "unit_amount": line.amount if line.prorated else line.price.amount,
                "quantity": 1 if line.prorated else line.quantity,
                "amount": line.amount,
                "pricing_model": line.price.pricing_model,
                "is_taxed": True,
                "tax_amount": sum(share[place] for share in shares.values()),
                "tax_rate": float(sum(tax.rate for tax in TAXES)),
                "object": "line_item",
                "subscription_id": subscription["id"],
                "customer_id": subscription["customer_id"],
                "description": line.price.name + (", frais au prorata" if line.prorated else ""),
                "entity_type": f"{line.price.item_type}_item_price",
                "entity_id": line.price.id,
                "metered": False,
                "discount_amount": 0,
                "item_level_discount_amount": 0,
            }
            items.append(item)
            item_taxes += [
                {
                    "line_item_id": item["id"],
                    "tax_name": tax.name,
                    "tax_rate": float(tax.rate),
                    "tax_juris_type": tax.jurisdiction_type,
                    "tax_juris_name": tax.jurisdiction_name,
                    "tax_juris_code": tax.jurisdiction_code,
                    "taxable_amount": line.amount,
                    "tax_amount": share[place],
                    "is_partial_tax_applied": False,
                    "is_non_compliance_tax": False,
                    "object": "line_item_tax",
                }
                for tax, share in shares.items()
            ]
        return items, item_taxes

    def _fall_due(self, invoice_id: str) -> None:
        """What the clock does to a posted invoice on its due date."""
        with self._action("scheduled_job"):
            invoice = self._edit("invoice", invoice_id)
            invoice.update(status="payment_due", dunning_status="in_progress")

    def _give_up(self, invoice_id: str) -> None:
        """What the clock does to an invoice that no cheque or wire ever came for."""
        with self._action("scheduled_job"):
            invoice = self._edit("invoice", invoice_id)
            invoice.update(status="not_paid", dunning_status="exhausted")

    def _retry_card(self, invoice_id: str) -> None:
        with self._action("scheduled_job"):
            invoice = self._edit("invoice", invoice_id)
            card = self._card_of(invoice["customer_id"])
            if card and self._charged_by_itself(invoice):
                self._charge(invoice, card)
            else:
                invoice.update(next_retry_at=None, dunning_status="stopped")

    def _close_by_itself(self, invoice_id: str) -> None:
        with self._action("scheduled_job"):
            self.close_invoice(invoice_id)
