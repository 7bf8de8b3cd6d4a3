"""Invoices: posted, due, adjusted, voided, written off or deleted; one-time charges, billed now or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from .balances import OPEN, is_being_paid
from .bills import Bills
from .state import Body, Refused, WrongValue

# A pending invoice nobody closes is closed by the site after this time.
PENDING_FOR = timedelta(days=1)
# An invoice to be paid by cheque or wire is given up by the site so long after its due date.
GIVEN_UP_AFTER = timedelta(days=60)
# When one who pays by cheque or wire is reminded of an invoice on terms, from its due date on.
REMINDERS = (timedelta(days=-3), timedelta(days=7))


class Invoices(Bills):
    """Actions on invoices, and on charges that wait for one."""

    def charge_invoice(
        self,
        customer_id: str,
        items: Sequence[Mapping[str, Any]] = (),
        *,
        charges: Sequence[Mapping[str, Any]] = (),
        subscription_id: str | None = None,
        auto_collection: str | None = None,
        po_number: str | None = None,
        note: str | None = None,
    ) -> Body:
        """Bill one-time charges now: `items` of the catalogue, and `charges` with an amount and a description."""
        with self._action("admin_console"):
            self._edit("customer", customer_id)
            subscription = self._edit("subscription", subscription_id) if subscription_id else None
            if subscription and subscription["customer_id"] != customer_id:
                raise WrongValue(f"subscription {subscription_id} belongs to another customer", "subscription_id")
            lines = [*self._charged(items), *(self._adhoc(charge) for charge in charges)]
            if not any(line.amount for line in lines):
                raise WrongValue("there is nothing to charge", "item_prices")
            invoice = self._draft_invoice(customer_id, [line for line in lines if line.amount], subscription)
            invoice.update(recurring=False, po_number=po_number or invoice.get("po_number"))
            if note:
                invoice["notes"] = [*(invoice.get("notes") or []), {"note": note}]
            self._issue(invoice, auto_collection)
            self._tell("invoice_generated", invoice)
            return invoice

    def close_invoice(self, invoice_id: str) -> Body:
        """Finish a pending invoice: it is issued now, and collected where the customer is charged by itself."""
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if invoice["status"] != "pending":
                raise Refused(f"invoice {invoice_id} is not pending")
            self._issue(invoice)
            self._tell("invoice_generated", invoice)
            return invoice

    def void_invoice(self, invoice_id: str, *, reason: str = "Order cancelled", comment: str | None = None) -> Body:
        """Declare an invoice void.

        Payments must be removed first; credits spent on it, or given for it and not void, keep it alive.
        """
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if invoice["status"] not in (*OPEN, "paid"):
                raise Refused(f"invoice {invoice_id} is {invoice['status']}")
            spent = invoice["amount_paid"] or invoice["credits_applied"] or invoice["write_off_amount"]
            if spent or is_being_paid(invoice):
                raise Refused(f"invoice {invoice_id} has payments or credits: remove them first")
            if any(note["cn_status"] != "voided" for note in invoice["issued_credit_notes"]):
                raise Refused(f"invoice {invoice_id} has credit notes: void them first")
            if invoice["amount_due"]:
                self._adjust(invoice, invoice["amount_due"], "other")
            self._return_promotions(invoice)
            invoice.update(status="voided", voided_at=self._timestamp(), void_reason_code=reason)
            invoice.update(dict.fromkeys(("next_retry_at", "paid_at", "expected_payment_date")))
            if comment:
                self._remark(invoice, comment)
            return invoice

    def write_off(self, invoice_id: str, *, comment: str | None = None) -> Body:
        """Give up what is owed on an invoice: a credit note with the reason write_off, and the invoice is paid."""
        with self._action("admin_console"):
            invoice = self._owing(invoice_id)
            self._adjust(invoice, invoice["amount_due"], "write_off")
            if comment:
                self._remark(invoice, comment)
            return invoice

    def delete_invoice(self, invoice_id: str, *, comment: str | None = None) -> Body:
        """Remove an invoice on which nothing was ever paid or credited."""
        links = ("linked_payments", "applied_credits", "adjustment_credit_notes", "issued_credit_notes")
        with self._action("admin_console"):
            invoice = self._edit("invoice", invoice_id)
            if any(invoice[field] for field in links):
                raise Refused(f"invoice {invoice_id} has payments or credit notes")
            if comment:
                self._remark(invoice, comment)
            self._return_promotions(invoice)
            invoice["deleted"] = True
            self._tell("invoice_deleted", invoice)
            return invoice

    def add_charge(
        self,
        subscription_id: str,
        items: Sequence[Mapping[str, Any]] = (),
        *,
        charges: Sequence[Mapping[str, Any]] = (),
    ) -> list[Body]:
        """Note one-time charges for the next invoice of a subscription."""
        with self._action("admin_console"):
            subscription = self._edit("subscription", subscription_id)
            lines = [*self._charged(items), *(self._adhoc(charge) for charge in charges)]
            unbilled = self._put_off([line for line in lines if line.amount], subscription)
            if not unbilled:
                raise WrongValue("there is nothing to charge", "item_prices")
            return unbilled

    def invoice_unbilled_charges(self, subscription_id: str) -> Body:
        """Bill now what waits for the next invoice of a subscription."""
        with self._action("admin_console"):
            subscription = self._edit("subscription", subscription_id)
            invoice = self._bill([], subscription)
            if invoice is None:
                raise Refused(
                    f"subscription {subscription_id} has no unbilled charges", code="invalid_request", status=400
                )
            return invoice

    def delete_unbilled_charge(self, charge_id: str) -> Body:
        """Forget a charge before it is billed."""
        with self._action("admin_console"):
            charge = self._edit("unbilled_charge", charge_id)
            if charge["is_voided"]:
                raise Refused(f"unbilled charge {charge_id} is void")
            self._forget_charges([charge])
            return charge

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

    def _expect_no_longer(self, invoice_id: str) -> None:
        """What the clock does when the date of an announced payment has passed."""
        with self._action("scheduled_job"):
            self.resume_dunning(invoice_id)

    def _remind(self, invoice_id: str) -> None:
        """What the clock does to remind a customer of an invoice on terms, before and after its due date."""
        with self._action("scheduled_job"):
            invoice = self.current("invoice", invoice_id)
            self._aside["reminded", invoice_id] = self._timestamp()
            self._announce("payment_due_reminder", invoice, self.current("customer", invoice["customer_id"]))

    def _remind_at(self, invoice: Body) -> int | None:
        """When a customer is next reminded of an invoice."""
        if not invoice["net_term_days"] or invoice["status"] not in ("posted", "payment_due"):
            return None
        if "expected_payment_date" in invoice:
            return None
        last = self._aside.get(("reminded", invoice["id"]), invoice["date"])
        ahead = [invoice["due_date"] + int(after.total_seconds()) for after in REMINDERS]
        return next((at for at in ahead if at > last), None)

    def _retry_card(self, invoice_id: str) -> None:
        with self._action("scheduled_job"):
            invoice = self._edit("invoice", invoice_id)
            card = self._card_of(invoice["customer_id"])
            if card and self._charged_by_itself(invoice) and not is_being_paid(invoice):
                self._charge(invoice, card)
            else:
                invoice.update(next_retry_at=None, dunning_status="stopped")

    def _close_by_itself(self, invoice_id: str) -> None:
        with self._action("scheduled_job"):
            self.close_invoice(invoice_id)
