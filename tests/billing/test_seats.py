"""Which items of a subscription are seats, and when they count."""

from __future__ import annotations

import pytest

from billing.errors import NeedsAttention
from billing.seats import Item, seats_by_item

PLAN = Item("licence-CAD-yearly", "plan", 12)
SUPPORT = Item("support-CAD-yearly", "addon", 1)
MORE_SEATS = Item("seat-pack-CAD", "addon", 5)
SETUP = Item("setup-CAD", "charge", 1)


def seats(
    *items: Item,
    status: str | None = "active",
    deleted: bool = False,
    ended: bool = False,
    counted: tuple[str, ...] = (),
) -> dict[str, int]:
    return seats_by_item("sub_1", status=status, deleted=deleted, ended=ended, items=items, counted=counted)


@pytest.mark.parametrize("status", ["active", "non_renewing", "in_trial"])
def test_seats_count_while_the_subscription_lives(status: str) -> None:
    assert seats(PLAN, status=status) == {"licence-CAD-yearly": 12}


@pytest.mark.parametrize("status", ["future", "paused", "cancelled", "transferred", "a word of next year", None])
def test_seats_are_zero_in_every_other_state(status: str | None) -> None:
    assert seats(PLAN, status=status) == {"licence-CAD-yearly": 0}


def test_a_deleted_subscription_gives_no_seats() -> None:
    assert seats(PLAN, deleted=True) == {"licence-CAD-yearly": 0}


def test_a_subscription_whose_end_was_carried_out_here_gives_no_seats() -> None:
    assert seats(PLAN, status="non_renewing", ended=True) == {"licence-CAD-yearly": 0}


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ((), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 0, "setup-CAD": 0}),
        (("seat-pack-CAD",), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 5, "setup-CAD": 0}),
        (("seat-*",), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 5, "setup-CAD": 0}),
        (("SEAT-*",), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 0, "setup-CAD": 0}),
        (("seat-*", "set*"), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 5, "setup-CAD": 1}),
        (("*",), {"licence-CAD-yearly": 12, "support-CAD-yearly": 1, "seat-pack-CAD": 5, "setup-CAD": 1}),
        (("pack",), {"licence-CAD-yearly": 12, "support-CAD-yearly": 0, "seat-pack-CAD": 0, "setup-CAD": 0}),
    ],
)
def test_only_the_plan_counts_and_what_a_pattern_matches(counted: tuple[str, ...], expected: dict[str, int]) -> None:
    assert seats(PLAN, SUPPORT, MORE_SEATS, SETUP, counted=counted) == expected


@pytest.mark.parametrize("status", ["active", "non_renewing", "in_trial"])
def test_a_live_subscription_that_shows_no_items_is_refused_with_the_next_step(status: str) -> None:
    with pytest.raises(NeedsAttention, match=rf"subscription sub_7 is {status}.*catalogue.*then replay"):
        seats_by_item("sub_7", status=status, deleted=False, ended=False, items=None, counted=())


@pytest.mark.parametrize(("status", "deleted", "ended"), [("paused", False, False), ("active", True, False)])
def test_a_subscription_that_is_over_may_show_no_items(status: str, deleted: bool, ended: bool) -> None:
    assert seats_by_item("sub_7", status=status, deleted=deleted, ended=ended, items=None, counted=()) == {}
