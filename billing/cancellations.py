"""When a subscription ends.

The provider carries scheduled cancellations out itself. What is reckoned here is what its snapshots say: which end
is still to come, which has come, and which was overtaken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .seats import LIVE


@dataclass(frozen=True, slots=True)
class End:
    """The end that a subscription's snapshot shows: `run` once it has come, else still scheduled."""

    effective_at: datetime
    run: bool


def end_of(*, status: str | None, deleted: bool, cancelled_at: datetime | None, seen_at: datetime) -> End | None:
    """The cancellation that a snapshot shows, or None.

    `cancelled_at` alone never means "is cancelled": while the subscription is live it is the date to come. A
    snapshot that is cancelled and names no instant ended when it was made (`seen_at`).
    """
    if deleted:
        return None
    if status == "cancelled":
        return End(cancelled_at or seen_at, run=True)
    if status in LIVE and cancelled_at is not None:
        return End(cancelled_at, run=False)
    return None


def reason_of(*, cancel_reason: str | None, runs_out: bool) -> str | None:
    """Why it ends: the provider's code, or `term_ended` where the cycles that were sold are used up."""
    return cancel_reason or ("term_ended" if runs_out else None)


def is_due(effective_at: datetime, now: datetime) -> bool:
    """Has the instant come? Asked again and again, so that days of downtime skip nothing."""
    return effective_at <= now
