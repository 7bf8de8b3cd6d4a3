"""Credit notes: what is taken off an invoice, given back, or kept for the next one."""

from __future__ import annotations

from collections.abc import Mapping

from .balances import OPEN, refundable, settle
from .comments import Comments
from .pricing import CURRENCY, share
from .state import Body, Refused, WrongValue
from .taxes import TAXES, tax_on

REASONS = {
    "write_off": "Write Off",
    "subscription_change": "Subscription Change",
    "subscription_cancellation": "Subscription Cancellation",
    "product_unsatisfactory": "Product Unsatisfactory",
    "service_unsatisfactory": "Service Unsatisfactory",
    "order_change": "Order Change",
    "order_cancellation": "Order Cancellation",
    "waiver": "Waiver",
    "fraudulent": "Fraudulent",
    "other": "Other",
}


class Credits(Comments):
    """Making credit notes and spending them. Amounts include the taxes, shared as on the invoice."""

    def create_credit_note(
        self,
        invoice_id: str,
        *,
        amount: int | None = None,
        type: str = "refundable",
        reason: str = "other",
        comment: str | None = None,
    ) -> Body:
        """Credit an invoice by hand: what it owes (adjustment), or what was paid on it (refundable).

        Without an amount: all of that.
        """
        if type not in ("refundable", "adjustment"):
            raise WrongValue(f"type {type} is neither refundable nor adjustment", "type")
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if invoice["status"] not in (*OPEN, "paid"):
                raise Refused(f"invoice {invoice_id} is {invoice['status']}: it cannot be credited")
            most = refundable(invoice) if type == "refundable" else invoice["amount_to_collect"]
            amount = most if amount is None else amount
            if not 0 < amount <= most:
                raise WrongValue(f"invoice {invoice_id}: at most {most} can be credited as {type}", "total")
            make = self._give_back if type == "refundable" else self._adjust
            note = make(invoice, amount, reason)
            if comment:
                note["customer_notes"] = comment
                self._remark(note, comment)
            self._balance(invoice["customer_id"])
            return note

    def void_credit_note(self, credit_note_id: str, *, comment: str | None = None) -> Body:
        """Declare a credit void that nobody has spent yet."""
        with self._action("admin_console"):
            note = self._edit("credit_note", credit_note_id)
            if note["type"] != "refundable" or note["amount_available"] != note["total"]:
                raise Refused(f"credit note {credit_note_id} is {note['status']}: only an unspent credit can be voided")
            note.update(status="voided", voided_at=self._timestamp(), amount_available=0)
            self._follow_credit_note(note)
            if comment:
                self._remark(note, comment)
            self._balance(note["customer_id"])
            return note

    def apply_credits(self, invoice_id: str, credit_notes: Mapping[str, int | None] | None = None) -> Body:
        """Spend the customer's credit notes on an invoice: those named, each up to its amount, or all, oldest first."""
        with self._action("admin_console"):
            invoice = self._owing(invoice_id)
            if credit_notes is None:
                self._use_credits(invoice)
            for id, amount in (credit_notes or {}).items():
                note = self._edit("credit_note", id)
                if note["customer_id"] != invoice["customer_id"]:
                    raise WrongValue(f"credit note {id} belongs to another customer", "credit_notes[id]")
                most = note["amount_available"]
                if not 0 < (most if amount is None else amount) <= most:
                    raise WrongValue(f"credit note {id} has {most} to spend", "credit_notes[allocated_amount]")
                self._spend(note, invoice, most if amount is None else amount)
            self._balance(invoice["customer_id"])
            return invoice

    def remove_credit_note(self, invoice_id: str, credit_note_id: str) -> Body:
        """Take a spent credit off an invoice again: the note has it to spend, and the invoice owes it."""
        with self._action("admin_console"):
            invoice, note = self._edit("invoice", invoice_id), self._edit("credit_note", credit_note_id)
            spent = [credit for credit in invoice["applied_credits"] if credit["cn_id"] == credit_note_id]
            if not spent or invoice["status"] == "voided":
                raise Refused(f"credit note {credit_note_id} is not applied to invoice {invoice_id}")
            amount = sum(credit["applied_amount"] for credit in spent)
            if refundable(invoice) < amount:
                raise Refused(f"invoice {invoice_id}: what credit note {credit_note_id} paid was given back since")
            invoice["applied_credits"] = [each for each in invoice["applied_credits"] if each not in spent]
            note["allocations"] = [each for each in note["allocations"] if each["invoice_id"] != invoice_id]
            note["amount_allocated"] -= amount
            note["amount_available"] += amount
            note.update(status="refund_due", refunded_at=None)
            settle(invoice, self._timestamp())
            self._follow_credit_note(note)
            self._balance(invoice["customer_id"])
            return invoice

    def _owing(self, invoice_id: str) -> Body:
        invoice = self._edit("invoice", invoice_id)
        if invoice["status"] not in OPEN:
            raise Refused(f"invoice {invoice_id} is {invoice['status']}: nothing can be paid on it")
        return invoice

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
        if not self.current("customer", invoice["customer_id"])["refundable_credits"]:
            return
        for found in self.find("credit_note", available_to=invoice["customer_id"]):
            if invoice["amount_due"]:
                self._spend(self._edit("credit_note", found["id"]), invoice, found["amount_available"])
        self._balance(invoice["customer_id"])

    def _spend(self, note: Body, invoice: Body, most: int) -> None:
        """Put as much of a credit on an invoice as it owes."""
        part = min(most, invoice["amount_due"])
        if part == 0:
            return
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

    def _follow_credit_note(self, note: Body) -> None:
        """Bring the invoice that a credit note came from in line with the note."""
        invoice = self._edit("invoice", note["reference_invoice_id"])
        for entry in invoice["issued_credit_notes"]:
            if entry["cn_id"] == note["id"]:
                entry["cn_status"] = note["status"]

    def _balance(self, customer_id: str) -> None:
        """Bring a customer's balances in line with its transactions, credit notes and unbilled charges."""

        def total(kind: str, field: str, of: str) -> int:
            return sum(body[field] for body in self.find(kind, **{of: customer_id}))

        now = self.current("customer", customer_id)
        balances = {
            "promotional_credits": now["promotional_credits"],
            "excess_payments": total("transaction", "amount_unused", "unused_of"),
            "refundable_credits": total("credit_note", "amount_available", "available_to"),
            "unbilled_charges": total("unbilled_charge", "amount", "customer_id"),
        }
        entry = {**balances, "object": "customer_balance"}
        entry.update(currency_code=CURRENCY, balance_currency_code=CURRENCY)
        kept = now.get("balances") or any(balances.values())
        if kept and now.get("balances") != [entry]:
            self._edit("customer", customer_id).update(**balances, balances=[entry])

    def _credit_note(self, invoice: Body, amount: int, type: str, reason: str) -> Body:
        """A credit note over part of an invoice, with the taxes that are in that part."""
        id = f"{self.credit_note_prefix}{self.next_credit_note_number}"
        self.next_credit_note_number += 1
        taxes = _taxes_in(invoice, amount)
        rates = {tax["tax_name"]: tax["tax_rate"] for tax in invoice["line_item_taxes"]}
        line = self._credited_line(invoice, amount, sum(tax["amount"] for tax in taxes))
        return self._make(
            "credit_note",
            id,
            {
                "customer_id": invoice["customer_id"],
                "subscription_id": invoice.get("subscription_id"),
                "reference_invoice_id": invoice["id"],
                "type": type,
                "reason_code": reason,
                "create_reason_code": _words_for(reason),
                "date": self._timestamp(),
                "generated_at": self._timestamp(),
                "price_type": "tax_exclusive",
                "exchange_rate": 1.0,
                "total": amount,
                "sub_total": line["amount"],
                "amount_allocated": 0,
                "amount_refunded": 0,
                "amount_available": 0,
                "round_off_amount": 0,
                "fractional_correction": 0,
                "channel": "web",
                "currency_code": CURRENCY,
                "base_currency_code": CURRENCY,
                "customer_notes": "",
                "line_items": [line],
                "taxes": taxes,
                "line_item_taxes": [
                    {
                        "line_item_id": line["id"],
                        "tax_name": tax["name"],
                        "tax_rate": rates[tax["name"]],
                        "tax_amount": tax["amount"],
                        "taxable_amount": line["amount"],
                        "object": "line_item_tax",
                    }
                    for tax in taxes
                ],
                "line_item_discounts": [],
                "linked_refunds": [],
                "allocations": [],
                "billing_address": dict(invoice.get("billing_address", {})),
            },
        )

    def _credited_line(self, invoice: Body, amount: int, tax: int) -> Body:
        first = invoice["line_items"][0]
        return {
            **first,
            "id": self._new_id("li_"),
            "date_from": self._timestamp(),
            "date_to": self._timestamp(),
            "unit_amount": amount - tax,
            "quantity": 1,
            "amount": amount - tax,
            "pricing_model": "flat_fee",
            "tax_amount": tax,
            "reference_line_item_id": first["id"],
        }

    def _allocation(self, invoice: Body, amount: int) -> Body:
        return {
            "allocated_amount": amount,
            "allocated_at": self._timestamp(),
            "invoice_id": invoice["id"],
            "invoice_date": invoice["date"],
            "invoice_status": invoice["status"],
        }


def _taxes_in(invoice: Body, amount: int) -> list[Body]:
    """The taxes in an amount of an invoice that includes them: those on the part of it that is taxed."""
    before_tax = share(amount, invoice["sub_total"], invoice["sub_total"] + invoice["tax"])
    taxed = sum(line["amount"] for line in invoice["line_items"] if line["is_taxed"])
    part = share(before_tax, taxed, invoice["sub_total"])
    return [{**tax, "amount": tax_on(part, TAXES[tax["name"]])} for tax in invoice["taxes"]]


def _words_for(reason: str) -> str:
    if reason not in REASONS:
        raise WrongValue(f"reason_code {reason} is none of {', '.join(REASONS)}", "reason_code")
    return REASONS[reason]


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
