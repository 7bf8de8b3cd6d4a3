"""What the mails about a payment say: received, failed, about to fail, given back, returned by the bank."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from billing.declines import Decline
from billing.money import Money

from .letters import PaidWith, ToCustomer

ReturnReason = Literal["insufficient_funds", "account_closed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidInvoice:
    """An invoice that a payment went to: how much of the payment, and what is still owed on it afterwards."""

    number: str
    amount: Money
    balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceivedContext(ToCustomer):
    """A cheque or a wire that was recorded. `unused` is what exceeded the balances and stays as a credit."""

    amount: Money
    received_on: dt.date
    paid_with: PaidWith
    invoices: tuple[PaidInvoice, ...] = ()
    unused: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailedContext(ToCustomer):
    """A card or a bank account that could not be charged.

    `reason` None: the bank gave none that we can put in plain words. `next_try_on` None: it is not known, so nothing is
    said of it. `access_until`: the day on which access ends if nothing is paid, only where the merchant's policy says
    so.
    """

    amount: Money
    failed_on: dt.date
    paid_with: PaidWith
    number: str | None = None
    reason: Decline | None = None
    next_try_on: dt.date | None = None
    access_until: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodExpiringContext(ToCustomer):
    """A card that expires at the end of a month. `month` is any day of it."""

    month: dt.date
    card: PaidWith


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundIssuedContext(ToCustomer):
    """Money given back. `to` is where it goes; `number` the invoice that it is for."""

    amount: Money
    issued_on: dt.date
    to: PaidWith
    number: str | None = None
    credit_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturnedContext(ToCustomer):
    """A cheque that the bank returned: the invoice is to pay again.

    `reference` is the cheque's number. `fee` only where the merchant asks for one; `balance` is what is owed in all.
    """

    number: str
    amount: Money
    balance: Money
    reference: str | None = None
    reason: ReturnReason | None = None
    fee: Money | None = None
    due_on: dt.date | None = None
