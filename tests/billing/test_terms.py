"""The date of an instant, in the site's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.terms import date_in, first_second, last_second


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        # Toronto is at -5 in winter and -4 in summer; its clocks changed on 14 March and 7 November 2021, at 2 h.
        (datetime(2021, 1, 12, 4, 59, 59, tzinfo=UTC), "America/Toronto", date(2021, 1, 11)),
        (datetime(2021, 1, 12, 5, tzinfo=UTC), "America/Toronto", date(2021, 1, 12)),
        (datetime(2021, 7, 12, 3, 59, 59, tzinfo=UTC), "America/Toronto", date(2021, 7, 11)),
        (datetime(2021, 7, 12, 4, tzinfo=UTC), "America/Toronto", date(2021, 7, 12)),
        (datetime(2021, 3, 14, 4, 59, 59, tzinfo=UTC), "America/Toronto", date(2021, 3, 13)),
        (datetime(2021, 3, 15, 3, 59, 59, tzinfo=UTC), "America/Toronto", date(2021, 3, 14)),
        (datetime(2021, 3, 15, 4, tzinfo=UTC), "America/Toronto", date(2021, 3, 15)),
        (datetime(2021, 11, 8, 4, 59, 59, tzinfo=UTC), "America/Toronto", date(2021, 11, 7)),
        (datetime(2021, 11, 8, 5, tzinfo=UTC), "America/Toronto", date(2021, 11, 8)),
        (datetime(2024, 3, 1, 4, 59, 59, tzinfo=UTC), "America/Toronto", date(2024, 2, 29)),
        (datetime(2021, 1, 1, 10, 59, tzinfo=UTC), "Pacific/Auckland", date(2021, 1, 1)),
        (datetime(2021, 1, 1, 11, tzinfo=UTC), "Pacific/Auckland", date(2021, 1, 2)),
        (datetime(2021, 1, 1, 18, 29, tzinfo=UTC), "Asia/Kolkata", date(2021, 1, 1)),
        (datetime(2021, 1, 1, 18, 30, tzinfo=UTC), "Asia/Kolkata", date(2021, 1, 2)),
        (datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC), "UTC", date(2020, 12, 31)),
        (datetime(2021, 1, 12, 1, tzinfo=timezone(timedelta(hours=9))), "America/Toronto", date(2021, 1, 11)),
    ],
)
def test_a_date_is_that_of_the_sites_zone(instant: datetime, zone: str, expected: date) -> None:
    assert date_in(zone, instant) == expected


@given(st.integers(0, 20 * 366 * 24 * 60))
def test_no_day_is_skipped_or_lived_twice(minutes: int) -> None:
    instant = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    today, tomorrow = date_in("America/Toronto", instant), date_in("America/Toronto", instant + timedelta(hours=25))
    assert timedelta(days=1) <= tomorrow - today <= timedelta(days=2)
    assert today <= date_in("America/Toronto", instant + timedelta(hours=23)) <= tomorrow


@pytest.mark.parametrize(
    ("zone", "day", "first", "last"),
    [
        ("America/Toronto", date(2021, 1, 11), "2021-01-11T05:00:00+00:00", "2021-01-12T04:59:59+00:00"),
        ("America/Toronto", date(2021, 3, 14), "2021-03-14T05:00:00+00:00", "2021-03-15T03:59:59+00:00"),  # 23 hours
        ("America/Toronto", date(2021, 11, 7), "2021-11-07T04:00:00+00:00", "2021-11-08T04:59:59+00:00"),  # 25 hours
        ("America/Asuncion", date(2021, 10, 3), "2021-10-03T04:00:00+00:00", "2021-10-04T02:59:59+00:00"),  # 23
        ("Pacific/Kiritimati", date(2024, 2, 29), "2024-02-28T10:00:00+00:00", "2024-02-29T09:59:59+00:00"),
    ],
)
def test_a_day_lasts_from_its_first_second_to_its_last(zone: str, day: date, first: str, last: str) -> None:
    assert (first_second(zone, day).isoformat(), last_second(zone, day).isoformat()) == (first, last)
    assert {date_in(zone, first_second(zone, day)), date_in(zone, last_second(zone, day))} == {day}
    assert date_in(zone, last_second(zone, day) + timedelta(seconds=1)) == day + timedelta(days=1)
