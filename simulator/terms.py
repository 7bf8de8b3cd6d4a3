"""Dates of terms: where a billing month or year ends, and how far along an instant is.

Terms are reckoned on the wall clock of the site's time zone, as the customer sees them, and kept as UTC instants.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)


def add_months(anchor: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The same wall-clock moment `months` later in `zone`, in UTC.

    A day that the target month lacks becomes its last day. Always count from the anchor, never from the last
    boundary: a term anchored on the 31st ends on 28 February and then on 31 March.
    """
    local = anchor.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


def add_days(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same wall-clock moment `days` later in `zone`, in UTC: a day with a clock change counts as one day."""
    local = start.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def milliseconds(instant: datetime) -> int:
    """Milliseconds since the epoch, exact: no float comes near an amount or a version."""
    return (instant - _EPOCH) // _MILLISECOND


def seconds(instant: datetime) -> int:
    """Whole seconds since the epoch, as every timestamp on the wire."""
    return (instant - _EPOCH) // _SECOND


def instant_of(timestamp: int) -> datetime:
    """The UTC instant of a timestamp on the wire."""
    return datetime.fromtimestamp(timestamp, UTC)


def later(anchor: datetime, months: int, days: int, terms: int, zone: ZoneInfo) -> datetime:
    """The boundary of a term: so many times `months` or `days` after the anchor."""
    return add_days(anchor, days * terms, zone) if days else add_months(anchor, months * terms, zone)
