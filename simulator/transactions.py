"""Transactions, and the links between them and the invoices they pay."""

from __future__ import annotations

from .balances import settle
from .customers import METHODS_BY_HAND
from .pricing import CURRENCY
from .promotions import Promotions
from .state import Body, Refused


class Transactions(Promotions):
    """What every movement of money is made of. Nothing here is an action by itself."""

    def _transaction(self, of: Body, type: str, status: str, amount: int, *, method: str, **fields: object) -> Body:
        """A transaction of the customer and subscription that `of` (an invoice or a payment) belongs to."""
        by_hand = method in METHODS_BY_HAND
        settled = status == "success" and not by_hand
        transaction = self._make(
            "transaction",
            self._new_id("txn_"),
            {
                "customer_id": of["customer_id"],
                "subscription_id": of.get("subscription_id"),
                "gateway": "not_applicable" if by_hand else "chargebee",
                "gateway_account_id": None if by_hand else "gw_boreal",
                "id_at_gateway": None if by_hand else self._new_id("cb_"),
                "payment_method": method,
                "type": type,
                "status": status,
                "amount": amount,
                "date": self._timestamp(),
                "settled_at": self._timestamp() if settled else None,
                "exchange_rate": 1.0,
                "currency_code": CURRENCY,
                "base_currency_code": CURRENCY,
                **fields,
            },
        )
        if type == "payment":
            transaction.setdefault("amount_unused", 0)
            transaction["linked_invoices"] = []
            transaction["linked_refunds"] = []
        self._tell("transaction_created", transaction)
        return transaction

    def _use_excess(self, invoice: Body) -> None:
        """Spend what the customer has paid too much on an invoice, oldest payment first."""
        if not self.current("customer", invoice["customer_id"])["excess_payments"]:
            return
        for found in self.find("transaction", unused_of=invoice["customer_id"]):
            if invoice["amount_to_collect"]:
                self._apply(self._edit("transaction", found["id"]), invoice)
        self._balance(invoice["customer_id"])

    def _apply(self, payment: Body, invoice: Body, most: int | None = None) -> None:
        """Put as much of a payment's unused money on an invoice as it owes, or `most` of it."""
        part = min(payment["amount_unused"], invoice["amount_to_collect"])
        part = part if most is None else min(part, most)
        if part == 0:
            return
        payment["amount_unused"] -= part
        self._link(payment, invoice, part)
        self._follow_invoice(payment, invoice)

    def _link(self, payment: Body, invoice: Body, amount: int) -> None:
        links = payment["linked_invoices"]
        if any(link["invoice_id"] == invoice["id"] for link in links):  # more of a payment that already paid a part
            for link in links:
                if link["invoice_id"] == invoice["id"]:
                    link["applied_amount"] += amount
            for entry in invoice["linked_payments"]:
                if entry["txn_id"] == payment["id"]:
                    entry["applied_amount"] += amount
            return
        links.append(
            {
                "invoice_id": invoice["id"],
                "applied_amount": amount,
                "applied_at": self._timestamp(),
                "invoice_date": invoice["date"],
                "invoice_total": invoice["total"],
                "invoice_status": invoice["status"],
            }
        )
        invoice["linked_payments"].append(
            {
                "txn_id": payment["id"],
                "applied_amount": amount,
                "applied_at": self._timestamp(),
                "txn_status": payment["status"],
                "txn_date": payment["date"],
                "txn_amount": payment["amount"],
            }
        )

    def _unlink(self, payment: Body, invoice: Body) -> int:
        """Take a payment off an invoice; how much of it that was."""
        applied = applied_to(payment, invoice["id"])
        if applied == 0:
            raise Refused(f"transaction {payment['id']} is not linked to invoice {invoice['id']}")
        links, entries = payment["linked_invoices"], invoice["linked_payments"]
        payment["linked_invoices"] = [link for link in links if link["invoice_id"] != invoice["id"]]
        invoice["linked_payments"] = [entry for entry in entries if entry["txn_id"] != payment["id"]]
        settle(invoice, self._timestamp())
        return applied

    def _shorten(self, payment: Body, invoice: Body, amount: int) -> None:
        """Take so much of a payment off an invoice again."""
        if amount == applied_to(payment, invoice["id"]):
            self._unlink(payment, invoice)
        elif amount:
            self._link(payment, invoice, -amount)

    def _follow_payment(self, payment: Body, invoice: Body) -> None:
        """Have an invoice show a payment as it now is."""
        for entry in invoice["linked_payments"]:
            if entry["txn_id"] == payment["id"]:
                entry.update(txn_status=payment["status"], txn_date=payment["date"])
        self._follow_invoice(payment, invoice)

    def _follow_invoice(self, payment: Body, invoice: Body) -> None:
        settle(invoice, self._timestamp())
        for link in payment["linked_invoices"]:
            if link["invoice_id"] == invoice["id"]:
                link["invoice_status"] = invoice["status"]

    def _must_be_payment(self, payment: Body) -> None:
        if payment["type"] != "payment" or payment["status"] != "success":
            raise Refused(f"transaction {payment['id']} is not a payment that came in")
        if payment.get("linked_refunds"):
            raise Refused(f"transaction {payment['id']} was refunded")

    def _around(self, transaction: Body, *invoices: Body) -> list[Body]:
        """What an event about money carries besides it: the invoice, the customer, the subscription."""
        around = [*invoices, self.current("customer", transaction["customer_id"])]
        if id := transaction.get("subscription_id"):
            around.append(self.current("subscription", id))
        return around


def applied_to(payment: Body, invoice_id: str) -> int:
    """How much of a payment was put on an invoice."""
    links = [link for link in payment["linked_invoices"] if link["invoice_id"] == invoice_id]
    return sum(int(link["applied_amount"]) for link in links)
