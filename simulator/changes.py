"""Changes of subscriptions: other items, other terms, now or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .customers import OFFLINE_METHODS, must_be_choices
from .lines import Line
from .pricing import ItemPrice
from .running import Running
from .state import Body, Refused, WrongValue
from .subscribed import differences, item_of, must_be_there_once, one_plan
from .terms import seconds

Items = Sequence[Mapping[str, Any]]
# What can be set on a subscription besides its items. Custom fields start with cf_.
SETTINGS = frozenset(
    "auto_collection offline_payment_method net_term_days po_number payment_source_id invoice_notes meta_data"
    " auto_close_invoices create_pending_invoices".split()
)
_CHOICES = {"auto_collection": ("on", "off"), "offline_payment_method": OFFLINE_METHODS}


@dataclass(frozen=True, slots=True)
class Change:
    """What a subscription is to become, and how that is billed."""

    items: tuple[Body, ...]
    charges: Items
    settings: Mapping[str, object]
    prorate: bool = True
    invoice_immediately: bool = True
    force_term_reset: bool = False
    billing_cycles: int | None = None


class Changes(Running):
    """Actions that change subscriptions. Like every edit they remove a scheduled cancellation."""

    def update_items(
        self,
        subscription_id: str,
        items: Items = (),
        *,
        replace: bool = False,
        remove: Sequence[str] = (),
        prorate: bool = True,
        invoice_immediately: bool = True,
        when: str | datetime = "immediately",
        force_term_reset: bool = False,
        billing_cycles: int | None = None,
        **settings: object,
    ) -> Body:
        """Change items (item_price_id, quantity, unit_price) and settings of a subscription.

        Items not named stay, unless the list is replaced or they are to be removed; a plan takes the other plan's
        place; one-time charges among them are billed once. More is billed for the rest of the term and less is
        credited (`prorate`); another period, or `force_term_reset`, begins a new term. `when` is immediately,
        end_of_term or an instant; a change for later takes the place of the one scheduled before, and until then only
        `scheduled_version` shows it. A setting of None leaves that to the customer again.
        """
        must_be_settings(settings)
        with self._action():
            subscription = self._editable(subscription_id)
            must_be_there_once(items)
            charges = self._one_time(items, subscription["subscription_items"])
            wanted = self._wanted(subscription, [item for item in items if item not in charges], replace, remove)
            change = Change(
                tuple(wanted), charges, settings, prorate, invoice_immediately, force_term_reset, billing_cycles
            )
            self._charged(charges)  # refused now rather than on the day, when nobody is there to hear of it
            if when != "immediately" and billing_cycles == 0:
                raise WrongValue("billing_cycles must be at least 1 for a change that comes later", "billing_cycles")
            self._drop_scheduled_change(subscription)
            if when == "immediately":
                self._tell_of(subscription, "subscription_changed", *self._carry_out(subscription, change))
            else:
                self._schedule(subscription, change, when)
                self._tell_of(subscription, "subscription_changes_scheduled")
            return subscription

    def change_seats(self, subscription_id: str, seats: int, *, end_of_term: bool = False) -> Body:
        """Another number of seats: now, prorated (an invoice for more, a credit for fewer), or from the next term on.

        Where there is no next term to wait for, it is now.
        """
        subscription = self.current("subscription", subscription_id)
        later = end_of_term and subscription["status"] in ("active", "non_renewing")
        plan = {"item_price_id": subscription["subscription_items"][0]["item_price_id"], "quantity": seats}
        return self.update_items(subscription_id, [plan], when="end_of_term" if later else "immediately")

    def change_plan(self, subscription_id: str, price_id: str, *, seats: int | None = None) -> Body:
        """Another plan price from now on: a new term begins, and what is left of the old one is credited.

        Add-ons that cannot be billed with it go.
        """
        price = self._price(price_id, "plan")
        old = self.current("subscription", subscription_id)["subscription_items"]
        stay = [item for item in old[1:] if self._price_sold(item["item_price_id"]).term == price.term]
        plan = {"item_price_id": price_id, "quantity": seats or old[0].get("quantity")}
        return self.update_items(subscription_id, [plan, *stay], replace=True, force_term_reset=True)

    def change_collection(
        self, subscription_id: str, *, auto_collection: str | None, offline_payment_method: str | None = None
    ) -> Body:
        """Set how this one subscription is collected, or (None) leave that to its customer again."""
        with self._action("admin_console"):
            return self.update_items(
                subscription_id, auto_collection=auto_collection, offline_payment_method=offline_payment_method
            )

    def scheduled_version(self, subscription_id: str) -> Body:
        """The subscription as it will be once its scheduled change is carried out."""
        subscription = self.current("subscription", subscription_id)
        change: Change | None = self._aside.get(("change", subscription_id))
        if change is None:
            raise Refused(f"subscription {subscription_id} has no scheduled changes")
        plan = self._price_sold(change.items[0]["item_price_id"])
        future = {
            **subscription,
            **change.settings,
            "subscription_items": list(change.items),
            "billing_period": plan.period,
            "billing_period_unit": plan.unit,
        }
        return {field: value for field, value in future.items() if value is not None}

    def remove_scheduled_changes(self, subscription_id: str) -> Body:
        """Forget the change that was scheduled."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if not subscription["has_scheduled_changes"]:
                raise Refused(f"subscription {subscription_id} has no scheduled changes")
            self._drop_scheduled_change(subscription)
            self._tell_of(subscription, "subscription_scheduled_changes_removed")
            return subscription

    def _one_time(self, items: Items, old: Sequence[Body] = ()) -> list[Mapping[str, Any]]:
        """Those of some items that are charged once."""
        return [item for item in items if self._price_wanted(str(item["item_price_id"]), old).item_type == "charge"]

    def _price_wanted(self, item_price_id: str, old: Sequence[Body]) -> ItemPrice:
        """A price that is or was sold to this subscription, or that anybody can buy now."""
        if any(item["item_price_id"] == item_price_id for item in old):
            return self._price_sold(item_price_id)
        return self._price(item_price_id)

    def _wanted(self, subscription: Body, given: Items, replace: bool, remove: Sequence[str]) -> list[Body]:
        """The items a subscription has after a change."""
        old = {item["item_price_id"]: item for item in subscription["subscription_items"]}
        wanted = {} if replace else dict(old)
        for item in given:
            price = self._price_wanted(str(item["item_price_id"]), list(old.values()))
            before = old.get(price.id, {})
            if price.item_type == "plan":
                wanted = {id: body for id, body in wanted.items() if body["item_type"] != "plan"}
            quantity, unit_price = item.get("quantity"), item.get("unit_price")
            wanted[price.id] = item_of(
                price,
                before.get("quantity") if quantity is None else quantity,
                before.get("unit_price") if unit_price is None else unit_price,
                free=before.get("free_quantity"),
                cycles=before.get("billing_cycles"),
            )
        for id in remove:
            if wanted.pop(id, None) is None:
                raise WrongValue(f"subscription {subscription['id']} has no {id}", "mandatory_items_to_remove")
        return one_plan(list(wanted.values()), [self._price_sold(id) for id in wanted])

    def _carry_out(self, subscription: Body, change: Change, *, at_term_end: bool = False) -> list[Body]:
        """Make a subscription what a change says; the invoice or charges, and the credit notes, that come of it.

        At the end of a term nothing is prorated: the next one is billed by whoever called.
        """
        old = subscription["subscription_items"]
        before = self._plan_price(subscription).term
        resets = change.force_term_reset or self._price_sold(change.items[0]["item_price_id"]).term != before
        lines = self._charged(change.charges, ordered=True)
        notes: list[Body] = []
        subscription.update(change.settings)
        runs = subscription["status"] in ("active", "non_renewing") and not at_term_end
        if change.billing_cycles is not None:
            self._limit_cycles(subscription, change.billing_cycles, now=runs and not resets)
        if runs and change.prorate:
            if resets:
                notes = self._credit_term(subscription, "subscription_change")
            else:
                more, notes = self._prorate(subscription, differences(old, change.items))
                lines += more
        self._set_items(subscription, change.items)
        if runs and resets:
            lines += self._start_terms(subscription)
        return [*self._bill_or_put_off(lines, subscription, now=change.invoice_immediately), *notes]

    def _prorate(self, subscription: Body, differences: Mapping[str, int]) -> tuple[list[Line], list[Body]]:
        """What a change costs more for the rest of the term, by item, and credit notes for what it costs less."""
        term = self._timestamp(), subscription["current_term_end"]
        lines = [
            Line.prorated(self._price_sold(id), self._prorated(subscription, more), *term)
            for id, more in differences.items()
            if more > 0
        ]
        less = {id: -more for id, more in differences.items() if more < 0}
        notes = self._credit(subscription, less, "subscription_change")
        return [line for line in lines if line.amount], notes

    def _limit_cycles(self, subscription: Body, cycles: int, *, now: bool = False) -> None:
        """Let so many more terms begin. None more from now on: the running one is the last."""
        least = 0 if now else 1
        if cycles < least:
            raise WrongValue(f"billing_cycles must be at least {least}", "billing_cycles")
        subscription["remaining_billing_cycles"] = cycles
        if cycles == 0 and subscription["status"] == "active":
            subscription.update(status="non_renewing", cancelled_at=subscription["current_term_end"])
            self._plan_billing(subscription)

    def _schedule(self, subscription: Body, change: Change, when: str | datetime) -> None:
        """Keep a change for later."""
        if subscription["status"] == "future":
            raise Refused(f"subscription {subscription['id']} has not started: change it now")
        if isinstance(when, datetime):
            at = seconds(when)
        elif when == "end_of_term":
            at = subscription["trial_end" if subscription["status"] == "in_trial" else "current_term_end"]
        else:
            raise WrongValue(f"change_option {when} is neither immediately, end_of_term nor a date", "change_option")
        if at <= self._timestamp():
            raise WrongValue("changes_scheduled_at must be in the future", "changes_scheduled_at")
        self._aside["change", subscription["id"]] = change
        subscription.update(has_scheduled_changes=True, changes_scheduled_at=at)

    def _take_scheduled_change(self, subscription: Body) -> Change | None:
        """The change that is due by now, no longer scheduled."""
        if subscription.get("changes_scheduled_at", self._timestamp() + 1) > self._timestamp():
            return None
        change: Change = self._aside["change", subscription["id"]]
        self._drop_scheduled_change(subscription)
        return change

    def _change_by_itself(self, subscription_id: str) -> None:
        """What the clock does on the day of a scheduled change within a term."""
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            change = self._take_scheduled_change(subscription)
            if change:
                self._tell_of(subscription, "subscription_changed", *self._carry_out(subscription, change))


def must_be_settings(settings: Mapping[str, object]) -> None:
    """Refuse what cannot be set on a subscription."""
    unknown = {field for field in settings if field not in SETTINGS and not field.startswith("cf_")}
    if unknown:
        raise WrongValue(f"{', '.join(sorted(unknown))}: cannot be set on a subscription", min(unknown))
    must_be_choices(settings, _CHOICES)
