"""What a transaction is to the books, and what it paid.

Two snapshots may speak of one payment: the transaction itself, and each invoice that lists it. They are written at
different times, so for each pair of payment and invoice the younger of the two is believed.
"""

from __future__ import annotations

from collections.abc import Iterable

# `late_failure` is a payment that had succeeded and is taken back.
_STATUS = {
    "success": "succeeded",
    "in_progress": "pending",
    "needs_attention": "pending",
    "failure": "failed",
    "timeout": "failed",
    "voided": "taken_back",
    "late_failure": "taken_back",
}
_KIND = {"payment": "payment", "refund": "refund", "payment_reversal": "reversal"}

# What finance records by hand, as Chargebee spells it.
_BY_HAND = frozenset({"check", "bank_transfer", "cash", "other", "custom"})


def is_by_hand(method: str | None) -> bool:
    """Did this money come outside the provider, to be recorded by a person?"""
    return method in _BY_HAND


def status_of(provider_status: str | None, *, deleted: bool) -> str:
    """Our word for a transaction's state: succeeded, pending, failed or taken_back. Unknown words are pending."""
    return "taken_back" if deleted else _STATUS.get(provider_status or "", "pending")


def kind_of(provider_type: str | None) -> str | None:
    """payment, refund or reversal; None for what moves no money (an authorization)."""
    return _KIND.get(provider_type or "payment")


def applications(
    *,
    transaction_version: int | None,
    transaction_counts: bool,
    by_transaction: dict[str, int],
    by_invoice: dict[str, int],
    invoice_versions: dict[str, int],
    deleted_invoices: Iterable[str] = (),
) -> dict[str, int]:
    """What a payment paid, by invoice, in minor units.

    For each invoice the younger snapshot decides: the transaction's list (`by_transaction`) or the invoice's own
    (`by_invoice`; absent where the invoice is known and lists no payment that succeeded). A transaction that failed,
    was taken back or deleted paid nothing, whatever an older invoice says.
    """
    if transaction_version is not None and not transaction_counts:
        return {}
    gone = set(deleted_invoices)
    paid = {}
    for invoice_id in by_transaction.keys() | by_invoice.keys():
        seen_by_invoice = invoice_versions.get(invoice_id)
        invoice_decides = seen_by_invoice is not None and (
            transaction_version is None or seen_by_invoice >= transaction_version
        )
        if invoice_decides:
            amount = by_invoice.get(invoice_id, 0)
        else:
            amount = by_transaction.get(invoice_id, 0)
        if amount > 0 and invoice_id not in gone:
            paid[invoice_id] = amount
    return paid


def unused(amount: int | None, stated: int | None, applied: Iterable[int], *, refunded: int = 0) -> int:
    """What paid for nothing yet. The provider's own figure where it gives one, else what is left of the amount."""
    if stated is not None:
        return stated
    return max(0, (amount or 0) - sum(applied) - refunded)
