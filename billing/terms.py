"""Dates with legal effect: computed once, in the site's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def date_in(zone: str, instant: datetime) -> date:
    """The calendar date of an instant (aware) in an IANA zone such as America/Toronto."""
    return instant.astimezone(ZoneInfo(zone)).date()


def first_second(zone: str, day: date) -> datetime:
    """The instant at which a day begins in an IANA zone. Where that hour does not exist, the first one after it."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def last_second(zone: str, day: date) -> datetime:
    """The last whole second of a day: who has something until that day has it for all of it."""
    return first_second(zone, day + timedelta(days=1)) - timedelta(seconds=1)


def next_business_day(day: date) -> date:
    """The first day after this one that is neither Saturday nor Sunday. Holidays differ from place to place."""
    return day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
