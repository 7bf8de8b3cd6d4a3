"""Credit notes: what is taken off an invoice, given back, or kept for the next one."""

from __future__ import annotations

from .balances import refundable, settle
from .customers import Customers
from .pricing import CURRENCY, share
from .state import Body

_REASON_WORDS = {
    "write_off": "Write Off",
    "subscription_change": "Subscription Change",
    "subscription_cancellation": "Subscription Cancellation",
    "product_unsatisfactory": "Product Unsatisfactory",
    "other": "Other",
}


class Credits(Customers):
    """Making credit notes and spending them. Amounts include the taxes, shared as on the invoice."""

    def _adjust(self, invoice: Body, amount: int, reason: str) -> Body:
        """Take an amount off what an invoice owes, for good."""
        note = self._credit_note(invoice, amount, "adjustment", reason)
        note["amount_allocated"] = amount
        note["status"] = "adjusted"
        note["allocations"] = [self._allocation(invoice, amount)]
        invoice["adjustment_credit_notes"].append(_entry(note))
        settle(invoice, self._timestamp())
        return note

    def _give_back(self, invoice: Body, amount: int, reason: str) -> Body:
        """A credit for money that was paid: the customer's until it is refunded or spent on a later invoice."""
        note = self._credit_note(invoice, amount, "refundable", reason)
        note["amount_available"] = amount
        note["status"] = "refund_due"
        invoice["issued_credit_notes"].append(_entry(note))
        return note

    def _credit_back(self, invoices: list[Body], amount: int, reason: str) -> list[Body]:
        """Credit an amount over some invoices: first off what they owe, then out of what was paid on them.

        What nobody ever paid is not given back.
        """
        notes = []
        for invoice in invoices:
            if part := min(amount, invoice["amount_due"]):
                notes.append(self._adjust(invoice, part, reason))
                amount -= part
            if part := min(amount, refundable(invoice)):
                notes.append(self._give_back(invoice, part, reason))
                amount -= part
        if invoices:
            self._balance(invoices[0]["customer_id"])
        return notes

    def _use_credits(self, invoice: Body) -> None:
        """Spend the customer's credit notes on a new invoice, oldest first, as Chargebee does by itself."""
        for found in self.all("credit_note"):
            part = min(found["amount_available"], invoice["amount_due"])
            if found["customer_id"] != invoice["customer_id"] or part == 0:
                continue
            note = self._edit("credit_note", found["id"])
            note["amount_available"] -= part
            note["amount_allocated"] += part
            if note["amount_available"] == 0:
                note["status"] = "refunded"
                note["refunded_at"] = self._timestamp()
            invoice["applied_credits"].append(
                {
                    "applied_amount": part,
                    "applied_at": self._timestamp(),
                    "cn_id": note["id"],
                    "cn_reason_code": note["reason_code"],
                    "cn_create_reason_code": note["create_reason_code"],
                    "cn_date": note["date"],
                    "cn_status": note["status"],
                }
            )
            settle(invoice, self._timestamp())
            note["allocations"].append(self._allocation(invoice, part))
            self._follow_credit_note(note)
        self._balance(invoice["customer_id"])

    def _follow_credit_note(self, note: Body) -> None:
        """Bring the invoice that a credit note came from in line with the note."""
        invoice = self._edit("invoice", note["reference_invoice_id"])
        for entry in invoice["issued_credit_notes"]:
            if entry["cn_id"] == note["id"]:
                entry["cn_status"] = note["status"]

    def _balance(self, customer_id: str) -> None:
        """Bring a customer's balances in line with its transactions and credit notes."""
        mine = [body for kind in ("transaction", "credit_note") for body in self.all(kind)]
        mine = [body for body in mine if body["customer_id"] == customer_id]
        customer = self._edit("customer", customer_id)
        customer["excess_payments"] = sum(body.get("amount_unused", 0) for body in mine)
        customer["refundable_credits"] = sum(body.get("amount_available", 0) for body in mine)
        if customer["excess_payments"] or customer["refundable_credits"] or customer.get("balances"):
            customer["balances"] = [
                {
                    "promotional_credits": 0,
                    "excess_payments": customer["excess_payments"],
                    "refundable_credits": customer["refundable_credits"],
                    "unbilled_charges": 0,
                    "object": "customer_balance",
                    "currency_code": CURRENCY,
                    "balance_currency_code": CURRENCY,
                }
            ]

    def _credit_note(self, invoice: Body, amount: int, type: str, reason: str) -> Body:
        """A credit note over part of an invoice: its taxes are the same part of the invoice's taxes."""
        id = f"{self.credit_note_prefix}{self.next_credit_note_number}"
        self.next_credit_note_number += 1
        taxes = [{**tax, "amount": share(tax["amount"], amount, invoice["total"])} for tax in invoice["taxes"]]
        sub_total = amount - sum(tax["amount"] for tax in taxes)
        line = {
            **invoice["line_items"][0],
            "id": self._new_id("li_"),
            "date_from": self._timestamp(),
            "date_to": self._timestamp(),
            "unit_amount": sub_total,
            "quantity": 1,
            "amount": sub_total,
            "pricing_model": "flat_fee",
            "tax_amount": amount - sub_total,
            "reference_line_item_id": invoice["line_items"][0]["id"],
        }
        return self._make(
            "credit_note",
            id,
            {
                "customer_id": invoice["customer_id"],
                "subscription_id": invoice.get("subscription_id"),
                "reference_invoice_id": invoice["id"],
                "type": type,
                "reason_code": reason,
                "create_reason_code": _REASON_WORDS[reason],
                "date": self._timestamp(),
                "generated_at": self._timestamp(),
                "price_type": "tax_exclusive",
                "exchange_rate": 1.0,
                "total": amount,
                "sub_total": sub_total,
                "amount_allocated": 0,
                "amount_refunded": 0,
                "amount_available": 0,
                "round_off_amount": 0,
                "channel": "web",
                "currency_code": CURRENCY,
                "base_currency_code": CURRENCY,
                "line_items": [line],
                "taxes": taxes,
                "line_item_taxes": [
                    {
                        "line_item_id": line["id"],
                        "tax_name": tax["name"],
                        "tax_amount": tax["amount"],
                        "taxable_amount": sub_total,
                        "object": "line_item_tax",
                    }
                    for tax in taxes
                ],
                "line_item_discounts": [],
                "linked_refunds": [],
                "allocations": [],
                "billing_address": dict(invoice["billing_address"]),
            },
        )

    def _allocation(self, invoice: Body, amount: int) -> Body:
        return {
            "allocated_amount": amount,
            "allocated_at": self._timestamp(),
            "invoice_id": invoice["id"],
            "invoice_date": invoice["date"],
            "invoice_status": invoice["status"],
        }


def _entry(note: Body) -> Body:
    """How a credit note is listed on the invoice it belongs to."""
    return {
        "cn_id": note["id"],
        "cn_reason_code": note["reason_code"],
        "cn_create_reason_code": note["create_reason_code"],
        "cn_date": note["date"],
        "cn_total": note["total"],
        "cn_status": note["status"],
    }
