"""What the mails about a subscription say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from billing.money import Money

from .letters import Balance, ToCustomer


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationScheduledContext(ToCustomer):
    """A subscription that will end. `reason` is in the words that the customer gave or chose, never a code.

    `term_ended`: it runs out of billing cycles, nobody cancelled it. `balances` is empty when nothing is owed and None
    when that is not known: only the former lets the mail say that nothing more will be billed. `subscription` names it
    where the customer has more than one.
    """

    effective_on: dt.date
    subscription: str | None = None
    reason: str | None = None
    term_ended: bool = False
    balances: tuple[Balance, ...] | None = None
    credit: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRemovedContext(ToCustomer):
    """A cancellation that will not happen: the subscription continues."""

    subscription: str | None = None
    next_billing_on: dt.date | None = None
    next_billing_amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledContext(ToCustomer):
    """A subscription that has ended, on the local date `effective_on`.

    `planned`: a cancellation was scheduled before, so the mail may say "as planned". `today`: it is sent on that date.
    The rest is as for a scheduled one.
    """

    effective_on: dt.date
    subscription: str | None = None
    reason: str | None = None
    term_ended: bool = False
    planned: bool = False
    today: bool = False
    balances: tuple[Balance, ...] | None = None
    credit: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsChangedContext(ToCustomer):
    """Another number of licences, now. `charge` and `credit` are prorated, taxes included, as positive amounts.

    `today`: the mail may say that it counts from today; else the date is said.
    """

    before: int
    after: int
    effective_on: dt.date
    today: bool = False
    subscription: str | None = None
    charge: Money | None = None
    credit: Money | None = None
    renews_on: dt.date | None = None
    next_billing_on: dt.date | None = None
    next_billing_amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsChangeScheduledContext(ToCustomer):
    """Another number of licences, from a date to come."""

    before: int
    after: int
    effective_on: dt.date
    subscription: str | None = None
    next_billing_on: dt.date | None = None
    next_billing_amount: Money | None = None
