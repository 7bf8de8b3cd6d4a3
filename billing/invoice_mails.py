"""When an invoice is worth a mail, and which."""

from __future__ import annotations

from typing import Literal

from .followups import Collection, owed_offline

Variant = Literal["paid", "due"]


def variant_called_for(
    *, status: str | None, deleted: bool, total: int, amount_due: int, collection: Collection | None
) -> Variant | None:
    """The invoice mail that an invoice calls for now, or None.

    One mail an invoice: when it is paid, or when it is open and collection is off. A zero total, a pending or
    voided invoice, and a card invoice that is not paid yet call for none.
    """
    if deleted or total <= 0:
        return None
    if status == "paid":
        return "paid"
    if owed_offline(status=status, deleted=deleted, amount_due=amount_due, collection=collection):
        return "due"
    return None


def thanks_are_due(*, amount_paid: int, written_off: int) -> bool:
    """Thank for a payment only if one was made and nothing was written off."""
    return amount_paid > 0 and written_off == 0
