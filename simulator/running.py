"""A subscription that runs: the terms it is billed for, what is left of one, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .invoices import Invoices
from .lines import Line
from .pricing import ItemPrice, Period, share
from .state import Body, Refused
from .subscribed import monthly, plan_of
from .taxes import taxes_of, taxes_on
from .terms import instant_of, later, milliseconds, seconds

LIVE = ("in_trial", "active", "non_renewing")
# Who is to be told that a trial, a term of a year or a subscription ends is told so long before.
REMINDED_BEFORE = timedelta(days=6)
_ENDING = (
    "cancelled_at",
    "cancel_reason_code",
    "cancel_schedule_created_at",
    "remaining_billing_cycles",
    "decommissioned",
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a subscription's terms are counted from: term n lasts from n to n + 1 periods after `start`."""

    start: datetime
    period: Period
    number: int = 0

    def boundary(self, number: int, zone: ZoneInfo) -> datetime:
        return later(self.start, self.period.months, self.period.days, number, zone)


class Running(Invoices):
    """What the actions on subscriptions share. Nothing here is an action by itself."""

    def _editable(self, subscription_id: str) -> Body:
        """The draft of a subscription about to be edited. The edit removes a scheduled cancellation, unasked."""
        subscription = self._edit("subscription", subscription_id)
        if subscription["status"] in ("cancelled", "paused"):
            raise Refused(f"subscription {subscription_id} is {subscription['status']}")
        if subscription.get("cancelled_at"):
            self._keep(subscription)
        return subscription

    def _keep(self, subscription: Body) -> None:
        """Forget that a subscription was to end."""
        subscription.update(dict.fromkeys(_ENDING))
        self._aside.pop(("ending", subscription["id"]), None)
        if subscription["status"] == "non_renewing":
            subscription["status"] = "active"
        self._plan_billing(subscription)

    def _plan_billing(self, subscription: Body) -> None:
        """Say when a subscription is billed next: at the end of its term or trial, if it goes on then."""
        end = subscription["trial_end" if subscription["status"] == "in_trial" else "current_term_end"]
        stops = [subscription.get("cancelled_at"), subscription.get("pause_date")]
        subscription["next_billing_at"] = None if any(at and at <= end for at in stops) else end

    def _drop_scheduled_change(self, subscription: Body) -> None:
        if subscription["has_scheduled_changes"]:
            self._aside.pop(("change", subscription["id"]), None)
            subscription.update(has_scheduled_changes=False, changes_scheduled_at=None)

    def _plan_price(self, subscription: Body) -> ItemPrice:
        return self._price_sold(plan_of(subscription)["item_price_id"])

    def _set_items(self, subscription: Body, items: Sequence[Body]) -> None:
        plan = self._price_sold(items[0]["item_price_id"])
        subscription.update(subscription_items=list(items), billing_period=plan.period, billing_period_unit=plan.unit)
        if subscription["status"] in ("active", "non_renewing"):
            subscription["mrr"] = monthly(items, plan)

    def _start_trial(self, subscription: Body, trial_end: int) -> None:
        subscription.update(
            status="in_trial",
            started_at=self._timestamp(),
            trial_start=self._timestamp(),
            trial_end=trial_end,
            next_billing_at=trial_end,
            mrr=0,
        )

    def _start_terms(self, subscription: Body) -> list[Line]:
        """Begin counting terms now; what the first one costs."""
        start = instant_of(self._timestamp())  # whole seconds, as on the wire
        self._aside["anchor", subscription["id"]] = Anchor(start, self._plan_price(subscription).term)
        subscription["status"] = "active"
        subscription.setdefault("started_at", self._timestamp())
        subscription["activated_at"] = self._timestamp()
        return self._begin_term(subscription)

    def _next_term(self, subscription: Body) -> list[Line]:
        anchor: Anchor = self._aside["anchor", subscription["id"]]
        self._aside["anchor", subscription["id"]] = replace(anchor, number=anchor.number + 1)
        return self._begin_term(subscription)

    def _begin_term(self, subscription: Body) -> list[Line]:
        """Set the term that the anchor says; what it costs. The last of a finite number of them is the end."""
        anchor: Anchor = self._aside["anchor", subscription["id"]]
        start, end = (seconds(anchor.boundary(number, self.zone)) for number in (anchor.number, anchor.number + 1))
        items = subscription["subscription_items"]
        subscription.update(
            current_term_start=start,
            current_term_end=end,
            next_billing_at=end,
            mrr=monthly(items, self._plan_price(subscription)),
        )
        if left := subscription.get("remaining_billing_cycles"):
            subscription["remaining_billing_cycles"] = left - 1
            if left == 1:
                subscription.update(status="non_renewing", cancelled_at=end)
        self._plan_billing(subscription)
        return [Line.of_item(self._price_sold(item["item_price_id"]), item, start, end) for item in items]

    def _prorated(self, subscription: Body, amount: int) -> int:
        """The part of an amount for the whole term that falls on the rest of it, to the millisecond."""
        end = subscription["current_term_end"] * 1000
        term = end - subscription["current_term_start"] * 1000
        return share(amount, max(0, end - milliseconds(self.now)), term)

    def _credit_term(self, subscription: Body, reason: str, *, all_of_it: bool = False) -> list[Body]:
        """Credit what is left of the running term, or the whole of it."""
        costs = {item["item_price_id"]: item["amount"] for item in subscription["subscription_items"]}
        return self._credit(subscription, costs, reason, all_of_it=all_of_it)

    def _credit(
        self, subscription: Body, costs: Mapping[str, int], reason: str, *, all_of_it: bool = False
    ) -> list[Body]:
        """Credit the rest (or all) of what item prices cost a term.

        What waits to be billed is not billed then. The rest goes on the invoices of the running term, newest first,
        with the taxes they had on what is taxed.
        """
        left = self._void_waiting(subscription, costs, all_of_it=all_of_it)

        def part(ids: Iterable[str]) -> int:
            untouched = sum(costs[id] for id in ids if id not in left)
            rest = untouched if all_of_it else self._prorated(subscription, untouched)
            return rest + sum(left.get(id, 0) for id in ids)

        cost, taxed = part(costs), part([id for id in costs if self._price_sold(id).taxable])
        invoices = self._invoices_of_term(subscription) if cost else []
        if not invoices:
            return []
        return self._credit_back(invoices, cost + taxes_on(taxed, taxes_of(invoices[0])), reason)

    def _void_waiting(self, subscription: Body, costs: Mapping[str, int], *, all_of_it: bool) -> dict[str, int]:
        """Void what waits to be billed of the running term, up to what is to be credited.

        Gives, for each item of which something was voided, how much is left to credit. A charge of
        which a part is owed all the same is voided too, and one for that part takes its place.
        """
        voided: list[Body] = []
        owed: list[Line] = []
        left: dict[str, int] = {}
        for id, cost in costs.items():
            most = cost if all_of_it else self._prorated(subscription, cost)
            for charge in self._waiting_of_term(subscription, id):
                if part := min(most, charge["amount"]):
                    rest, most = charge["amount"] - part, most - part
                    left[id] = most
                    voided.append(charge)
                    owed.append(replace(self._line_of(charge), unit_amount=rest, quantity=1, amount=rest))
        self._void_charges(voided)
        self._put_off(owed, subscription)
        return left

    def _waiting_of_term(self, subscription: Body, item_price_id: str) -> list[Body]:
        """The unbilled charges for an item in the running term, newest first."""
        end = subscription["current_term_end"]
        found = [
            charge
            for charge in self._waiting(subscription["id"])
            if charge.get("entity_id") == item_price_id and charge["date_to"] == end
        ]
        return found[::-1]

    def _invoices_of_term(self, subscription: Body) -> list[Body]:
        """The invoices of the running term, newest first, of whoever owns the subscription now."""
        end = subscription["current_term_end"]
        found = [
            self._edit("invoice", invoice["id"])
            for invoice in self.find("invoice", subscription_id=subscription["id"])
            if invoice["customer_id"] == subscription["customer_id"]
            and invoice["status"] != "voided"
            and any(line["date_to"] == end for line in invoice["line_items"])
        ]
        return found[::-1]

    def _bill_or_put_off(self, lines: Sequence[Line], subscription: Body, *, now: bool = True) -> list[Body]:
        """Bill lines at once, or keep them for the next invoice; what was made."""
        if not now:
            return self._put_off(lines, subscription)
        if not lines:
            return []
        invoice = self._bill(lines, subscription)
        return [invoice] if invoice else []

    def _tell_of(self, subscription: Body, event_type: str, *made: Body) -> None:
        """Send an event about a subscription, with its customer and what the action made (invoice, credit notes)."""
        owed = self.find("invoice", overdue_of=subscription["id"])
        subscription["due_invoices_count"] = len(owed)
        subscription["total_dues"] = sum(invoice["amount_due"] for invoice in owed) or None
        subscription["due_since"] = min((invoice["date"] for invoice in owed), default=None)
        self._tell(event_type, subscription, self.current("customer", subscription["customer_id"]), *made)

    def _reminder(self, subscription: Body) -> tuple[int, str] | None:
        """When a customer is reminded of what a subscription will do by itself, and the event that does so."""
        before = int(REMINDED_BEFORE.total_seconds())
        if subscription["status"] not in LIVE:
            return None
        if at := subscription.get("cancelled_at"):
            since = subscription.get("cancel_schedule_created_at", subscription.get("current_term_start", 0))
            found = at - before, "subscription_cancellation_reminder"
        elif subscription["status"] == "in_trial":
            since = subscription["trial_start"]
            found = subscription["trial_end"] - before, "subscription_trial_end_reminder"
        elif subscription["billing_period_unit"] == "year":
            since = subscription["current_term_start"]
            found = subscription["current_term_end"] - before, "subscription_renewal_reminder"
        else:
            return None
        last = self._aside.get(("reminded", subscription["id"]), 0)
        return found if found[0] > max(since, last) else None

    def _remind_of(self, subscription_id: str) -> None:
        """What the clock does some days before something happens to a subscription by itself."""
        with self._action("scheduled_job"):
            subscription = self.current("subscription", subscription_id)
            if reminder := self._reminder(subscription):
                self._aside["reminded", subscription_id] = reminder[0]
                customer = self.current("customer", subscription["customer_id"])
                self._announce(reminder[1], subscription, customer)
