"""Random histories of a few customers, each of which could have happened: for tests that try very many of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .deeds import MoneyDeeds, NothingThere
from .site import Site
from .state import Refused

LONGEST = 145  # days of a life
_START = datetime(2021, 1, 4, 14, 0, tzinfo=UTC)


def history(seed: int, customers: int = 3, actions: int = 25, *, stale: bool = False) -> Site:
    """A site on which `actions` things were done to some customers, with time passing in between.

    The same arguments give the same bytes. With `stale`, an event carries objects other than its own up to three
    versions behind, as real events do. Either way the last state of every object has been told by some event.
    """
    past = _Past(seed, stale)
    for number in range(1, customers + 1):
        past.deeds.order(past.deeds.new_customer(number))
    for _ in range(actions):
        past.let_time_pass()
        past.do_something()
    return past.site


def life(seed: int, end: datetime, *, stale: bool = True) -> Site:
    """One customer's life of some weeks or months, or that of two who have to do with each other, on their own site.

    Lives of different seeds share no id, and all end at the same instant: any number of them can be told to one
    receiver as if they were one site's.
    """
    dice = random.Random(f"{seed} life")
    days = min(LONGEST, 3 + dice.expovariate(1 / 32))
    past = _Past(seed, stale, end - timedelta(seconds=int(days * 86400)))
    past.site.invoice_prefix, past.site.credit_note_prefix = f"F-{seed}-", f"NC-{seed}-"
    for number in range(1, 3 if dice.random() < 0.25 else 2):
        past.deeds.order(past.deeds.new_customer(f"{seed}-{number}"))
    while past.site.now < end:
        past.let_time_pass(until=end)
        past.do_something()
    return past.site


class _Past:
    """A site, and what is how likely to happen on it."""

    def __init__(self, seed: int, stale: bool, now: datetime | None = None) -> None:
        self.dice = random.Random(f"{seed} history")
        now = now or _START + timedelta(minutes=self.dice.randrange(40000))
        self.site = Site(seed=seed, now=now, stale=stale)
        self.deeds = do = MoneyDeeds(self.site, self.dice)
        self.weights: dict[Callable[[], object], int] = {
            do.order: 8, do.more_or_fewer_seats: 10, do.change_items: 6, do.drop_change: 2, do.change_plan: 2,
            do.put_off_a_charge: 3, do.bill_charges: 2, do.drop_charge: 1, do.charge: 3, do.record_payment: 8,
            do.pay_several: 2, do.pay_ahead: 2, do.pay_by_card: 3, do.apply_payment: 3, do.take_payment_off: 3,
            do.bounce: 4, do.reverse: 2, do.refund: 3, do.record_refund: 3, do.refund_payment: 2, do.refund_credit: 3,
            do.credit_by_hand: 3, do.void_credit: 2, do.apply_credit: 2, do.take_credit_off: 2, do.void: 2,
            do.write_off: 2, do.close: 1, do.delete: 1, do.stop_dunning: 1, do.pause_dunning: 3, do.resume_dunning: 1,
            do.schedule_cancellation: 6, do.keep: 4, do.cancel: 3, do.reactivate: 3, do.pause: 3, do.resume: 3,
            do.unpause: 1, do.move: 2, do.switch_collection: 4, do.switch_one_collection: 2, do.change_address: 2,
            do.move_house: 1, do.new_card: 2, do.new_account: 2, do.choose_card: 1, do.delete_card: 1, do.comment: 1,
            do.give_credits: 2, do.take_credits: 1, do.delete_subscription: 1,
        }  # fmt: skip

    def let_time_pass(self, until: datetime | None = None) -> None:
        """Often no time at all, so that instants tie; sometimes a term and more."""
        step = self.dice.choice([0, 0, 0.4, 60, 3600, 86400, 86400 * 4, 86400 * 15, 86400 * 35])
        then = self.site.now + timedelta(seconds=step * self.dice.choice([1, 1, 0.731]))
        self.site.advance_to(min(then, until) if until else then)

    def do_something(self) -> None:
        """One deed that the site lets be done. There always is one: a new order is never refused."""
        for deed in self._shuffled():
            seen = len(self.site.events)
            try:
                deed()
            except (Refused, NothingThere):
                continue
            if len(self.site.events) > seen:
                return
        self.deeds.order()

    def _shuffled(self) -> list[Callable[[], object]]:
        keys = {deed: self.dice.random() ** (1 / weight) for deed, weight in self.weights.items()}
        return sorted(keys, key=lambda deed: keys[deed], reverse=True)
