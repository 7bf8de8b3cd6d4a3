"""Pauses: a subscription that rests for a while, from now or from a later day on."""

from __future__ import annotations

from datetime import datetime

from .endings import Endings
from .state import Body, Refused, WrongValue
from .terms import seconds


class Pauses(Endings):
    """Actions that pause subscriptions and resume them. The term goes on beneath a pause."""

    def pause(
        self,
        subscription_id: str,
        *,
        option: str | None = None,
        pause_at: datetime | None = None,
        resume_at: datetime | None = None,
    ) -> Body:
        """Stop a subscription for a while: immediately, from the end_of_term or from a date on. Nothing is billed then.

        One that is to be paused later stays active until then; `pause_date` alone does not mean that it is paused.
        """
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "active" or "cancelled_at" in subscription:
                why = "is to be cancelled" if "cancelled_at" in subscription else f"is {subscription['status']}"
                raise Refused(f"subscription {subscription_id} {why}")
            option = option or ("specific_date" if pause_at else "immediately")
            start = self._pause_start(subscription, option, pause_at)
            if resume_at and seconds(resume_at) <= start:
                raise WrongValue("resume_date must be after the pause begins", "resume_date")
            subscription.update(pause_date=start, resume_date=seconds(resume_at) if resume_at else None)
            if option == "immediately":
                self._begin_pause(subscription)
            else:
                self._plan_billing(subscription)
                self._tell_of(subscription, "subscription_pause_scheduled")
            return subscription

    def remove_scheduled_pause(self, subscription_id: str) -> Body:
        """Let a subscription go on that was to be paused."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "active" or "pause_date" not in subscription:
                raise Refused(f"subscription {subscription_id} has no scheduled pause")
            subscription.update(pause_date=None, resume_date=None)
            self._plan_billing(subscription)
            self._tell_of(subscription, "subscription_scheduled_pause_removed")
            return subscription

    def resume(self, subscription_id: str, *, at: datetime | None = None, invoice_immediately: bool = True) -> Body:
        """End a pause: the term goes on, or a new one begins where it has run out. With `at`: on that day."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "paused":
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            if at:
                if seconds(at) <= self._timestamp():
                    raise WrongValue("resume_date must be in the future", "resume_date")
                subscription["resume_date"] = seconds(at)
                self._tell_of(subscription, "subscription_resumption_scheduled")
                return subscription
            subscription.update(status="active", pause_date=None, resume_date=None)
            lines = []
            if subscription["current_term_end"] > self._timestamp():
                self._plan_billing(subscription)
            else:
                lines = self._start_terms(subscription)
            made = self._bill_or_put_off(lines, subscription, now=invoice_immediately)
            self._tell_of(subscription, "subscription_resumed", *made)
            return subscription

    def remove_scheduled_resumption(self, subscription_id: str) -> Body:
        """Let a pause last until somebody ends it."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "paused" or "resume_date" not in subscription:
                raise Refused(f"subscription {subscription_id} has no scheduled resumption")
            subscription["resume_date"] = None
            self._tell_of(subscription, "subscription_scheduled_resumption_removed")
            return subscription

    def _pause_start(self, subscription: Body, option: str, at: datetime | None) -> int:
        if option == "immediately":
            return self._timestamp()
        if option == "end_of_term":
            return int(subscription["current_term_end"])
        if option != "specific_date":
            raise WrongValue(f"pause_option {option} is not known", "pause_option")
        if at is None or seconds(at) <= self._timestamp():
            raise WrongValue("pause_date must be in the future", "pause_date")
        return seconds(at)

    def _begin_pause(self, subscription: Body) -> None:
        self._drop_scheduled_change(subscription)
        subscription.update(status="paused", pause_date=self._timestamp(), next_billing_at=None)
        self._tell_of(subscription, "subscription_paused")

    def _pause_by_itself(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            self._begin_pause(self._edit("subscription", subscription_id))

    def _resume_by_itself(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            self.resume(subscription_id)
