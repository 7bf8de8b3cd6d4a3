"""Seats: current counts and their ledger."""

from __future__ import annotations

from tests.builders import Quittance, a_subscription, an_event

SEATS = "select seats from subscriptions where id = 'sub_1'"
LEDGER = "select item_price_id, before, after from seat_entries order by id"


def test_seats_follow_the_newest_snapshot_and_the_ledger_says_how(quittance: Quittance) -> None:
    quittance.take(an_event(a_subscription(1, seats=5)), an_event(a_subscription(2, seats=8)))
    assert quittance.rows(SEATS) == [8]
    assert quittance.rows(LEDGER) == [("licence-CAD-monthly", 0, 5), ("licence-CAD-monthly", 5, 8)]


def test_an_older_snapshot_does_not_shrink_the_seats(quittance: Quittance) -> None:
    late = an_event(a_subscription(1, seats=5))
    quittance.take(an_event(a_subscription(2, seats=8)), late)
    assert quittance.rows(SEATS) == [8]
    assert quittance.ending(late) == ("ignored", "nothing newer in it")
