"""Where terms end: months of 28 to 31 days, leap years, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.terms import add_days, add_months, milliseconds

TORONTO = ZoneInfo("America/Toronto")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TORONTO)


@pytest.mark.parametrize(
    ("anchor", "months", "end"),
    [
        ("2021-01-15 10:00", 1, "2021-02-15 10:00"),
        ("2021-01-31 10:00", 1, "2021-02-28 10:00"),
        ("2021-01-31 10:00", 2, "2021-03-31 10:00"),  # the anchor's day comes back
        ("2021-01-31 10:00", 3, "2021-04-30 10:00"),
        ("2020-01-30 10:00", 1, "2020-02-29 10:00"),
        ("2020-02-29 10:00", 12, "2021-02-28 10:00"),
        ("2020-02-29 10:00", 48, "2024-02-29 10:00"),
        ("2021-11-30 23:30", 3, "2022-02-28 23:30"),
        ("2021-12-15 00:00", 1, "2022-01-15 00:00"),
        ("2021-02-14 02:30", 1, "2021-03-14 03:30"),  # half past two does not exist that night
        ("2021-10-07 01:30", 1, "2021-11-07 01:30"),  # and this one exists twice: the first
    ],
)
def test_a_term_ends_on_the_anchor_day_by_the_clocks_of_the_site(anchor: str, months: int, end: str) -> None:
    assert add_months(local(anchor), months, TORONTO) == local(end).astimezone(UTC)


def test_a_month_with_a_clock_change_is_an_hour_longer_or_shorter() -> None:
    start = local("2021-03-01 09:00")
    month = add_months(start, 1, TORONTO) - start.astimezone(UTC)
    assert month.total_seconds() == 31 * 86400 - 3600


def test_days_of_grace_are_counted_by_the_calendar() -> None:
    assert add_days(local("2021-03-10 09:00"), 30, TORONTO) == local("2021-04-09 09:00").astimezone(UTC)


@given(st.integers(946_684_800, 2_840_140_800), st.integers(0, 60))
def test_boundaries_counted_from_an_anchor_always_rise_and_never_skip_a_month(timestamp: int, number: int) -> None:
    start = datetime.fromtimestamp(timestamp, UTC)
    first, second = (add_months(start, n, TORONTO) for n in (number, number + 1))
    assert 27.9 * 86400 <= (second - first).total_seconds() <= 31.1 * 86400


def test_milliseconds_are_exact() -> None:
    assert milliseconds(datetime(2021, 1, 11, 15, 22, 0, 123999, tzinfo=UTC)) == 1610378520123
