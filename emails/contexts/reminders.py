"""What reminders of an unpaid invoice say, from the friendly one before its date to the final notice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from billing.money import Money

from .invoices import OfflineMethod
from .letters import ToCustomer


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvoice:
    """A line of a statement of account. `days_late` is not positive before the date, None where there is no date."""

    number: str
    balance: Money
    due_on: dt.date | None = None
    days_late: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderContext(ToCustomer):
    """An invoice that is owed. `balance` was read from the provider just before.

    `pay_by` is the date that a third reminder or a final notice asks for. `suspension_on`: the day on which access may
    be suspended, only where the merchant's policy says so. `others` are further invoices of the same customer, so that
    one mail a day is enough.
    """

    number: str
    balance: Money
    due_on: dt.date
    days_late: int = 0
    offline_method: OfflineMethod | None = None
    pay_by: dt.date | None = None
    suspension_on: dt.date | None = None
    others: tuple[OpenInvoice, ...] = ()

    @property
    def statement(self) -> tuple[OpenInvoice, ...]:
        """This invoice and the others."""
        own = OpenInvoice(number=self.number, balance=self.balance, due_on=self.due_on, days_late=self.days_late)
        return (own, *self.others)

    @property
    def total(self) -> Money | None:
        """What is owed in all; None where that is no single amount, for the currencies differ."""
        if any(other.balance.currency != self.balance.currency for other in self.others):
            return None
        return sum((other.balance for other in self.others), start=self.balance)
