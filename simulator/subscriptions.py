"""Subscriptions: sold per seat, billed ahead for a month or a year, changed, paused, cancelled, moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from .invoices import Invoices, Line
from .pricing import CATALOGUE, CURRENCY, TAXES, ItemPrice, share, tax_on
from .state import Body, Refused, WrongValue
from .terms import add_months, instant_of, milliseconds, seconds

LIVE = ("in_trial", "active", "non_renewing")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a subscription's terms are counted from: term n lasts from n to n + 1 times `months` after `start`."""

    start: datetime
    months: int
    number: int = 0


class Subscriptions(Invoices):
    """Actions on subscriptions."""

    def subscribe(
        self,
        customer_id: str,
        price_id: str,
        seats: int = 1,
        *,
        addons: Mapping[str, int] | None = None,
        starts_at: datetime | None = None,
        trial_days: int = 0,
        auto_collection: str | None = None,
        offline_payment_method: str | None = None,
        net_term_days: int | None = None,
        po_number: str | None = None,
        pending_invoices: bool = False,
        id: str | None = None,
    ) -> Body:
        """Sell a plan: at once, from a later instant on, or after a trial. Add-ons must have the plan's period."""
        plan = _price(price_id, "plan")
        extras = {_price(addon, "addon"): quantity for addon, quantity in (addons or {}).items()}
        _must_be_positive(seats)
        if any(extra.months != plan.months for extra in extras):
            raise WrongValue("an add-on is billed with its plan: the periods differ")
        with self._action():
            self._edit("customer", customer_id)
            subscription = self._make(
                "subscription",
                id or self._new_id(),
                {
                    "customer_id": customer_id,
                    "currency_code": CURRENCY,
                    "base_currency_code": CURRENCY,
                    "exchange_rate": 1.0,
                    "status": "active",
                    "billing_period": plan.months if plan.months < 12 else plan.months // 12,
                    "billing_period_unit": "month" if plan.months < 12 else "year",
                    "created_at": self._timestamp(),
                    "has_scheduled_changes": False,
                    "channel": "web",
                    "auto_collection": auto_collection,
                    "offline_payment_method": offline_payment_method,
                    "net_term_days": net_term_days,
                    "po_number": po_number,
                    "create_pending_invoices": pending_invoices or None,
                    "due_invoices_count": 0,
                    "subscription_items": [_item(plan, seats), *(_item(*extra) for extra in extras.items())],
                },
            )
            if starts_at and starts_at > self.now:
                starts = seconds(starts_at.astimezone(UTC))
                subscription.update(status="future", start_date=starts, next_billing_at=starts)
                if trial_days:
                    subscription["trial_end"] = seconds(starts_at + timedelta(days=trial_days))
                self._tell_of(subscription, "subscription_created")
            elif trial_days:
                self._start_trial(subscription, self._timestamp(timedelta(days=trial_days)))
                self._tell_of(subscription, "subscription_created")
            else:
                self._tell_of(subscription, "subscription_created", self._start_terms(subscription))
            return subscription

    def change_seats(self, subscription_id: str, seats: int, *, end_of_term: bool = False) -> Body:
        """Another number of seats: now, prorated (an invoice for more, a credit for fewer), or from the next term on.

        Like every edit it removes a scheduled cancellation.
        """
        _must_be_positive(seats)
        with self._action():
            subscription = self._editable(subscription_id)
            if end_of_term and subscription["status"] == "active":
                self._aside["next seats", subscription_id] = seats
                subscription["has_scheduled_changes"] = True
                subscription["changes_scheduled_at"] = subscription["current_term_end"]
                self._tell_of(subscription, "subscription_changes_scheduled")
                return subscription
            self._drop_scheduled_change(subscription)
            plan = subscription["subscription_items"][0]
            more = seats - plan["quantity"]
            invoice, notes = None, []
            _set_seats(subscription, seats)
            if subscription["status"] == "active" and more:
                price = CATALOGUE[plan["item_price_id"]]
                amount = self._prorated(subscription, abs(more) * price.amount)
                if more > 0:
                    line = Line(price, more, amount, self._timestamp(), subscription["current_term_end"], prorated=True)
                    invoice = self._bill(subscription["customer_id"], [line], subscription=subscription)
                else:
                    paid = self._invoices_of_term(subscription)
                    notes = self._credit_back(paid, _taxed(amount), "subscription_change")
            self._tell_of(subscription, "subscription_changed", invoice, *notes)
            return subscription

    def change_plan(self, subscription_id: str, price_id: str, *, seats: int | None = None) -> Body:
        """Another plan price from now on: a new term begins, and what is left of the old one is credited."""
        price = _price(price_id, "plan")
        with self._action():
            subscription = self._editable(subscription_id)
            self._drop_scheduled_change(subscription)
            old = subscription["subscription_items"]
            wanted = seats or old[0]["quantity"]
            notes: list[Body] = []
            if subscription["status"] == "active":
                notes = self._credit_rest_of_term(subscription, "subscription_change")
            addons = [item for item in old[1:] if CATALOGUE[item["item_price_id"]].months == price.months]
            subscription.update(
                subscription_items=[_item(price, wanted), *addons],
                billing_period=price.months if price.months < 12 else price.months // 12,
                billing_period_unit="month" if price.months < 12 else "year",
            )
            invoice = self._start_terms(subscription) if subscription["status"] == "active" else None
            self._tell_of(subscription, "subscription_changed", invoice, *notes)
            return subscription

    def change_collection(
        self, subscription_id: str, *, auto_collection: str | None, offline_payment_method: str | None = None
    ) -> Body:
        """Set how this one subscription is collected, or (None) leave that to its customer again."""
        with self._action("admin_console"):
            subscription = self._editable(subscription_id)
            subscription.update(auto_collection=auto_collection, offline_payment_method=offline_payment_method)
            self._tell_of(subscription, "subscription_changed")
            return subscription

    def schedule_cancellation(
        self, subscription_id: str, *, at: datetime | None = None, reason: str | None = None
    ) -> Body:
        """Cancel later: at the end of the term (of the trial), or at an instant before it. A trial stays in_trial."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] not in LIVE:
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            end = subscription["trial_end" if subscription["status"] == "in_trial" else "current_term_end"]
            cancelled_at = seconds(at.astimezone(UTC)) if at else end
            if not self._timestamp() < cancelled_at <= end:
                raise WrongValue("cancel_at must be in the future and within the term")
            self._drop_scheduled_change(subscription)
            subscription.update(
                cancelled_at=cancelled_at,
                cancel_reason_code=reason,
                cancel_schedule_created_at=self._timestamp(),
                remaining_billing_cycles=0,
                next_billing_at=None,
            )
            if subscription["status"] == "active":
                subscription["status"] = "non_renewing"
            self._tell_of(subscription, "subscription_cancellation_scheduled")
            return subscription

    def remove_scheduled_cancellation(self, subscription_id: str) -> Body:
        """Keep a subscription that was to end."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] not in LIVE or not subscription.get("cancelled_at"):
                raise Refused(f"subscription {subscription_id} has no scheduled cancellation")
            self._keep(subscription)
            self._tell_of(subscription, "subscription_scheduled_cancellation_removed")
            return subscription

    def cancel(self, subscription_id: str, *, reason: str | None = None, credit: bool = False) -> Body:
        """Cancel at once; `credit` gives back what is left of the term."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] == "cancelled":
                raise Refused(f"subscription {subscription_id} is cancelled already")
            notes: list[Body] = []
            if credit and subscription["status"] in ("active", "non_renewing"):
                notes = self._credit_rest_of_term(subscription, "subscription_cancellation")
            self._end(subscription)
            subscription["cancelled_at"] = self._timestamp()
            subscription["cancel_reason_code"] = reason or subscription.get("cancel_reason_code")
            self._tell_of(subscription, "subscription_cancelled", *notes)
            return subscription

    def reactivate(self, subscription_id: str) -> Body:
        """Bring a cancelled subscription back: a new term begins now."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "cancelled":
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            subscription.update(dict.fromkeys(("cancelled_at", "cancel_reason_code", "cancel_schedule_created_at")))
            subscription.update(dict.fromkeys(("trial_start", "trial_end", "start_date", "pause_date", "resume_date")))
            invoice = self._start_terms(subscription)
            self._tell_of(subscription, "subscription_reactivated", invoice)
            return subscription

    def pause(self, subscription_id: str, *, resume_at: datetime | None = None) -> Body:
        """Stop a subscription for a while; the term goes on beneath it, and nothing is billed until it resumes."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "active":
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            if resume_at and resume_at <= self.now:
                raise WrongValue("resume_date must be in the future")
            self._drop_scheduled_change(subscription)
            subscription.update(
                status="paused",
                pause_date=self._timestamp(),
                resume_date=seconds(resume_at.astimezone(UTC)) if resume_at else None,
                next_billing_at=None,
            )
            self._tell_of(subscription, "subscription_paused")
            return subscription

    def resume(self, subscription_id: str) -> Body:
        """End a pause: the term goes on, or a new one begins where it has run out."""
        with self._action():
            subscription = self._edit("subscription", subscription_id)
            if subscription["status"] != "paused":
                raise Refused(f"subscription {subscription_id} is {subscription['status']}")
            subscription.update(status="active", pause_date=None, resume_date=None)
            invoice = None
            if subscription["current_term_end"] > self._timestamp():
                subscription["next_billing_at"] = subscription["current_term_end"]
            else:
                invoice = self._start_terms(subscription)
            self._tell_of(subscription, "subscription_resumed", invoice)
            return subscription

    def move_subscription(self, subscription_id: str, customer_id: str) -> Body:
        """Give a subscription to another customer. Its invoices stay with the old one."""
        with self._action("admin_console"):
            subscription = self._editable(subscription_id)
            if subscription["customer_id"] == customer_id:
                raise Refused(f"subscription {subscription_id} is that customer's already")
            self._edit("customer", customer_id)
            subscription["customer_id"] = customer_id
            self._tell("subscription_moved_out", subscription)
            self._tell("subscription_moved_in", subscription)
            return subscription

    def delete_subscription(self, subscription_id: str) -> Body:
        """Remove a subscription for good; its invoices stay."""
        with self._action("admin_console"):
            subscription = self._edit("subscription", subscription_id)
            subscription["deleted"] = True
            self._tell_of(subscription, "subscription_deleted")
            return subscription

    def _editable(self, subscription_id: str) -> Body:
        """The draft of a subscription about to be edited. The edit removes a scheduled cancellation, unasked."""
        subscription = self._edit("subscription", subscription_id)
        if subscription["status"] in ("cancelled", "paused"):
            raise Refused(f"subscription {subscription_id} is {subscription['status']}")
        if subscription.get("cancelled_at"):
            self._keep(subscription)
        return subscription

    def _keep(self, subscription: Body) -> None:
        gone = ("cancelled_at", "cancel_reason_code", "cancel_schedule_created_at", "remaining_billing_cycles")
        subscription.update(dict.fromkeys(gone))
        if subscription["status"] == "non_renewing":
            subscription["status"] = "active"
        end = "trial_end" if subscription["status"] == "in_trial" else "current_term_end"
        subscription["next_billing_at"] = subscription[end]

    def _drop_scheduled_change(self, subscription: Body) -> None:
        if subscription["has_scheduled_changes"]:
            self._aside.pop(("next seats", subscription["id"]), None)
            subscription.update(has_scheduled_changes=False, changes_scheduled_at=None)

    def _end(self, subscription: Body) -> None:
        """What every cancelled subscription looks like; its cancelled_at is set apart."""
        self._drop_scheduled_change(subscription)
        if subscription.get("current_term_end", 0) > self._timestamp():
            subscription["current_term_end"] = self._timestamp()
        subscription.update(
            status="cancelled", next_billing_at=None, remaining_billing_cycles=None, resume_date=None, mrr=0
        )

    def _start_trial(self, subscription: Body, trial_end: int) -> None:
        subscription.update(
            status="in_trial",
            started_at=self._timestamp(),
            trial_start=self._timestamp(),
            trial_end=trial_end,
            next_billing_at=trial_end,
            mrr=0,
        )

    def _start_terms(self, subscription: Body) -> Body | None:
        """Begin counting terms now, and bill the first one."""
        price = CATALOGUE[subscription["subscription_items"][0]["item_price_id"]]
        start = instant_of(self._timestamp())  # whole seconds, as on the wire
        self._aside["anchor", subscription["id"]] = Anchor(start, price.months)
        subscription["status"] = "active"
        subscription.setdefault("started_at", self._timestamp())
        subscription["activated_at"] = self._timestamp()
        return self._bill_term(subscription)

    def _bill_term(self, subscription: Body) -> Body | None:
        """Set the term that the anchor says, and bill it ahead."""
        anchor: Anchor = self._aside["anchor", subscription["id"]]
        start = add_months(anchor.start, anchor.months * anchor.number, self.zone)
        end = add_months(anchor.start, anchor.months * (anchor.number + 1), self.zone)
        items = subscription["subscription_items"]
        subscription.update(
            current_term_start=seconds(start),
            current_term_end=seconds(end),
            next_billing_at=seconds(end),
            mrr=_monthly(subscription),
        )
        term = seconds(start), seconds(end)
        lines = [
            Line(CATALOGUE[item["item_price_id"]], item.get("quantity", 1), item["amount"], *term) for item in items
        ]
        return self._bill(subscription["customer_id"], lines, subscription=subscription)

    def _prorated(self, subscription: Body, amount: int) -> int:
        """The part of an amount for the whole term that falls on the rest of it, to the millisecond."""
        end = subscription["current_term_end"] * 1000
        whole = end - subscription["current_term_start"] * 1000
        return share(amount, max(0, end - milliseconds(self.now)), whole)

    def _credit_rest_of_term(self, subscription: Body, reason: str) -> list[Body]:
        whole = sum(item["amount"] for item in subscription["subscription_items"])
        rest = _taxed(self._prorated(subscription, whole))
        return self._credit_back(self._invoices_of_term(subscription), rest, reason)

    def _invoices_of_term(self, subscription: Body) -> list[Body]:
        """The invoices of the running term, newest first, of whoever owns the subscription now."""
        found = [
            self._edit("invoice", invoice["id"])
            for invoice in self.all("invoice")
            if invoice.get("subscription_id") == subscription["id"]
            and invoice["customer_id"] == subscription["customer_id"]
            and invoice["status"] not in ("voided", "pending")
            and invoice["line_items"][0]["date_to"] == subscription["current_term_end"]
        ]
        return found[::-1]

    def _tell_of(self, subscription: Body, event_type: str, *made: Body | None) -> None:
        """Send an event about a subscription, with its customer and what the action made (invoice, credit notes)."""
        owed = [invoice for invoice in self.all("invoice") if invoice.get("subscription_id") == subscription["id"]]
        owed = [invoice for invoice in owed if invoice["status"] in ("payment_due", "not_paid")]
        subscription["due_invoices_count"] = len(owed)
        subscription["total_dues"] = sum(invoice["amount_due"] for invoice in owed) or None
        subscription["due_since"] = min((invoice["date"] for invoice in owed), default=None)
        beside = [body for body in made if body]
        self._tell(event_type, subscription, self.current("customer", subscription["customer_id"]), *beside)

    def _begin(self, subscription_id: str) -> None:
        """What the clock does to a future subscription on its day."""
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            invoice = None
            if trial_end := subscription.get("trial_end"):
                self._start_trial(subscription, trial_end)
            else:
                invoice = self._start_terms(subscription)
            self._tell_of(subscription, "subscription_started", invoice)

    def _end_trial(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            invoice = self._start_terms(subscription)
            self._tell_of(subscription, "subscription_activated", invoice)

    def _renew(self, subscription_id: str) -> None:
        """What the clock does at the end of a term: the next one, with the seats scheduled for it, billed ahead."""
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            anchor: Anchor = self._aside["anchor", subscription_id]
            self._aside["anchor", subscription_id] = replace(anchor, number=anchor.number + 1)
            changed = self._aside.get(("next seats", subscription_id))
            if changed is not None:
                self._drop_scheduled_change(subscription)
                _set_seats(subscription, changed)
                self._tell_of(subscription, "subscription_changed")
            invoice = self._bill_term(subscription)
            self._tell_of(subscription, "subscription_renewed", invoice)

    def _carry_out_cancellation(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            subscription = self._edit("subscription", subscription_id)
            self._end(subscription)
            self._tell_of(subscription, "subscription_cancelled")

    def _resume_by_itself(self, subscription_id: str) -> None:
        with self._action("scheduled_job"):
            self.resume(subscription_id)


def _price(price_id: str, item_type: str) -> ItemPrice:
    price = CATALOGUE.get(price_id)
    if price is None or price.item_type != item_type:
        raise Refused(f"{price_id} is no {item_type} price of the catalogue", code="resource_not_found", status=404)
    return price


def _item(price: ItemPrice, quantity: int) -> Body:
    """One item of a subscription; a flat price has no quantity on the wire."""
    item = {"item_price_id": price.id, "item_type": price.item_type, "unit_price": price.amount, "free_quantity": 0}
    if price.pricing_model == "flat_fee":
        item["amount"] = price.amount
    else:
        item.update(quantity=quantity, amount=quantity * price.amount)
    return {**item, "object": "subscription_item"}


def _set_seats(subscription: Body, seats: int) -> None:
    plan = subscription["subscription_items"][0]
    plan.update(quantity=seats, amount=seats * plan["unit_price"])
    if subscription["status"] == "active":
        subscription["mrr"] = _monthly(subscription)


def _monthly(subscription: Body) -> int:
    """What a subscription brings in a month."""
    items = subscription["subscription_items"]
    return share(sum(item["amount"] for item in items), 1, CATALOGUE[items[0]["item_price_id"]].months)


def _taxed(amount: int) -> int:
    return amount + sum(tax_on(amount, tax) for tax in TAXES)


def _must_be_positive(seats: int) -> None:
    if seats < 1:
        raise WrongValue("quantity must be at least 1")
