"""Money going back: by the gateway, by hand, or because a bank took it."""

from __future__ import annotations

from datetime import datetime

from .balances import refundable
from .customers import METHODS_BY_HAND
from .payments import Payments, as_noted, must_be_recordable
from .state import Body, Refused, WrongValue
from .transactions import applied_to


class Refunds(Payments):
    """Actions that give money back.

    What was paid on an invoice goes back under a credit note, and the invoice stays paid.
    """

    def refund(
        self,
        invoice_id: str,
        amount: int | None = None,
        *,
        reason: str = "product_unsatisfactory",
        comment: str | None = None,
    ) -> Body:
        """Give money back on an invoice the way it came, through the gateway.

        Without an amount: all that is left of the newest payment that came through it.
        """
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            payment = self._refundable_payment(invoice, by_hand=False)
            left = min(refundable(invoice), self._unrefunded(payment, invoice_id))
            return self._refund(payment, invoice, left, amount, payment["payment_method"], reason, comment)

    def record_refund(
        self,
        invoice_id: str,
        amount: int | None = None,
        *,
        method: str = "bank_transfer",
        reference: str | None = None,
        date: datetime | None = None,
        reason: str = "other",
        comment: str | None = None,
    ) -> Body:
        """Record money that was given back on an invoice outside the gateway, whichever way it had come."""
        must_be_recordable(method, reference, comment)
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            payment = self._refundable_payment(invoice)
            left = min(refundable(invoice), self._unrefunded(payment, invoice_id))
            noted = as_noted(reference, date)
            return self._refund(payment, invoice, left, amount, method, reason, comment, **noted)

    def record_transaction_refund(
        self,
        transaction_id: str,
        amount: int | None = None,
        *,
        method: str = "bank_transfer",
        reference: str | None = None,
        date: datetime | None = None,
        comment: str | None = None,
    ) -> Body:
        """Record money given back out of a payment: what no invoice holds of it; else what its newest invoice does."""
        must_be_recordable(method, reference, comment)
        return self._refund_transaction(transaction_id, amount, method, comment, **as_noted(reference, date))

    def refund_transaction(self, transaction_id: str, amount: int | None = None, *, comment: str | None = None) -> Body:
        """Give money of a payment back the way it came, through the gateway; from the same place."""
        payment = self.current("transaction", transaction_id)
        if payment["payment_method"] in METHODS_BY_HAND:
            raise Refused(f"transaction {transaction_id} was recorded by hand: so is its refund")
        return self._refund_transaction(transaction_id, amount, payment["payment_method"], comment)

    def record_credit_note_refund(
        self,
        credit_note_id: str,
        amount: int | None = None,
        *,
        method: str = "bank_transfer",
        reference: str | None = None,
        date: datetime | None = None,
        comment: str | None = None,
    ) -> Body:
        """Record money given back for a credit note, out of what was paid on its invoice."""
        must_be_recordable(method, reference, comment)
        with self._action("admin_console"):
            note = self._edit("credit_note", credit_note_id)
            invoice = self._edit("invoice", note["reference_invoice_id"])
            amount = note["amount_available"] if amount is None else amount
            if not 0 < amount <= note["amount_available"]:
                raise WrongValue(
                    f"credit note {credit_note_id} has {note['amount_available']} left", "transaction[amount]"
                )
            payment = self._refundable_payment(invoice)
            if self._unrefunded(payment, invoice["id"]) < amount:
                raise Refused(f"credit note {credit_note_id}: its money came in more than one payment, refund each")
            refund = self._money_back(payment, amount, method, **as_noted(reference, date))
            if comment:
                self._remark(note, comment)
            self._refund_note(note, refund, invoice)
            return refund

    def reverse_payment(self, transaction_id: str, *, chargeback: bool = False) -> Body:
        """Have the bank take a payment back: a late failure, or a chargeback by the card's holder.

        The payment becomes a late failure, a reversal stands beside it, and its invoices owe again.
        """
        with self._action("external_service"):
            payment = self._edit("transaction", transaction_id)
            self._must_be_payment(payment)
            if payment["payment_method"] in METHODS_BY_HAND:
                raise Refused(f"transaction {transaction_id} was recorded by hand: no bank takes it back here")
            invoices = [self._edit("invoice", link["invoice_id"]) for link in payment["linked_invoices"]]
            reversal = self._transaction(
                payment, "payment_reversal", "success", payment["amount"],
                method="chargeback" if chargeback else payment["payment_method"],
            )  # fmt: skip
            reversal["linked_payments"] = [
                {"id": payment["id"], "status": "late_failure", "amount": payment["amount"], "date": payment["date"]}
            ]
            payment["status"] = "late_failure"
            payment["reversal_transaction_id"] = reversal["id"]
            payment["error_code"] = "chargeback" if chargeback else "late_failure"
            payment["error_text"] = "The payment was taken back by the bank."
            payment["amount_unused"] = 0
            for invoice in invoices:
                self._follow_payment(payment, invoice)
            self._balance(payment["customer_id"])
            self._tell("payment_failed", payment, *self._around(payment, *invoices[:1]))
            return payment

    def _refund(
        self,
        payment: Body,
        invoice: Body,
        left: int,
        amount: int | None,
        method: str,
        reason: str,
        comment: str | None,
        **noted: object,
    ) -> Body:
        """Give back `amount` of a payment on an invoice: a credit note, refunded at once."""
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            raise WrongValue(f"invoice {invoice['id']}: at most {left} can be refunded", "transaction[amount]")
        note = self._give_back(invoice, amount, reason)
        if comment:
            note["customer_notes"] = comment
            self._remark(invoice, comment)
        refund = self._money_back(payment, amount, method, **noted)
        self._refund_note(note, refund, invoice)
        return refund

    def _refund_transaction(
        self, transaction_id: str, amount: int | None, method: str, comment: str | None, **noted: object
    ) -> Body:
        with self._action("admin_console"):
            payment = self._edit("transaction", transaction_id)
            if payment["type"] != "payment" or payment["status"] != "success":
                raise Refused(f"transaction {transaction_id} is not a payment that came in")
            if not payment["amount_unused"]:
                return self._refund_newest(payment, amount, method, comment, **noted)
            amount = payment["amount_unused"] if amount is None else amount
            if not 0 < amount <= payment["amount_unused"]:
                raise WrongValue(f"transaction {transaction_id} has {payment['amount_unused']} unused", "amount")
            payment["amount_unused"] -= amount
            refund = self._money_back(payment, amount, method, **noted)
            if comment:
                self._remark(payment, comment)
            self._balance(payment["customer_id"])
            self._tell("payment_refunded", refund, *self._around(refund))
            return refund

    def _refund_newest(
        self, payment: Body, amount: int | None, method: str, comment: str | None, **noted: object
    ) -> Body:
        """Give back what the newest invoice that still holds some of a payment holds of it."""
        for link in reversed(payment["linked_invoices"]):
            invoice = self._edit("invoice", link["invoice_id"])
            left = min(refundable(invoice), self._unrefunded(payment, invoice["id"]))
            if left > 0:
                return self._refund(payment, invoice, left, amount, method, "other", comment, **noted)
        raise Refused(f"transaction {payment['id']} has nothing left to refund")

    def _money_back(self, payment: Body, amount: int, method: str, **noted: object) -> Body:
        """A refund of a payment, which lists it."""
        refund = self._transaction(
            payment, "refund", "success", amount, method=method,
            refunded_txn_id=payment["id"], masked_card_number=payment.get("masked_card_number"),
            last4=payment.get("last4"), **noted,
        )  # fmt: skip
        entry = {"txn_status": "success", "txn_date": refund["date"], "txn_amount": amount}
        payment["linked_refunds"].append({"txn_id": refund["id"], **entry})
        return refund

    def _refund_note(self, note: Body, refund: Body, invoice: Body) -> None:
        """Link a refund to the credit note it pays out."""
        amount = refund["amount"]
        note["amount_available"] -= amount
        note["amount_refunded"] += amount
        if note["amount_available"] == 0:
            note.update(status="refunded", refunded_at=self._timestamp())
        link = {"applied_amount": amount, "applied_at": self._timestamp()}
        entry = {"txn_status": "success", "txn_date": refund["date"], "txn_amount": amount}
        note["linked_refunds"].append({"txn_id": refund["id"], **link, **entry})
        refund["linked_credit_notes"] = [
            {
                "cn_id": note["id"],
                **link,
                "cn_reason_code": note["reason_code"],
                "cn_create_reason_code": note["create_reason_code"],
                "cn_date": note["date"],
                "cn_total": note["total"],
                "cn_status": note["status"],
                "cn_reference_invoice_id": invoice["id"],
            }
        ]
        self._follow_credit_note(note)
        self._balance(refund["customer_id"])
        self._tell("payment_refunded", refund, note, *self._around(refund, invoice))

    def _refundable_payment(self, invoice: Body, *, by_hand: bool = True) -> Body:
        """The newest payment of an invoice that has not been given back whole."""
        for entry in reversed(invoice["linked_payments"]):
            payment = self.current("transaction", entry["txn_id"])
            if entry["txn_status"] != "success" or (payment["payment_method"] in METHODS_BY_HAND and not by_hand):
                continue
            if self._unrefunded(payment, invoice["id"]) > 0:
                return self._edit("transaction", payment["id"])
        how = "" if by_hand else " through the gateway"
        raise Refused(f"invoice {invoice['id']} has no payment to refund{how}")

    def _unrefunded(self, payment: Body, invoice_id: str) -> int:
        """How much of what a payment put on an invoice has not been refunded."""
        refunds = [self.current("transaction", refund["txn_id"]) for refund in payment["linked_refunds"]]
        notes = [note for refund in refunds for note in refund.get("linked_credit_notes", ())]
        mine = [note["applied_amount"] for note in notes if note["cn_reference_invoice_id"] == invoice_id]
        return applied_to(payment, invoice_id) - int(sum(mine))
