"""Money coming in and going out: cards, cheques and wires, bounces, chargebacks, refunds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from .balances import OPEN, refundable, settle
from .credits import Credits
from .customers import METHODS_BY_HAND
from .pricing import CURRENCY
from .state import Body, Refused, WrongValue

# A declined card is tried again after so many days, each time after the last try; then the invoice is not_paid.
RETRY_DAYS = (3, 5, 7)


class Payments(Credits):
    """Actions on money. Each keeps the transaction, the invoices it paid and the customer's balance in line."""

    def pay_by_card(self, invoice_id: str, *, succeeds: bool | None = None) -> Body:
        """Charge the customer's card for what an invoice owes. `succeeds` overrules what the card would do."""
        with self._action("hosted_page"):
            invoice = self._owing(invoice_id)
            card = self._card_of(invoice["customer_id"])
            if card is None:
                raise Refused(f"customer {invoice['customer_id']} has no card")
            return self._charge(invoice, card, succeeds=succeeds)

    def record_payment(
        self,
        invoice_ids: str | Sequence[str],
        *,
        amount: int | None = None,
        method: str = "check",
        reference: str | None = None,
    ) -> Body:
        """Record a cheque or wire that has come in for one or more invoices of a customer.

        Without an amount it is what they owe together. Invoices are paid in the order given; what is over stays
        on the transaction as unused and on the customer as excess payment.
        """
        ids = [invoice_ids] if isinstance(invoice_ids, str) else list(invoice_ids)
        if method not in METHODS_BY_HAND:
            raise WrongValue(f"payment_method {method} is not recorded by hand")
        with self._action("admin_console"):
            invoices = [self._owing(id) for id in dict.fromkeys(ids)]
            if len({invoice["customer_id"] for invoice in invoices}) != 1:
                raise WrongValue("a payment belongs to one customer")
            amount = sum(invoice["amount_due"] for invoice in invoices) if amount is None else amount
            if amount <= 0:
                raise WrongValue("amount must be positive")
            payment = self._transaction(
                invoices[0], "payment", "success", amount, method=method, reference_number=reference,
                amount_unused=amount,
            )  # fmt: skip
            for invoice in invoices:
                self._apply(payment, invoice)
            self._balance(payment["customer_id"])
            self._tell("payment_succeeded", payment, *self._around(payment, invoices[0]))
            return payment

    def apply_excess(self, invoice_id: str) -> Body:
        """Spend what the customer has paid too much on an invoice, oldest payment first."""
        with self._action("admin_console"):
            invoice = self._owing(invoice_id)
            self._use_excess(invoice)
            return invoice

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

    def reverse_payment(self, transaction_id: str, *, chargeback: bool = False) -> Body:
        """Have the bank take a card payment back: a late failure, or a chargeback by the card's holder.

        The payment becomes a late failure, a reversal stands beside it, and its invoices owe again.
        """
        with self._action("external_service"):
            payment = self._edit("transaction", transaction_id)
            self._must_be_payment(payment)
            if payment["payment_method"] != "card":
                raise Refused(f"transaction {transaction_id} is not a card payment")
            invoices = [self._edit("invoice", link["invoice_id"]) for link in payment["linked_invoices"]]
            reversal = self._transaction(
                payment, "payment_reversal", "success", payment["amount"],
                method="chargeback" if chargeback else "card",
            )  # fmt: skip
            reversal["linked_payments"] = [
                {"id": payment["id"], "status": "late_failure", "amount": payment["amount"], "date": payment["date"]}
            ]
            payment["status"] = "late_failure"
            payment["reversal_transaction_id"] = reversal["id"]
            payment["error_code"] = "chargeback" if chargeback else "late_failure"
            payment["amount_unused"] = 0
            for invoice in invoices:
                self._mark_failed(payment, invoice)
            self._balance(payment["customer_id"])
            self._tell("payment_failed", payment, *self._around(payment, *invoices[:1]))
            return payment

    def refund(self, invoice_id: str, amount: int | None = None, *, reason: str = "product_unsatisfactory") -> Body:
        """Give money back on a paid invoice: a credit note, and a refund the way the money came.

        The invoice stays paid; the refund names the payment it undoes. Without an amount: all that is left of the
        newest payment.
        """
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            payment = self._refundable_payment(invoice)
            left = min(refundable(invoice), _unrefunded(payment, invoice))
            amount = left if amount is None else amount
            if not 0 < amount <= left:
                raise WrongValue(f"invoice {invoice_id}: at most {left} can be refunded")
            note = self._give_back(invoice, amount, reason)
            refund = self._transaction(
                payment, "refund", "success", amount, method=payment["payment_method"],
                refunded_txn_id=payment["id"], masked_card_number=payment.get("masked_card_number"),
                last4=payment.get("last4"),
            )  # fmt: skip
            note.update(amount_available=0, amount_refunded=amount, status="refunded", refunded_at=self._timestamp())
            linked = {"txn_id": refund["id"], "applied_amount": amount, "applied_at": self._timestamp()}
            note["linked_refunds"].append(
                {**linked, "txn_status": "success", "txn_date": refund["date"], "txn_amount": amount}
            )
            payment.setdefault("linked_refunds", []).append(
                {"txn_id": refund["id"], "txn_status": "success", "txn_date": refund["date"], "txn_amount": amount}
            )
            refund["linked_credit_notes"] = [
                {
                    "cn_id": note["id"],
                    "applied_amount": amount,
                    "applied_at": self._timestamp(),
                    "cn_reason_code": reason,
                    "cn_date": note["date"],
                    "cn_total": amount,
                    "cn_status": "refunded",
                    "cn_reference_invoice_id": invoice_id,
                }
            ]
            self._follow_credit_note(note)
            self._balance(refund["customer_id"])
            self._tell("payment_refunded", refund, note, *self._around(refund, invoice))
            return refund

    def _collect(self, invoice: Body) -> None:
        """Charge the card for a new invoice, where the customer is charged by itself and has one."""
        card = self._card_of(invoice["customer_id"])
        if invoice["amount_due"] and card:
            self._charge(invoice, card)

    def _charge(self, invoice: Body, card: Body, *, succeeds: bool | None = None) -> Body:
        if succeeds is None:
            succeeds = card["status"] != "expired" and card["card"]["last4"] != "0002"
        payment = self._transaction(
            invoice, "payment", "success" if succeeds else "failure", invoice["amount_due"], method="card",
            payment_source_id=card["id"], masked_card_number=card["card"]["masked_number"],
            last4=card["card"]["last4"], amount_unused=invoice["amount_due"] if succeeds else 0,
            error_code=None if succeeds else "card_declined",
            error_text=None if succeeds else "The card was declined by the bank.",
        )  # fmt: skip
        if succeeds:
            self._apply(payment, invoice)
        else:
            self._link(payment, invoice, invoice["amount_due"])
            self._plan_retry(payment, invoice)
        self._tell("payment_succeeded" if succeeds else "payment_failed", payment, *self._around(payment, invoice))
        return payment

    def _plan_retry(self, payment: Body, invoice: Body) -> None:
        """Note a declined attempt, and when the card is tried next; after the last try the invoice is not_paid."""
        attempts = invoice["dunning_attempts"]
        tried = len(attempts)
        attempts.append(
            {
                "created_at": self._timestamp(),
                "attempt": tried,
                "dunning_type": "auto_collect",
                "transaction_id": payment["id"],
                "txn_status": payment["status"],
                "txn_amount": payment["amount"],
            }
        )
        if tried < len(RETRY_DAYS):
            invoice["status"] = "payment_due"
            invoice["dunning_status"] = "in_progress"
            invoice["next_retry_at"] = self._timestamp(timedelta(days=RETRY_DAYS[tried]))
        else:
            invoice["status"] = "not_paid"
            invoice["dunning_status"] = "exhausted"
            invoice["next_retry_at"] = None

    def _use_excess(self, invoice: Body) -> None:
        for found in self.all("transaction"):
            if found["customer_id"] == invoice["customer_id"] and found.get("amount_unused") and invoice["amount_due"]:
                self._apply(self._edit("transaction", found["id"]), invoice)
        self._balance(invoice["customer_id"])

    def _apply(self, payment: Body, invoice: Body) -> None:
        """Put as much of a payment's unused money on an invoice as it owes."""
        part = min(payment["amount_unused"], invoice["amount_due"])
        if part == 0:
            return
        payment["amount_unused"] -= part
        self._link(payment, invoice, part)
        settle(invoice, self._timestamp())
        for link in payment["linked_invoices"]:
            if link["invoice_id"] == invoice["id"]:
                link["invoice_status"] = invoice["status"]

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
        applied = _applied(payment, invoice)
        if applied == 0:
            raise Refused(f"transaction {payment['id']} is not linked to invoice {invoice['id']}")
        links, entries = payment["linked_invoices"], invoice["linked_payments"]
        payment["linked_invoices"] = [link for link in links if link["invoice_id"] != invoice["id"]]
        invoice["linked_payments"] = [entry for entry in entries if entry["txn_id"] != payment["id"]]
        settle(invoice, self._timestamp())
        return applied

    def _mark_failed(self, payment: Body, invoice: Body) -> None:
        for entry in invoice["linked_payments"]:
            if entry["txn_id"] == payment["id"]:
                entry["txn_status"] = payment["status"]
        settle(invoice, self._timestamp())
        for link in payment["linked_invoices"]:
            if link["invoice_id"] == invoice["id"]:
                link["invoice_status"] = invoice["status"]

    def _must_be_payment(self, payment: Body) -> None:
        if payment["type"] != "payment" or payment["status"] != "success":
            raise Refused(f"transaction {payment['id']} is not a payment that came in")
        if payment.get("linked_refunds"):
            raise Refused(f"transaction {payment['id']} was refunded")

    def _refundable_payment(self, invoice: Body) -> Body:
        for entry in reversed(invoice["linked_payments"]):
            if entry["txn_status"] == "success":
                payment = self._edit("transaction", entry["txn_id"])
                if _unrefunded(payment, invoice) > 0:
                    return payment
        raise Refused(f"invoice {invoice['id']} has no payment to refund")

    def _owing(self, invoice_id: str) -> Body:
        invoice = self._edit("invoice", invoice_id)
        if invoice["status"] not in OPEN:
            raise Refused(f"invoice {invoice_id} is {invoice['status']}: nothing can be paid on it")
        return invoice

    def _card_of(self, customer_id: str) -> Body | None:
        id = self.current("customer", customer_id).get("primary_payment_source_id")
        return self.current("payment_source", id) if id else None

    def _around(self, transaction: Body, *invoices: Body) -> list[Body]:
        """What an event about money carries besides it: the invoice, the customer, the subscription."""
        around = [*invoices, self.current("customer", transaction["customer_id"])]
        if id := transaction.get("subscription_id"):
            around.append(self.current("subscription", id))
        return around

    def _transaction(self, of: Body, type: str, status: str, amount: int, *, method: str, **fields: object) -> Body:
        """A transaction of the customer and subscription that `of` (an invoice or a payment) belongs to."""
        by_hand = method in METHODS_BY_HAND
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
                "settled_at": self._timestamp() if status == "success" and not by_hand else None,
                "exchange_rate": 1.0,
                "currency_code": CURRENCY,
                "base_currency_code": CURRENCY,
                **fields,
            },
        )
        if type == "payment":
            transaction["linked_invoices"] = []
            transaction["linked_refunds"] = []
        self._tell("transaction_created", transaction)
        return transaction


def _applied(payment: Body, invoice: Body) -> int:
    """How much of a payment was put on an invoice."""
    links = [link for link in payment["linked_invoices"] if link["invoice_id"] == invoice["id"]]
    return sum(int(link["applied_amount"]) for link in links)


def _unrefunded(payment: Body, invoice: Body) -> int:
    """How much of what a payment put on an invoice has not been refunded."""
    return _applied(payment, invoice) - sum(int(refund["txn_amount"]) for refund in payment["linked_refunds"])
