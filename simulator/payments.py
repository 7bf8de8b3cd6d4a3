"""Money that a clerk records: cheques, wires and cash, what they pay, and what becomes of those that bounce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from .customers import METHODS_BY_HAND
from .state import Body, Refused, WrongValue
from .terms import seconds
from .transactions import Transactions

_STATUSES = ("success", "failure", "late_failure")
_LONGEST_REFERENCE = 100
_LONGEST_COMMENT = 300


class Payments(Transactions):
    """Actions on money by hand. Each keeps the transaction, the invoices it paid and the customer's balance in line."""

    def record_payment(
        self,
        invoice_ids: str | Sequence[str],
        *,
        amount: int | None = None,
        method: str = "check",
        reference: str | None = None,
        status: str = "success",
        date: datetime | None = None,
        comment: str | None = None,
        id_at_gateway: str | None = None,
    ) -> Body:
        """Record a cheque or wire that has come in for one or more invoices of a customer, or has failed to.

        Without an amount it is what they owe together. Invoices are paid in the order given; what is over stays
        on the transaction as unused and on the customer as excess payment. What failed pays nothing.
        """
        ids = [invoice_ids] if isinstance(invoice_ids, str) else list(invoice_ids)
        must_be_recordable(method, reference, comment, status)
        with self._action("admin_console"):
            invoices = [self._owing(id) for id in dict.fromkeys(ids)]
            if len({invoice["customer_id"] for invoice in invoices}) != 1:
                raise WrongValue("a payment belongs to one customer")
            amount = sum(invoice["amount_to_collect"] for invoice in invoices) if amount is None else amount
            payment = self._by_hand(
                invoices[0], amount, method, reference, date, status=status, id_at_gateway=id_at_gateway
            )
            for invoice in invoices:
                if status == "success":
                    self._apply(payment, invoice)
                elif part := min(amount, invoice["amount_to_collect"]):
                    amount -= part
                    self._link(payment, invoice, part)
            if comment:
                self._remark(invoices[0], comment)
            self._balance(payment["customer_id"])
            outcome = "payment_succeeded" if status == "success" else "payment_failed"
            self._tell(outcome, payment, *self._around(payment, invoices[0]))
            return payment

    def record_excess_payment(
        self,
        customer_id: str,
        amount: int,
        *,
        method: str = "check",
        reference: str | None = None,
        date: datetime | None = None,
        comment: str | None = None,
    ) -> Body:
        """Record money that is for no invoice yet: the customer has it as excess payment."""
        must_be_recordable(method, reference, comment)
        with self._action("admin_console"):
            self._edit("customer", customer_id)
            payment = self._by_hand({"customer_id": customer_id}, amount, method, reference, date)
            if comment:
                self._remark(self.current("customer", customer_id), comment)
            self._balance(customer_id)
            self._tell("payment_succeeded", payment, *self._around(payment))
            return payment

    def apply_payments(self, invoice_id: str, transactions: Mapping[str, int | None] | None = None) -> Body:
        """Spend unused money on an invoice: that of the transactions named, each up to its amount, or all there is."""
        with self._action("admin_console"):
            invoice = self._owing(invoice_id)
            if transactions is None:
                self._use_excess(invoice)
            for id, amount in (transactions or {}).items():
                payment = self._edit("transaction", id)
                if payment["customer_id"] != invoice["customer_id"]:
                    raise WrongValue(f"transaction {id} belongs to another customer", "transactions[id]")
                unused = payment.get("amount_unused", 0)
                if not 0 < (unused if amount is None else amount) <= unused:
                    raise WrongValue(f"transaction {id} has {unused} unused", "transactions[amount]")
                self._apply(payment, invoice, amount)
            self._balance(invoice["customer_id"])
            return invoice

    def apply_excess(self, invoice_id: str) -> Body:
        """Spend all that the customer has paid too much on an invoice, oldest payment first."""
        return self.apply_payments(invoice_id)

    def remove_payment(self, invoice_id: str, transaction_id: str) -> Body:
        """Take a payment off an invoice. The money stays with us, as excess payment of the customer."""
        with self._action("admin_console"):
            payment = self._edit("transaction", transaction_id)
            self._must_be_payment(payment)
            invoice = self._edit("invoice", invoice_id)
            payment["amount_unused"] += self._unlink(payment, invoice)
            self._balance(payment["customer_id"])
            return invoice

    def delete_offline_transaction(self, transaction_id: str) -> Body:
        """Forget a cheque or wire altogether, as finance does when it bounced: its invoices owe again."""
        with self._action("admin_console"):
            payment = self._edit("transaction", transaction_id)
            self._must_be_payment(payment)
            if payment["payment_method"] not in METHODS_BY_HAND:
                raise Refused(f"transaction {transaction_id} was not recorded by hand")
            for link in list(payment["linked_invoices"]):
                self._unlink(payment, self._edit("invoice", link["invoice_id"]))
            payment["amount_unused"] = 0
            payment["deleted"] = True
            self._balance(payment["customer_id"])
            self._tell("transaction_deleted", payment)
            return payment

    bounce = delete_offline_transaction

    def _by_hand(
        self,
        of: Body,
        amount: int,
        method: str,
        reference: str | None,
        date: datetime | None,
        *,
        status: str = "success",
        id_at_gateway: str | None = None,
    ) -> Body:
        if amount <= 0:
            raise WrongValue("amount must be positive", "transaction[amount]")
        return self._transaction(
            of, "payment", status, amount, method=method, id_at_gateway=id_at_gateway,
            amount_unused=amount if status == "success" else 0, **as_noted(reference, date),
        )  # fmt: skip


def as_noted(reference: str | None, date: datetime | None) -> Body:
    """What a clerk wrote down of a transaction; without a date it is of today."""
    return {"reference_number": reference, **({"date": seconds(date)} if date else {})}


def must_be_recordable(method: str, reference: str | None, comment: str | None = None, status: str = "success") -> None:
    """Refuse what no clerk can record: a method of a gateway, an unknown status, words that are too long."""
    if method not in METHODS_BY_HAND:
        raise WrongValue(f"payment_method {method} is not recorded by hand", "transaction[payment_method]")
    if status not in _STATUSES:
        raise WrongValue(f"status {status} is none of {', '.join(_STATUSES)}", "transaction[status]")
    if reference and len(reference) > _LONGEST_REFERENCE:
        raise WrongValue(
            f"reference_number has at most {_LONGEST_REFERENCE} characters", "transaction[reference_number]"
        )
    if comment and len(comment) > _LONGEST_COMMENT:
        raise WrongValue(f"comment has at most {_LONGEST_COMMENT} characters", "comment")
