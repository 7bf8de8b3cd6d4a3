"""Random histories of a few customers, each of which could have happened: for tests that try very many of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .balances import OPEN
from .pricing import MONTHLY, SUPPORT, YEARLY
from .site import Site
from .state import Body, Refused
from .subscriptions import LIVE

_START = datetime(2021, 1, 4, 14, 0, tzinfo=UTC)
_REASONS = ("Too expensive", "No longer needed", "Switched provider", None)


def history(seed: int, customers: int = 3, actions: int = 25, *, stale: bool = False) -> Site:
    """A site on which `actions` things were done to some customers, with time passing in between.

    The same arguments give the same bytes. With `stale`, an event carries objects other than its own up to three
    versions behind, as real events do. Either way the last state of every object has been told by some event.
    """
    past = _Past(seed, stale)
    for number in range(1, customers + 1):
        past.new_customer(number)
    for _ in range(actions):
        past.let_time_pass()
        past.do_something()
    return past.site


class _Past:
    """A site, and the dice that decide what happens on it."""

    def __init__(self, seed: int, stale: bool) -> None:
        self.dice = random.Random(f"{seed} history")
        self.site = Site(seed=seed, now=_START + timedelta(minutes=self.dice.randrange(40000)), stale=stale)
        self.deeds: dict[Callable[[], object], int] = {
            self.order: 8, self.more_or_fewer_seats: 10, self.change_plan: 2, self.record_payment: 8,
            self.pay_several: 2, self.pay_by_card: 3, self.take_payment_off: 3, self.bounce: 4, self.reverse: 2,
            self.refund: 3, self.apply_excess: 2, self.void: 2, self.write_off: 2, self.close: 1, self.delete: 1,
            self.schedule_cancellation: 6, self.keep: 4, self.cancel: 2, self.reactivate: 3, self.pause: 2,
            self.resume: 2, self.move: 2, self.switch_collection: 4, self.switch_one_collection: 2,
            self.change_address: 2, self.new_card: 2, self.delete_card: 1, self.delete_subscription: 1,
        }  # fmt: skip

    def new_customer(self, number: int) -> None:
        offline = self.dice.random() < 0.6
        self.site.create_customer(
            id=f"customer-{number}",
            company=f"Client {number} inc.",
            first_name=self.dice.choice(["Marie", "Alex", "Luc"]),
            email=f"client{number}@example.example",
            locale=self.dice.choice(["fr-CA", "en-CA", None]),
            auto_collection="off" if offline else "on",
            offline_payment_method=self.dice.choice(["check", "bank_transfer"]) if offline else None,
            net_term_days=self.dice.choice([0, 30]),
            contacts=[{"email": f"comptes{number}@example.example"}] if self.dice.random() < 0.5 else (),
        )
        if not offline or self.dice.random() < 0.2:
            self.new_card(f"customer-{number}")
        self.order(f"customer-{number}")

    def let_time_pass(self) -> None:
        """Often no time at all, so that instants tie; sometimes a term and more."""
        step = self.dice.choice([0, 0, 0.4, 60, 3600, 86400, 86400 * 4, 86400 * 15, 86400 * 35])
        self.site.advance(seconds=step * self.dice.choice([1, 1, 0.731]))

    def do_something(self) -> None:
        """One deed that the site lets be done. There always is one: a new order is never refused."""
        for deed in self._shuffled():
            seen = len(self.site.events)
            try:
                deed()
            except (Refused, _NothingThere):
                continue
            if len(self.site.events) > seen:
                return
        self.order()

    def _shuffled(self) -> list[Callable[[], object]]:
        keys = {deed: self.dice.random() ** (1 / weight) for deed, weight in self.deeds.items()}
        return sorted(keys, key=lambda deed: keys[deed], reverse=True)

    def _one(self, kind: str, *statuses: str, **fields: object) -> Body:
        """Any object of a kind, in one of these states and with these fields."""
        found = [b for b in self.site.find(kind, **fields) if not statuses or b.get("status") in statuses]
        if not found:
            raise _NothingThere
        return self.dice.choice(found)

    def order(self, customer_id: str | None = None) -> None:
        price = self.dice.choice([MONTHLY, MONTHLY, YEARLY])
        later = self.dice.random() < 0.1
        self.site.subscribe(
            customer_id or self._one("customer")["id"],
            price.id,
            self.dice.randint(1, 20),
            addons={SUPPORT.id: 1} if price is YEARLY and self.dice.random() < 0.3 else None,
            starts_at=self.site.now + timedelta(days=self.dice.randint(1, 20)) if later else None,
            trial_days=14 if self.dice.random() < 0.15 else 0,
            auto_collection=self.dice.choice([None, None, None, "on", "off"]),
            pending_invoices=self.dice.random() < 0.1,
        )

    def more_or_fewer_seats(self) -> None:
        subscription = self._one("subscription", "future", *LIVE)
        at_end = self.dice.random() < 0.25
        self.site.change_seats(subscription["id"], self.dice.randint(1, 30), end_of_term=at_end)

    def change_plan(self) -> None:
        self.site.change_plan(self._one("subscription", "active", "in_trial")["id"], YEARLY.id)

    def record_payment(self) -> None:
        invoice = self._one("invoice", *OPEN)
        due = invoice["amount_due"]
        part = self.dice.choice([None, None, max(1, due // 2), max(1, due // 3), due + self.dice.randint(1, 5000)])
        method = self.dice.choice(["check", "bank_transfer", "other"])
        self.site.record_payment(invoice["id"], amount=part, method=method, reference=f"REF-{due}")

    def pay_several(self) -> None:
        customer = self._one("invoice", *OPEN)["customer_id"]
        owing = [i for i in self.site.find("invoice", customer_id=customer) if i["status"] in OPEN]
        total = sum(invoice["amount_due"] for invoice in owing)
        amount = self.dice.choice([None, max(1, total - 100), total + 250])
        self.site.record_payment([invoice["id"] for invoice in owing], amount=amount, method="bank_transfer")

    def pay_by_card(self) -> None:
        self.site.pay_by_card(self._one("invoice", *OPEN)["id"], succeeds=self.dice.random() < 0.7)

    def take_payment_off(self) -> None:
        payment = self._one("transaction", "success", type="payment")
        if not payment["linked_invoices"]:
            raise _NothingThere
        self.site.remove_payment(self.dice.choice(payment["linked_invoices"])["invoice_id"], payment["id"])

    def bounce(self) -> None:
        self.site.bounce(self._one("transaction", "success", type="payment", gateway="not_applicable")["id"])

    def reverse(self) -> None:
        payment = self._one("transaction", "success", type="payment", payment_method="card")
        self.site.reverse_payment(payment["id"], chargeback=self.dice.random() < 0.5)

    def refund(self) -> None:
        amount = None if self.dice.random() < 0.5 else self.dice.randint(1, 5000)
        self.site.refund(self._one("invoice", "paid")["id"], amount)

    def apply_excess(self) -> None:
        owing = self._one("invoice", *OPEN)
        self.site.apply_excess(owing["id"])

    def void(self) -> None:
        self.site.void_invoice(self._one("invoice", *OPEN)["id"])

    def write_off(self) -> None:
        self.site.write_off(self._one("invoice", *OPEN)["id"])

    def close(self) -> None:
        self.site.close_invoice(self._one("invoice", "pending")["id"])

    def delete(self) -> None:
        self.site.delete_invoice(self._one("invoice", *OPEN, "pending")["id"])

    def schedule_cancellation(self) -> None:
        subscription = self._one("subscription", *LIVE)
        end = subscription["trial_end" if subscription["status"] == "in_trial" else "current_term_end"]
        left = end - self.site.timestamp
        at = self.site.now + timedelta(seconds=self.dice.randrange(1, left)) if left > 1 else None
        at = at if self.dice.random() < 0.4 else None
        self.site.schedule_cancellation(subscription["id"], at=at, reason=self.dice.choice(_REASONS))

    def keep(self) -> None:
        ending = [body for body in self.site.all("subscription") if body["status"] in LIVE and "cancelled_at" in body]
        if not ending:
            raise _NothingThere
        self.site.remove_scheduled_cancellation(self.dice.choice(ending)["id"])

    def cancel(self) -> None:
        subscription = self._one("subscription", "paused", "future", *LIVE)
        self.site.cancel(subscription["id"], reason=self.dice.choice(_REASONS), credit=self.dice.random() < 0.5)

    def reactivate(self) -> None:
        self.site.reactivate(self._one("subscription", "cancelled")["id"])

    def pause(self) -> None:
        resume_at = self.site.now + timedelta(days=self.dice.randint(1, 60)) if self.dice.random() < 0.5 else None
        self.site.pause(self._one("subscription", "active")["id"], resume_at=resume_at)

    def resume(self) -> None:
        self.site.resume(self._one("subscription", "paused")["id"])

    def move(self) -> None:
        self.site.move_subscription(self._one("subscription", "future", *LIVE)["id"], self._one("customer")["id"])

    def switch_collection(self) -> None:
        customer = self._one("customer")
        if customer["auto_collection"] == "off":
            self.site.change_customer(customer["id"], auto_collection="on", offline_payment_method=None)
        else:
            method = self.dice.choice(["check", "bank_transfer"])
            self.site.change_customer(customer["id"], auto_collection="off", offline_payment_method=method)

    def switch_one_collection(self) -> None:
        subscription = self._one("subscription", "future", *LIVE)
        self.site.change_collection(subscription["id"], auto_collection=self.dice.choice([None, "on", "off"]))

    def change_address(self) -> None:
        number = self.dice.randrange(1000)
        self.site.change_customer(
            self._one("customer")["id"],
            email=self.dice.choice([f"facturation{number}@example.example", None]),
            locale=self.dice.choice(["fr-CA", "en-CA"]),
            contacts=[{"email": f"contact{number}@example.example", "enabled": self.dice.random() < 0.8}],
        )

    def new_card(self, customer_id: str | None = None) -> None:
        last4 = self.dice.choice(["4242", "1881", "0002"])
        expires = self.dice.randint(1, 12), self.dice.choice([2021, 2022])
        self.site.add_card(customer_id or self._one("customer")["id"], last4=last4, expires=expires)

    def delete_card(self) -> None:
        self.site.delete_card(self._one("payment_source")["id"])

    def delete_subscription(self) -> None:
        self.site.delete_subscription(self._one("subscription")["id"])


class _NothingThere(Exception):
    """No object that this deed could be done to."""
