"""Subscriptions: sold, begun, renewed, moved, deleted. Changing, pausing and ending them have files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from .changes import Items, must_be_settings
from .pauses import Pauses
from .pricing import CURRENCY
from .running import LIVE
from .state import Body, Refused, WrongValue
from .subscribed import item_of, must_be_there_once, one_plan
from .terms import seconds

__all__ = ["LIVE", "Subscriptions"]


class Subscriptions(Pauses):
    """Actions on subscriptions as a whole, and what the clock does to them."""

    def subscribe(
        self,
        customer_id: str,
        price_id: str | None = None,
        seats: int | None = None,
        *,
        items: Items = (),
        addons: Mapping[str, int] | None = None,
        starts_at: datetime | None = None,
        trial_days: int = 0,
        trial_end: datetime | None = None,
        billing_cycles: int | None = None,
        auto_collection: str | None = None,
        offline_payment_method: str | None = None,
        net_term_days: int | None = None,
        po_number: str | None = None,
        pending_invoices: bool = False,
        invoice_immediately: bool = True,
        id: str | None = None,
        **settings: object,
    ) -> Body:
        """Sell a plan with its add-ons and one-time charges: at once, from a later instant on, or after a trial.

        What is sold is a price and a number of seats, or `items` (item_price_id, quantity, unit_price). With
        `billing_cycles` it ends by itself after so many terms. Charges are billed on the day of the order.
        """
        settings.update(
            auto_collection=auto_collection,
            offline_payment_method=offline_payment_method,
            net_term_days=net_term_days,
            po_number=po_number,
            create_pending_invoices=pending_invoices or None,
        )
        must_be_settings(settings)
        if trial_end is None and trial_days:
            trial_end = (starts_at or self.now) + timedelta(days=trial_days)
        if starts_at and seconds(starts_at) < self._timestamp():
            raise WrongValue("start_date is in the past: this site does not backdate", "start_date")
        if billing_cycles is not None and billing_cycles < 1:
            raise WrongValue("billing_cycles must be at least 1", "billing_cycles")
        sold = [{"item_price_id": price_id, "quantity": seats}] if price_id else []
        sold += [{"item_price_id": addon, "quantity": quantity} for addon, quantity in (addons or {}).items()]
        with self._action():
            self._edit("customer", customer_id)
            subscription = self._new_subscription(customer_id, [*sold, *items], id, billing_cycles, settings)
            charges = self._one_time(items)
            lines = self._charged(charges)
            if starts_at and seconds(starts_at) > self._timestamp():
                starts = seconds(starts_at.astimezone(UTC))
                subscription.update(status="future", start_date=starts, next_billing_at=starts)
                subscription["trial_end"] = seconds(trial_end) if trial_end else None
            elif trial_end and seconds(trial_end) > self._timestamp():
                self._start_trial(subscription, seconds(trial_end))
            else:
                lines = [*self._start_terms(subscription), *lines]
            if charges:
                charged = {str(item["item_price_id"]): self._timestamp() for item in charges}
                subscription["charged_items"] = [
                    {"item_price_id": price, "last_charged_at": at, "object": "charged_item"}
                    for price, at in charged.items()
                ]
            made = self._bill_or_put_off(lines, subscription, now=invoice_immediately)
            self._tell_of(subscription, "subscription_created", *made)
            return subscription

    def _new_subscription(
        self,
        customer_id: str,
        sold: Items,
        id: str | None,
        billing_cycles: int | None,
        settings: Mapping[str, object],
    ) -> Body:
        """The draft of a subscription that has not begun."""
        must_be_there_once(sold)
        items = []
        for item in sold:
            price = self._price(str(item["item_price_id"]))
            if price.item_type != "charge":
                cycles = billing_cycles if price.item_type == "plan" else None
                items.append(item_of(price, item.get("quantity"), item.get("unit_price"), cycles=cycles))
        items = one_plan(items, [self._price_sold(item["item_price_id"]) for item in items])
        plan = self._price_sold(items[0]["item_price_id"])
        return self._make(
            "subscription",
            id or self._new_id(),
            {
                "customer_id": customer_id,
                "currency_code": CURRENCY,
                "base_currency_code": CURRENCY,
                "exchange_rate": 1.0,
                "status": "active",
                "billing_period": plan.period,
                "billing_period_unit": plan.unit,
                "remaining_billing_cycles": billing_cycles,
                "created_at": self._timestamp(),
                "has_scheduled_changes": False,
                "channel": "web",
                "due_invoices_count": 0,
                "subscription_items": items,
                **settings,
            },
        )

    def move_subscription(self, subscription_id: str, customer_id: str) -> Body:
        """Give a subscription to another customer. Its invoices stay with the old one."""
        with self._action("admin_console"):
            subscription = self._editable(subscription_id)
            if subscription["customer_id"] == customer_id:
                raise Refused(f"subscription {subscription_id} is that customer's already")
            if self.has("unbilled_charge", subscription_id=subscription_id):
                raise Refused(f"subscription {subscription_id} has unbilled charges: invoice or delete them first")
            self._edit("customer", customer_id)
            subscription["customer_id"] = customer_id
            self._tell("subscription_moved_out", subscription)
            self._tell("subscription_moved_in", subscription)
            return subscription

    def delete_subscription(self, subscription_id: str) -> Body:
        """Remove a subscription for good; its invoices stay."""
        with self._action("admin_console"):
            subscription = self._edit("subscription", subscription_id)
            self._forget_charges(self._waiting(subscription_id))
            subscription["deleted"] = True
            self._tell_of(subscription, "subscription_deleted")
            return subscription

    def _begin(self, subscription_id: str) -> None:
        """What the clock does to a future subscription on its day."""
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            made: list[Body] = []
            if trial_end := subscription.get("trial_end"):
                self._start_trial(subscription, trial_end)
            else:
                made = self._bill_or_put_off(self._start_terms(subscription), subscription)
            self._tell_of(subscription, "subscription_started", *made)

    def _end_trial(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            made = self._change_for_next_term(subscription)
            made += self._bill_or_put_off(self._start_terms(subscription), subscription)
            self._tell_of(subscription, "subscription_activated", *made)

    def _renew(self, subscription_id: str) -> None:
        """What the clock does at the end of a term: the next one, with what was scheduled for it, billed ahead."""
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            period = self._plan_price(subscription).term
            made = self._change_for_next_term(subscription)
            if self._plan_price(subscription).term != period:
                lines = self._start_terms(subscription)
            else:
                lines = self._next_term(subscription)
            made += self._bill_or_put_off(lines, subscription)
            self._tell_of(subscription, "subscription_renewed", *made)

    def _change_for_next_term(self, subscription: Body) -> list[Body]:
        """Carry out the change scheduled for the end of a term or trial; what it billed besides the term."""
        change = self._take_scheduled_change(subscription)
        if change is None:
            return []
        made = self._carry_out(subscription, change, at_term_end=True)
        self._tell_of(subscription, "subscription_changed")
        return made
