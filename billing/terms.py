"""Dates with legal effect: computed once, in the site's zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo


def date_in(zone: str, instant: datetime) -> date:
    """The calendar date of an instant (aware) in an IANA zone such as America/Toronto."""
    return instant.astimezone(ZoneInfo(zone)).date()
