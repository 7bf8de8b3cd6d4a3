"""What the mails about an invoice say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from billing.errors import NeedsAttention
from billing.money import Money

from .letters import PaidWith, ToCustomer

OfflineMethod = Literal["check", "bank_transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice. `description` and `detail` are the provider's words, shown as they are.

    The quantity is shown with the unit price when the two make the amount, else alone. `starts_on` and `ends_on` are
    the first and the last day of the period.
    """

    description: str
    amount: Money
    quantity: int | None = None
    unit_price: Money | None = None
    prorated: bool = False
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    detail: str | None = None

    @property
    def multiplies(self) -> bool:
        """Whether quantity times unit price is what the line asks for."""
        if self.quantity is None or self.unit_price is None:
            return False
        return Money(self.quantity * self.unit_price.minor, self.unit_price.currency) == self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """A tax as the provider reckoned it. `percent` is 9.975 for 9,975 %, or None when there is no single rate."""

    name: str
    amount: Money
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A reduction; `amount` is what it takes off, as a positive amount. `name` is the coupon's, if any."""

    amount: Money
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceContext(ToCustomer):
    """An invoice, paid or to pay by cheque or wire.

    `thanks` is true only if the customer paid something and nothing was written off; otherwise the words stay neutral.
    `credits_applied` and `amount_paid` are positive amounts. `next_billing_amount` is given only when an estimate was
    read, and said only with `next_billing_on`. `attached`: whether the PDF goes with this mail.
    """

    number: str
    issued_on: dt.date
    variant: Literal["paid", "due"]
    lines: tuple[Line, ...]
    total: Money
    amount_paid: Money
    balance: Money
    attached: bool
    due_on: dt.date | None = None
    taxes: tuple[Tax, ...] = ()
    discounts: tuple[Discount, ...] = ()
    credits_applied: Money | None = None
    paid_on: dt.date | None = None
    paid_with: PaidWith | None = None
    thanks: bool = False
    next_billing_on: dt.date | None = None
    next_billing_amount: Money | None = None
    offline_method: OfflineMethod | None = None

    def __post_init__(self) -> None:
        owed = self.balance.minor > 0
        if owed != (self.variant == "due"):
            raise NeedsAttention(
                f"invoice {self.number} would be announced as {self.variant} with a balance of {self.balance.minor} "
                f"{self.balance.currency} minor units; read the invoice again"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentInstructionsContext(ToCustomer):
    """How to pay one invoice by cheque or wire, without its lines."""

    number: str
    balance: Money
    due_on: dt.date | None = None
    offline_method: OfflineMethod | None = None
