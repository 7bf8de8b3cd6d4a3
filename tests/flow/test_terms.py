"""Terms end on their date, wherever the site is: not a second early, and at the next sweep after their instant.

Dates are reckoned here by the calendar alone, from the day on which a term began; instants are the wall clock's of the
zone. Each zone has its own ideas: half hours, a clock that is moved by half an hour, for a month, or at midnight.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from models import clock as business_clock
from models.session import transaction
from tasks import inbox
from tasks.clock import carry_out_due_cancellations
from tests.builders import Quittance, a_customer, a_subscription, an_event, seconds
from worker.schedule import SCHEDULE

TERMS = 834  # in each zone: 5,004 in all
SWEEP = timedelta(seconds=60)
FIRST_YEAR, YEARS = 2023, 4  # a leap year among them, and a February without the 29th on either side

# The days on which each zone's clocks change in those years.
ZONES = {
    "America/Toronto": "03-12 11-05 03-10 11-03 03-09 11-02 03-08 11-01",
    "America/St_Johns": "03-12 11-05 03-10 11-03 03-09 11-02 03-08 11-01",
    "Europe/Paris": "03-26 10-29 03-31 10-27 03-30 10-26 03-29 10-25",
    "Australia/Lord_Howe": "04-02 10-01 04-07 10-06 04-06 10-05 04-05 10-04",
    "Africa/Casablanca": "03-19 04-23 03-10 04-14 02-23 04-06 02-15 03-22",  # back for the month of Ramadan
    "Africa/Cairo": "04-28 10-26 04-26 10-31 04-25 10-30 04-24 10-29",  # at midnight: a day begins at one
}


@dataclass(frozen=True)
class Term:
    """What a subscription runs for; `ends_on` is the date with legal effect, `ends_at` the instant."""

    number: int
    ends_on: date
    ends_at: datetime


def months_later(day: date, months: int) -> date:
    """The same day of a later month; one that the month lacks is its last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def terms_of(zone: str) -> list[Term]:
    """Most of them end about a change of the clocks, at the end of a month or on 29 February; the others anywhere."""
    dice = random.Random(f"{zone} terms")
    changes = [
        date(FIRST_YEAR + number // 2, *map(int, day.split("-"))) for number, day in enumerate(ZONES[zone].split())
    ]
    found = []
    for number in range(TERMS):
        near = dice.choice([*changes, *changes, date(2024, 2, 29), date(2023, 2, 28), date(2025, 1, 31)])
        anywhere = date(FIRST_YEAR, 1, 1) + timedelta(days=dice.randrange(365 * YEARS))
        aimed_at = near + timedelta(days=dice.randint(-1, 1)) if dice.random() < 0.7 else anywhere
        months = dice.choice([1, 1, 3, 6, 12, 12, 24, 48])
        began_on = dice.choice([months_later(aimed_at, -months), months_later(aimed_at, -months).replace(day=1)])
        if dice.random() < 0.2:
            began_on = began_on.replace(day=monthrange(began_on.year, began_on.month)[1])
        hour = dice.choice([0, 0, 1, 2, 2, 3, 12, 23])
        wall = time(hour, dice.choice([0, 0, 30, 59]), dice.choice([0, 0, 59]))
        ends_on = months_later(began_on, months)
        found.append(Term(number, ends_on, instant_of(datetime.combine(ends_on, wall), ZoneInfo(zone), dice)))
    return found


def instant_of(wall: datetime, zone: ZoneInfo, dice: random.Random) -> datetime:
    """The instant of a wall-clock time: of one that comes twice, either; of one that is left out, as much later."""
    once = wall.replace(tzinfo=zone)
    again = once.replace(fold=1)
    return (again if again.utcoffset() < once.utcoffset() and dice.random() < 0.5 else once).astimezone(UTC)


@pytest.fixture
def sold(db_url: str, tmp_path: Path, zone: str) -> Iterator[Quittance]:
    quittance = Quittance(db_url, tmp_path, SITE_TIMEZONE=zone)
    yield quittance
    quittance.close()


def sell(quittance: Quittance, terms: list[Term]) -> None:
    """Each term as a subscription of its own that ends with it; all heard of before the first ends."""
    quittance.move_clock(min(term.ends_at for term in terms) - timedelta(hours=1))
    for term in terms:
        customer = a_customer(id=f"cust_{term.number}")
        ends = {"status": "non_renewing", "cancelled_at": seconds(term.ends_at)}
        subscription = a_subscription(id=f"sub_{term.number}", customer_id=customer["id"], **ends)
        assert quittance.post(json.dumps(an_event(customer, subscription)).encode()).status_code == 200
    quittance.run("update outbox set state = 'held'")
    inbox.apply_pending(quittance.engine, quittance.couriers.rules, seconds=600)


def sweeps(terms: list[Term]) -> list[datetime]:
    """A second before each term's instant; and of sweeps a minute apart, the first at it or after."""
    start = min(term.ends_at for term in terms) - timedelta(minutes=2, seconds=-17)
    turns = {-(-(term.ends_at - start) // SWEEP) for term in terms}
    return sorted({start + SWEEP * turn for turn in turns} | {term.ends_at - timedelta(seconds=1) for term in terms})


def now(quittance: Quittance) -> datetime:
    with transaction(quittance.engine) as session:
        return business_clock.now(session)


@pytest.mark.long
@pytest.mark.many
@pytest.mark.timeout(300)
@pytest.mark.parametrize("zone", ZONES)
def test_terms_end_on_their_date_never_early_and_within_a_sweep(sold: Quittance, zone: str) -> None:
    assert SCHEDULE["carry out due cancellations"]["schedule"].run_every <= SWEEP
    terms = terms_of(zone)
    sell(sold, terms)
    ends = sorted(term.ends_at for term in terms)
    for instant in sweeps(terms):
        sold.move_clock(instant)
        carry_out_due_cancellations(sold.engine, sold.couriers.rules, seconds=60)
        run = sold.rows("select count(*) from cancellations where state = 'run'")[0]
        assert bisect_right(ends, instant) <= run <= bisect_right(ends, now(sold)), instant
    stored = sold.rows("select subscription_id, state, effective_at, effective_on, zone from cancellations")
    assert sorted(stored) == sorted((f"sub_{term.number}", "run", term.ends_at, term.ends_on, zone) for term in terms)
    assert sold.rows("select count(*), sum(seats)::int from subscriptions") == [(TERMS, 0)]
    assert sold.rows("select count(*) from outbox where name = 'cancelled'") == [TERMS]
