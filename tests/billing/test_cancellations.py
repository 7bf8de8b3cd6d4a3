"""Which end a subscription's snapshot shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing.cancellations import End, end_of, is_due, reason_of

FEBRUARY = datetime(2021, 2, 11, 15, tzinfo=UTC)
SEEN = datetime(2021, 1, 11, 15, tzinfo=UTC)


def end(status: str | None, cancelled_at: datetime | None = FEBRUARY, *, deleted: bool = False) -> End | None:
    return end_of(status=status, deleted=deleted, cancelled_at=cancelled_at, seen_at=SEEN)


@pytest.mark.parametrize("status", ["active", "non_renewing", "in_trial"])
def test_the_instant_of_a_live_subscription_is_still_to_come(status: str) -> None:
    assert end(status) == End(FEBRUARY, run=False)


def test_a_cancelled_subscription_has_ended_at_its_instant() -> None:
    assert end("cancelled") == End(FEBRUARY, run=True)


def test_a_cancelled_subscription_without_an_instant_ended_when_it_was_seen() -> None:
    assert end("cancelled", None) == End(SEEN, run=True)


@pytest.mark.parametrize("status", ["active", "non_renewing", "in_trial", "paused", "future", None])
def test_without_an_instant_nothing_ends(status: str | None) -> None:
    assert end(status, None) is None


@pytest.mark.parametrize("status", ["paused", "future", "transferred", None])
def test_the_instant_alone_never_means_that_it_is_cancelled(status: str | None) -> None:
    assert end(status) is None


@pytest.mark.parametrize("status", ["active", "cancelled"])
def test_a_deleted_subscription_shows_no_end(status: str) -> None:
    assert end(status, deleted=True) is None


@pytest.mark.parametrize(
    ("code", "runs_out", "reason"),
    [
        ("too_expensive", False, "too_expensive"),
        ("too_expensive", True, "too_expensive"),
        (None, True, "term_ended"),
        (None, False, None),
    ],
)
def test_the_reason_is_the_providers_or_that_the_cycles_ran_out(
    code: str | None, runs_out: bool, reason: str | None
) -> None:
    assert reason_of(cancel_reason=code, runs_out=runs_out) == reason


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (FEBRUARY - timedelta(microseconds=1), False),
        (FEBRUARY, True),
        (FEBRUARY + timedelta(days=40), True),  # downtime skips nothing
    ],
)
def test_an_end_is_due_from_its_instant_on(now: datetime, due: bool) -> None:
    assert is_due(FEBRUARY, now) is due
