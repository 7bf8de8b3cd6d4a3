"""Dates with legal effect: computed once, in the site's zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def date_in(zone: str, instant: datetime) -> date:
    """The calendar date of an instant (aware) in an IANA zone such as America/Toronto."""
    return instant.astimezone(ZoneInfo(zone)).date()


def next_business_day(day: date) -> date:
    """The first day after this one that is neither Saturday nor Sunday. Holidays differ from place to place."""
    return day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
