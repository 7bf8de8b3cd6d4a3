"""Very many customers at once, each with a life that could have been: for load runs, and to see what a site holds.

Half of them pay by the month and half by the year; of the former four in five by card, of the latter two in five, the
others by cheque or wire. About three times a year a customer wants something: mostly other seats, sometimes another
address, card or plan, a pause or the end. One card in twenty is declined; one cheque or wire in twenty comes in two
parts or too large, one in fifty bounces, one in thirty never comes.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from .balances import OPEN
from .events import EventRecord
from .pricing import MONTHLY, SUPPORT, YEARLY
from .site import Site
from .state import Body, Refused
from .subscriptions import LIVE

_ARRIVALS = timedelta(days=30)  # all customers come within this time
_WISHES_A_YEAR = 3
_REASONS = ("Too expensive", "No longer needed", "Switched provider", None)
_Errand = Callable[[], object]


def populate(
    site: Site,
    customers: int,
    *,
    years: float = 1,
    events: int | None = None,
    progress: Callable[[float], object] = lambda _done: None,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Have so many customers come to a site and live there for so many years each.

    With `events` they live on, however long that takes, until the site has made that many (and the few that the last
    action made beyond it). The same site and arguments give the same bytes. `progress` is told what part is done;
    `after` is called after each thing that happened, with the site's clock at its instant.
    """
    _Population(site, customers).live(site.now + _ARRIVALS + years * timedelta(days=365), events, progress, after)


@dataclass(slots=True)
class _Life:
    """A customer: how it pays, and what it has bought."""

    customer_id: str
    subscription_id: str
    pays_by: str  # card | check | bank_transfer


class _Population:
    """A site, the dice, and what customers are going to do, in order of time."""

    def __init__(self, site: Site, customers: int) -> None:
        self.site = site
        self.dice = random.Random(f"{site.seed} population")
        self.lives: dict[str, _Life] = {}
        self.heard = len(site.events)
        self._errands: list[tuple[datetime, int, _Errand]] = []
        self._number = 0
        self._wishes: dict[Callable[[_Life, Body], object], float] = {
            self.more_seats: 50, self.fewer_seats: 18, self.other_seats_next_term: 10, self.new_address: 10,
            self.go_annual: 3, self.stop_later: 8, self.stop_now: 1, self.pause: 2, self.complain: 3,
            self.dispute: 1, self.new_card: 4,
        }  # fmt: skip
        for number in range(1, customers + 1):
            self.later(_ARRIVALS * self.dice.random(), partial(self.arrive, number))

    def live(
        self, end: datetime, events: int | None, progress: Callable[[float], object], after: Callable[[], object]
    ) -> None:
        """Let everything happen in order until the end comes, or there are as many events as wanted."""
        site, start, told = self.site, self.site.now, 0.0
        first, wanted = len(site.events), events or 0
        while len(site.events) < first + wanted if events else True:
            due_at, (at, _, errand) = site.next_due_at, self._errands[0]
            if not events and at > end and not (due_at and due_at <= end):
                site.advance_to(end)
                break
            if due_at and due_at <= at:
                site.step_to_next_due()
            else:
                heapq.heappop(self._errands)
                site.advance_to(at)
                errand()
            self.hear()
            after()
            done = (len(site.events) - first) / wanted if events else (site.now - start) / (end - start)
            if told + 0.01 <= done < 1:
                progress(told := done)
        progress(1.0)

    def later(self, after: timedelta, errand: _Errand) -> None:
        self._number += 1
        heapq.heappush(self._errands, (self.site.now + after, self._number, errand))

    def some_days(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=int(self.dice.uniform(least, most) * 86400))

    def chance(self, one_in: float) -> bool:
        return self.dice.random() * one_in < 1

    # ---- coming, and hearing from the site ---------------------------------------------------------------------------

    def arrive(self, number: int) -> None:
        """A new customer, who buys at once or tries first."""
        yearly = self.chance(2)
        by_card = self.dice.random() < (0.4 if yearly else 0.8)
        pays_by = "card" if by_card else self.dice.choice(("check", "bank_transfer"))
        customer = self.site.create_customer(
            id=f"client-{number:06}",
            company=f"Client {number} inc.",
            first_name=self.dice.choice(("Marie", "Alex", "Luc", "Anne")),
            email=f"client{number}@example.example",
            locale="fr-CA" if self.dice.random() < 0.7 else "en-CA",
            auto_collection="on" if by_card else "off",
            offline_payment_method=None if by_card else pays_by,
            net_term_days=0 if by_card else self.dice.choice((0, 15, 30, 30)),
        )
        if by_card:
            self.add_card(customer["id"], works=not self.chance(20))
        subscription = self.site.subscribe(
            customer["id"],
            (YEARLY if yearly else MONTHLY).id,
            self.seats(),
            addons={SUPPORT.id: 1} if yearly and self.chance(4) else None,
            trial_days=14 if self.chance(10) else 0,
        )
        life = self.lives[customer["id"]] = _Life(customer["id"], subscription["id"], pays_by)
        self.wait_for_wish(life)

    def seats(self) -> int:
        """Mostly few, rarely very many."""
        return 1 + int(self.dice.paretovariate(1.2) * 2) % 200

    def add_card(self, customer_id: str, *, works: bool = True) -> None:
        expires = self.dice.randint(1, 12), self.site.now.year + self.dice.randint(1, 4)
        self.site.add_card(customer_id, last4=self.dice.choice(("4242", "1881")) if works else "0002", expires=expires)

    def hear(self) -> None:
        """Take note of what the site has said since: of invoices to pay by cheque or wire, and of declined cards."""
        for record in self.site.event_records[self.heard :]:
            if record.event_type == "invoice_generated":
                self.get_invoice(record)
            elif record.event_type == "payment_failed" and record.customer_id and not self.chance(4):
                self.later(self.some_days(1, 10), partial(self.replace_card, record.customer_id))
        self.heard = len(self.site.events)

    def get_invoice(self, record: EventRecord) -> None:
        life = self.lives.get(record.customer_id or "")
        if life and life.pays_by != "card" and not self.chance(30):
            self.later(self.some_days(2, 50), partial(self.pay, life, record.subject_id))

    # ---- money -------------------------------------------------------------------------------------------------------

    def pay(self, life: _Life, invoice_id: str) -> None:
        """A cheque or wire comes in: the whole, a part with the rest to follow, or too much."""
        invoice = self.site.current("invoice", invoice_id)
        if invoice["status"] not in OPEN or invoice["deleted"]:
            return
        due = invoice["amount_due"]
        amount = due
        if self.chance(25):
            amount = max(1, due // 2)
            self.later(self.some_days(5, 20), partial(self.pay, life, invoice_id))
        elif self.chance(100):
            amount = due + self.dice.randint(1, 5000)
        method = "check" if life.pays_by == "card" else life.pays_by
        payment = self.site.record_payment(invoice_id, amount=amount, method=method, reference=f"REF-{self._number}")
        if self.chance(50):
            self.later(self.some_days(2, 6), partial(self.bounce, life, payment["id"], invoice_id))

    def bounce(self, life: _Life, payment_id: str, invoice_id: str) -> None:
        payment = self.site.current("transaction", payment_id)
        if payment["status"] == "success" and not payment["deleted"] and not payment["linked_refunds"]:
            self.site.bounce(payment_id)
            self.later(self.some_days(3, 15), partial(self.pay, life, invoice_id))

    def replace_card(self, customer_id: str) -> None:
        """A customer whose card was declined stores another one, and pays what is owed with it."""
        self.add_card(customer_id)
        for invoice in self.site.find("invoice", customer_id=customer_id):
            if invoice["status"] in OPEN and invoice["amount_due"]:
                self.site.pay_by_card(invoice["id"])

    # ---- wishes ------------------------------------------------------------------------------------------------------

    def wait_for_wish(self, life: _Life) -> None:
        wait = timedelta(days=365 / _WISHES_A_YEAR) * self.dice.expovariate(1)
        self.later(max(wait, timedelta(hours=1)), partial(self.wish, life))

    def wish(self, life: _Life) -> None:
        """One thing that a customer wants, if it still has a subscription; else it may come back."""
        subscription = self.site.current("subscription", life.subscription_id)
        wanted = self.dice.choices(tuple(self._wishes), tuple(self._wishes.values()))[0]
        with suppress(Refused):  # what the site will not do, the customer does not get
            if subscription["status"] in LIVE:
                wanted(life, subscription)
            elif subscription["status"] == "cancelled" and self.chance(6):
                self.site.reactivate(life.subscription_id)
        self.wait_for_wish(life)

    def more_seats(self, life: _Life, subscription: Body) -> None:
        seats = subscription["subscription_items"][0]["quantity"]
        self.site.change_seats(life.subscription_id, seats + self.dice.randint(1, max(2, seats // 3)))

    def fewer_seats(self, life: _Life, subscription: Body) -> None:
        seats = subscription["subscription_items"][0]["quantity"]
        if seats > 1:
            self.site.change_seats(life.subscription_id, self.dice.randint(max(1, seats // 2), seats - 1))

    def other_seats_next_term(self, life: _Life, subscription: Body) -> None:
        self.site.change_seats(life.subscription_id, self.seats(), end_of_term=True)

    def new_address(self, life: _Life, subscription: Body) -> None:
        number = self.dice.randrange(1000)
        self.site.change_customer(life.customer_id, email=f"facturation{number}@example.example")

    def go_annual(self, life: _Life, subscription: Body) -> None:
        if subscription["billing_period_unit"] == "month":
            self.site.change_plan(life.subscription_id, YEARLY.id)

    def stop_later(self, life: _Life, subscription: Body) -> None:
        """Cancel for the end of the term; one in four thinks again."""
        if "cancelled_at" not in subscription:
            self.site.schedule_cancellation(life.subscription_id, reason=self.dice.choice(_REASONS))
            if self.chance(4):
                self.later(self.some_days(1, 10), partial(self.think_again, life))

    def think_again(self, life: _Life) -> None:
        subscription = self.site.current("subscription", life.subscription_id)
        if subscription["status"] in LIVE and "cancelled_at" in subscription:
            self.site.remove_scheduled_cancellation(life.subscription_id)

    def stop_now(self, life: _Life, subscription: Body) -> None:
        self.site.cancel(life.subscription_id, reason=self.dice.choice(_REASONS), credit=self.chance(2))

    def pause(self, life: _Life, subscription: Body) -> None:
        if subscription["status"] == "active":
            self.site.pause(life.subscription_id, resume_at=self.site.now + self.some_days(10, 60))

    def complain(self, life: _Life, subscription: Body) -> None:
        """Ask for a part of the newest payment back."""
        payments = self._payments(life)
        if payments and payments[-1]["linked_invoices"]:
            link = payments[-1]["linked_invoices"][0]
            self.site.refund(link["invoice_id"], max(1, link["applied_amount"] // 10))

    def dispute(self, life: _Life, subscription: Body) -> None:
        """Have the bank take the newest card payment back."""
        payments = [payment for payment in self._payments(life) if payment["payment_method"] == "card"]
        if payments:
            self.site.reverse_payment(payments[-1]["id"], chargeback=True)

    def _payments(self, life: _Life) -> list[Body]:
        found = self.site.find("transaction", customer_id=life.customer_id, type="payment", status="success")
        return [payment for payment in found if not payment["linked_refunds"]]

    def new_card(self, life: _Life, subscription: Body) -> None:
        if life.pays_by == "card":
            self.add_card(life.customer_id)
