"""Money that the site collects by itself: cards, bank accounts, and the ladder of tries when they do not pay."""

from __future__ import annotations

from datetime import datetime, timedelta

from .balances import is_being_paid
from .cards import ACCOUNT_REFUSED, ACCOUNT_TAKES_BACK, decline_of
from .refunds import Refunds
from .state import Body, Declined, Refused, WrongValue
from .terms import seconds

# A declined card is tried again after so many days, each time after the last try; then the invoice is not_paid.
RETRY_DAYS = (3, 5, 7)
# A dunning that was paused goes on with a try so long after it is resumed.
_AFTER_PAUSE = timedelta(days=1)
# How long a bank account takes to pay, and after how long a bank takes that money back where it does.
DEBIT_TAKES = timedelta(days=4)
TAKEN_BACK_AFTER = timedelta(days=5)


class Collection(Refunds):
    """Actions on what is charged, and on the dunning of what is not paid."""

    def pay_by_card(self, invoice_id: str, *, succeeds: bool | None = None) -> Body:
        """Charge the customer's card for what an invoice owes. `succeeds` overrules what the card would do."""
        with self._action("hosted_page"):
            invoice, card = self._owing(invoice_id), self._card_for(invoice_id)
            return self._charge(invoice, card, succeeds=succeeds)

    def collect_payment(
        self, invoice_id: str, *, amount: int | None = None, payment_source_id: str | None = None
    ) -> Body:
        """Charge a stored card or account for an invoice, or for a part of what it owes.

        Raises:
            Declined: the bank would not pay. The attempt is kept.
        """
        with self._action("admin_console"):
            invoice, card = self._owing(invoice_id), self._card_for(invoice_id, payment_source_id)
            if amount is not None and not 0 < amount <= invoice["amount_to_collect"]:
                raise WrongValue(f"invoice {invoice_id}: {invoice['amount_to_collect']} is to be collected", "amount")
            payment = self._charge(invoice, card, amount=amount)
        if payment["status"] == "failure":
            raise Declined(f"invoice {invoice_id}: {payment['error_text']} (transaction {payment['id']})")
        return payment

    def stop_dunning(self, invoice_id: str, *, comment: str | None = None) -> Body:
        """Give up an invoice that is being dunned: it is not_paid, and nothing is tried by itself any more."""
        with self._action("admin_console"):
            invoice = self._in_dunning(invoice_id)
            invoice.update(status="not_paid", dunning_status="stopped", next_retry_at=None, expected_payment_date=None)
            if comment:
                self._remark(invoice, comment)
            return invoice

    def pause_dunning(self, invoice_id: str, expected_payment_date: datetime, *, comment: str | None = None) -> Body:
        """Wait for money the customer has announced: nothing is tried or given up before that date."""
        with self._action("admin_console"):
            invoice = self._in_dunning(invoice_id)
            if expected_payment_date <= self.now:
                raise WrongValue("expected_payment_date must be in the future", "expected_payment_date")
            invoice.update(
                dunning_status="in_progress",
                next_retry_at=None,
                expected_payment_date=seconds(expected_payment_date),
            )
            if comment:
                self._remark(invoice, comment)
            self._tell("dunning_updated", invoice)
            return invoice

    def resume_dunning(self, invoice_id: str, *, comment: str | None = None) -> Body:
        """Wait no longer: a card is tried again the next day."""
        with self._action("admin_console"):
            invoice = self._in_dunning(invoice_id)
            if "expected_payment_date" not in invoice:
                raise Refused(f"invoice {invoice_id}: its dunning is not paused")
            invoice["expected_payment_date"] = None
            if invoice["dunning_attempts"]:
                invoice["next_retry_at"] = self._timestamp(_AFTER_PAUSE)
            if comment:
                self._remark(invoice, comment)
            self._tell("dunning_updated", invoice)
            return invoice

    def _in_dunning(self, invoice_id: str) -> Body:
        invoice = self._edit("invoice", invoice_id)
        if invoice["status"] != "payment_due":
            raise Refused(f"invoice {invoice_id} is {invoice['status']}: it is not in dunning")
        return invoice

    def _card_for(self, invoice_id: str, payment_source_id: str | None = None) -> Body:
        """What an invoice is to be charged to: the source named, else the customer's primary one."""
        invoice = self.current("invoice", invoice_id)
        customer_id = invoice["customer_id"]
        if is_being_paid(invoice):
            raise Refused(f"invoice {invoice_id}: a payment is in progress")
        if payment_source_id is None:
            card = self._card_of(customer_id)
            if card is None:
                raise Refused(f"customer {customer_id} has no card")
            return card
        card = self.current("payment_source", payment_source_id)
        if card["deleted"] or card["customer_id"] != customer_id:
            raise WrongValue(f"{payment_source_id} is no payment source of customer {customer_id}", "payment_source_id")
        return card

    def _collect(self, invoice: Body) -> None:
        """Charge the card for a new invoice, where the customer is charged by itself and has one."""
        card = self._card_of(invoice["customer_id"])
        if invoice["amount_to_collect"] and card:
            self._charge(invoice, card)

    def _charge(self, invoice: Body, card: Body, *, succeeds: bool | None = None, amount: int | None = None) -> Body:
        amount = invoice["amount_to_collect"] if amount is None else amount
        if card["type"] == "direct_debit":
            return self._initiate(invoice, card, amount)
        declined = decline_of(card)
        if succeeds is not None:
            declined = None if succeeds else declined or ("card_declined", "The card was declined by the bank.")
        payment = self._transaction(
            invoice, "payment", "failure" if declined else "success", amount, method="card",
            payment_source_id=card["id"], masked_card_number=card["card"]["masked_number"],
            last4=card["card"]["last4"], amount_unused=0 if declined else amount,
            error_code=declined and declined[0], error_text=declined and declined[1],
        )  # fmt: skip
        if declined:
            self._link(payment, invoice, amount)
            self._plan_retry(payment, invoice)
        else:
            self._apply(payment, invoice)
        self._tell("payment_failed" if declined else "payment_succeeded", payment, *self._around(payment, invoice))
        return payment

    def _initiate(self, invoice: Body, account: Body, amount: int) -> Body:
        """Ask a bank for money; its answer comes days later."""
        payment = self._transaction(
            invoice, "payment", "in_progress", amount, method="direct_debit", payment_source_id=account["id"]
        )
        self._link(payment, invoice, amount)
        invoice["next_retry_at"] = None
        self._follow_payment(payment, invoice)
        self._tell("payment_initiated", payment, *self._around(payment, invoice))
        return payment

    def _settle_debit(self, transaction_id: str) -> None:
        """What the clock does to a payment that is in progress: the bank's answer comes."""
        with self._action("scheduled_job"):
            payment = self._edit("transaction", transaction_id)
            invoice = self._edit("invoice", payment["linked_invoices"][0]["invoice_id"])
            account = self.current("payment_source", payment["payment_source_id"])["bank_account"]
            if account["last4"] == ACCOUNT_REFUSED:
                payment.update(
                    status="failure", error_code="insufficient_funds", error_text="The account has insufficient funds."
                )
                self._follow_payment(payment, invoice)
                self._plan_retry(payment, invoice)
                self._tell("payment_failed", payment, *self._around(payment, invoice))
                return
            # What was credited or written off meanwhile is money too much.
            over = max(0, payment["amount"] - invoice["amount_due"])
            self._shorten(payment, invoice, over)
            payment.update(status="success", settled_at=self._timestamp(), amount_unused=over)
            self._follow_payment(payment, invoice)
            self._balance(payment["customer_id"])
            self._tell("payment_succeeded", payment, *self._around(payment, invoice))

    def _taken_back_at(self, payment: Body) -> int | None:
        """When a bank will take a payment back, where it will."""
        if (
            payment["payment_method"] != "direct_debit"
            or payment["status"] != "success"
            or payment["type"] != "payment"
        ):
            return None
        account = self.current("payment_source", payment["payment_source_id"])["bank_account"]
        if account["last4"] != ACCOUNT_TAKES_BACK or payment["linked_refunds"]:
            return None
        return int(payment["settled_at"] + TAKEN_BACK_AFTER.total_seconds())

    def _take_back(self, transaction_id: str) -> None:
        self.reverse_payment(transaction_id)

    def _plan_retry(self, payment: Body, invoice: Body) -> None:
        """Note a declined attempt, and when the card is tried next; after the last try the invoice is not_paid."""
        if invoice["amount_due"] == 0:
            return
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
        if "expected_payment_date" in invoice:
            return  # the dunning is paused: it goes on when that date is over
        if tried < len(RETRY_DAYS):
            invoice["status"] = "payment_due"
            invoice["dunning_status"] = "in_progress"
            invoice["next_retry_at"] = self._timestamp(timedelta(days=RETRY_DAYS[tried]))
        else:
            invoice["status"] = "not_paid"
            invoice["dunning_status"] = "exhausted"
            invoice["next_retry_at"] = None
