"""When finance has something to chase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Collection = Literal["on", "off"]

OFFLINE_METHODS = frozenset({"check", "bank_transfer"})  # those that we tell how to pay by
COLLECTED = "collection was turned on"
OWING = frozenset({"posted", "payment_due", "not_paid"})


def collection_of(subscription: str | None, customer: str | None) -> Collection | None:
    """Whether the provider collects by itself. The subscription's setting, where present, overrides the customer's.

    None: neither is known yet. Then nothing is opened; the object that says it brings the invoice up again.
    """
    stated = subscription or customer
    return "off" if stated == "off" else "on" if stated == "on" else None


def owes(*, status: str | None, deleted: bool, amount_due: int) -> bool:
    """Is money still to come on this invoice, whoever collects it?"""
    return status in OWING and not deleted and amount_due > 0


def owed_offline(*, status: str | None, deleted: bool, amount_due: int, collection: Collection | None) -> bool:
    """Is this invoice to be paid by cheque or wire, and still owed? Then a follow-up is open.

    A method stored on a card payer opens nothing: only collection that is off does.
    """
    return owes(status=status, deleted=deleted, amount_due=amount_due) and collection == "off"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a follow-up stands, by what the provider says alone."""

    open: bool
    state: str  # awaiting, partial, paid, written_off, voided, closed
    reason: str | None


def position_of(
    *,
    status: str | None,
    deleted: bool,
    amount_due: int,
    amount_paid: int,
    written_off: int,
    collection: Collection | None,
) -> Position:
    """Open (awaiting, or partial once some money came), or closed and why. Amounts in minor units."""
    if owed_offline(status=status, deleted=deleted, amount_due=amount_due, collection=collection):
        return Position(True, "partial" if amount_paid > 0 else "awaiting", None)
    if deleted:
        return Position(False, "voided", "the invoice was deleted")
    if status == "voided":
        return Position(False, "voided", "the invoice was voided")
    if amount_due > 0:
        if status in OWING:
            return Position(False, "closed", COLLECTED if collection == "on" else "collection is unknown")
        return Position(False, "closed", f"the invoice is {status}")
    if written_off > 0:
        return Position(False, "written_off", "the balance was written off")
    return Position(False, "paid", "nothing is owed any more")


def bucket_of(days_late: int | None) -> str:
    """The ageing bucket of a follow-up that is so many days past due (negative: not due yet)."""
    if days_late is None:
        return "no date"
    return "0-30" if days_late <= 30 else "31-60" if days_late <= 60 else "61-90" if days_late <= 90 else "over 90"
