"""The way that money came or goes back, as a mail says it."""

from __future__ import annotations

from typing import Literal, cast

from emails.contexts import PaidWith
from models import Transaction

_NAMED = ("card", "check", "bank_transfer")


def way_of(transaction: Transaction, *, brand: str | None = None) -> PaidWith:
    """How this payment or refund was made. A way that mails have no word for is `other`."""
    method = transaction.payment_method if transaction.payment_method in _NAMED else "other"
    return PaidWith(
        method=cast(Literal["card", "check", "bank_transfer", "other"], method),
        brand=brand,
        last4=transaction.last4,
        reference=transaction.reference,
    )
