"""What the contexts of several kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from billing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCustomer:
    """Who reads it: the first name to greet by, and the company; None where it is not known."""

    first_name: str | None = None
    company: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWith:
    """How money came, or goes back. `brand` is Chargebee's `card_type`; `reference` a cheque's or a wire's number.

    `other` says nothing of the way: the reader knows how they paid.
    """

    method: Literal["card", "check", "bank_transfer", "other"]
    brand: str | None = None
    last4: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is still owed on one invoice."""

    number: str
    amount: Money
