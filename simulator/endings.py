"""How subscriptions end and come back: cancelled now or later, kept after all, reactivated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .balances import OPEN, is_being_paid
from .changes import Changes
from .customers import METHODS_BY_HAND
from .running import LIVE
from .state import Body, Refused, WrongValue
from .terms import seconds

_LONGEST_REASON = 100


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be done with money when a subscription ends, in Chargebee's words."""

    credit_option: str = "none"
    unbilled_charges_option: str = "invoice"
    account_receivables_handling: str = "no_action"
    refundable_credits_handling: str = "no_action"

    def __post_init__(self) -> None:
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise WrongValue(
                    f"{field} {getattr(self, field)} is none of {', '.join(choices)}", _PARAMS.get(field, field)
                )


_CHOICES = {
    "credit_option": ("none", "prorate", "full"),
    "unbilled_charges_option": ("invoice", "delete"),
    "account_receivables_handling": ("no_action", "schedule_payment_collection", "write_off"),
    "refundable_credits_handling": ("no_action", "schedule_refund"),
}
_PARAMS = {"credit_option": "credit_option_for_current_term_charges"}


class Endings(Changes):
    """Actions that end subscriptions, and that bring them back."""

    def cancel_items(
        self,
        subscription_id: str,
        *,
        option: str | None = None,
        at: datetime | None = None,
        reason: str | None = None,
        credit_option: str = "none",
        unbilled_charges_option: str = "invoice",
        account_receivables_handling: str = "no_action",
        refundable_credits_handling: str = "no_action",
        decommissioned: bool = False,
    ) -> Body:
        """Cancel: immediately unless told otherwise, end_of_term, end_of_billing_term (the same here), or on a date.

        On a specific_date that is not the term's end the status stays as it is until then (Chargebee's documentation
        does not say; this is the harder way for whoever reads it), and terms that end before are renewed. What is
        `decommissioned` says so from now on, unless the cancellation is lifted, and does not come back.
        """
        ending = Ending(
            credit_option, unbilled_charges_option, account_receivables_handling, refundable_credits_handling
        )
        if reason and len(reason) > _LONGEST_REASON:
            raise WrongValue(f"cancel_reason_code has at most {_LONGEST_REASON} characters", "cancel_reason_code")
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] == "cancelled":
                raise Refused(f"subscription {subscription_id} is cancelled already")
            if option in ("end_of_term", "end_of_billing_term"):
                self._end_later(subscription, None, reason, ending)
            elif option == "specific_date" or (option is None and at):
                if at is None:
                    raise WrongValue("cancel_at is needed for a specific_date", "cancel_at")
                self._end_later(subscription, seconds(at), reason, ending)
            elif option in (None, "immediately"):
                subscription["cancel_reason_code"] = reason or subscription.get("cancel_reason_code")
                self._end(subscription, ending)
                subscription["cancelled_at"] = self._timestamp()
            else:
                raise WrongValue(f"cancel_option {option} is not known", "cancel_option")
            subscription["decommissioned"] = decommissioned or None
            return subscription

    def cancel(self, subscription_id: str, *, reason: str | None = None, credit: bool = False) -> Body:
        """Cancel at once; `credit` gives back what is left of the term."""
        return self.cancel_items(subscription_id, reason=reason, credit_option="prorate" if credit else "none")

    def schedule_cancellation(
        self, subscription_id: str, *, at: datetime | None = None, reason: str | None = None
    ) -> Body:
        """Cancel later: at the end of the term (of the trial), or at an instant. A trial stays in_trial."""
        option = "specific_date" if at else "end_of_term"
        return self.cancel_items(subscription_id, option=option, at=at, reason=reason)

    def remove_scheduled_cancellation(self, subscription_id: str, *, billing_cycles: int | None = None) -> Body:
        """Keep a subscription that was to end: for ever, or for so many terms more."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] not in LIVE or not subscription.get("cancelled_at"):
                raise Refused(f"subscription {subscription_id} has no scheduled cancellation")
            self._keep(subscription)
            if billing_cycles is not None:
                self._limit_cycles(subscription, billing_cycles)
            self._tell_of(subscription, "subscription_scheduled_cancellation_removed")
            return subscription

    def reactivate(
        self, subscription_id: str, *, billing_cycles: int | None = None, invoice_immediately: bool = True
    ) -> Body:
        """Bring a cancelled subscription back: a new term begins now."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "cancelled":
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            if subscription.get("decommissioned"):
                raise Refused(f"subscription {subscription_id} is decommissioned: create another")
            gone = ("cancelled_at", "cancel_reason_code", "cancel_schedule_created_at", "remaining_billing_cycles")
            subscription.update(dict.fromkeys(gone))
            subscription.update(dict.fromkeys(("trial_start", "trial_end", "start_date", "pause_date", "resume_date")))
            if billing_cycles is not None:
                self._limit_cycles(subscription, billing_cycles)
            lines = self._start_terms(subscription)
            made = self._bill_or_put_off(lines, subscription, now=invoice_immediately)
            self._tell_of(subscription, "subscription_reactivated", *made)
            return subscription

    def _end_later(self, subscription: Body, at: int | None, reason: str | None, ending: Ending) -> None:
        """Schedule a cancellation: at an instant, or (None) at the end of the term or trial."""
        if subscription["status"] not in LIVE:
            raise Refused(f"subscription {subscription['id']} is {subscription['status']}")
        end = subscription["trial_end" if subscription["status"] == "in_trial" else "current_term_end"]
        at = end if at is None else at
        if at <= self._timestamp():
            raise WrongValue("cancel_at must be in the future", "cancel_at")
        self._keep(subscription)  # the one scheduled before
        self._drop_scheduled_change(subscription)
        subscription.update(
            cancelled_at=at, cancel_reason_code=reason, cancel_schedule_created_at=self._timestamp(), pause_date=None
        )
        if at == end:
            subscription["remaining_billing_cycles"] = 0
            if subscription["status"] == "active":
                subscription["status"] = "non_renewing"
        self._plan_billing(subscription)
        self._aside["ending", subscription["id"]] = ending
        self._tell_of(subscription, "subscription_cancellation_scheduled")

    def _end(self, subscription: Body, ending: Ending) -> None:
        """Cancel now, settle the money as wanted, and tell of it. Its cancelled_at is set apart."""
        made: list[Body] = []
        if subscription["status"] in ("active", "non_renewing") and ending.credit_option != "none":
            whole = ending.credit_option == "full"
            made += self._credit_term(subscription, "subscription_cancellation", all_of_it=whole)
        self._drop_scheduled_change(subscription)
        self._aside.pop(("ending", subscription["id"]), None)
        if subscription.get("current_term_end", 0) > self._timestamp():
            subscription["current_term_end"] = self._timestamp()
        subscription.update(
            status="cancelled", next_billing_at=None, remaining_billing_cycles=None, resume_date=None, mrr=0
        )
        if ending.unbilled_charges_option == "delete":
            self._forget_charges(self._waiting(subscription["id"]))
        elif invoice := self._bill([], subscription):
            made.append(invoice)
        made += self._end_receivables(subscription, ending.account_receivables_handling)
        if ending.refundable_credits_handling == "schedule_refund":
            self._refund_credits(subscription)
        self._tell_of(subscription, "subscription_cancelled", *made)

    def _end_receivables(self, subscription: Body, handling: str) -> list[Body]:
        """Collect or write off what is owed for a cancelled subscription; the credit notes that come of it."""
        if handling == "no_action":
            return []
        found = self.find("invoice", subscription_id=subscription["id"])
        notes = []
        for body in [body for body in found if body["status"] in OPEN and not is_being_paid(body)]:
            invoice = self._edit("invoice", body["id"])
            if handling == "write_off":
                notes.append(self._adjust(invoice, invoice["amount_due"], "write_off"))
            elif self._card_of(invoice["customer_id"]):
                self._collect(invoice)
        return notes

    def _refund_credits(self, subscription: Body) -> None:
        """Give back, through the gateway, the credits of a cancelled subscription whose money came through it."""
        for found in self.find("credit_note", subscription_id=subscription["id"]):
            if not found["amount_available"]:
                continue
            invoice = self._edit("invoice", found["reference_invoice_id"])
            for entry in invoice["linked_payments"]:
                payment = self.current("transaction", entry["txn_id"])
                if entry["txn_status"] != "success" or payment["payment_method"] in METHODS_BY_HAND:
                    continue
                note = self._edit("credit_note", found["id"])
                amount = min(note["amount_available"], self._unrefunded(payment, invoice["id"]))
                if amount > 0:
                    payment = self._edit("transaction", payment["id"])
                    refund = self._money_back(payment, amount, payment["payment_method"])
                    self._refund_note(note, refund, invoice)

    def _carry_out_cancellation(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            self._end(subscription, self._aside.get(("ending", subscription_id), Ending()))
