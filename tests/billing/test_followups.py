"""When finance has something to chase, and why it no longer has."""

from __future__ import annotations

import pytest

from billing.followups import Collection, Position, collection_of, owed_offline, position_of

OWING = ["posted", "payment_due", "not_paid"]
NOT_OWING = ["paid", "voided", "pending", "a word of next year", None]


@pytest.mark.parametrize(
    ("subscription", "customer", "expected"),
    [
        ("off", "on", "off"),
        ("on", "off", "on"),
        (None, "off", "off"),
        (None, "on", "on"),
        ("off", None, "off"),
        (None, None, None),
        ("a word of next year", "off", None),
    ],
)
def test_a_subscriptions_collection_overrides_its_customers(
    subscription: str | None, customer: str | None, expected: str | None
) -> None:
    assert collection_of(subscription, customer) == expected


@pytest.mark.parametrize("status", OWING)
def test_an_open_invoice_whose_collection_is_off_is_owed_offline(status: str) -> None:
    assert owed_offline(status=status, deleted=False, amount_due=1, collection="off")


@pytest.mark.parametrize("status", NOT_OWING)
def test_an_invoice_in_any_other_state_is_not(status: str | None) -> None:
    assert not owed_offline(status=status, deleted=False, amount_due=1, collection="off")


@pytest.mark.parametrize(
    ("deleted", "amount_due", "collection"),
    [(True, 1, "off"), (False, 0, "off"), (False, -5, "off"), (False, 1, "on"), (False, 1, None)],
)
def test_nothing_is_chased_that_is_deleted_settled_or_collected(
    deleted: bool, amount_due: int, collection: Collection | None
) -> None:
    assert not owed_offline(status="payment_due", deleted=deleted, amount_due=amount_due, collection=collection)


def position(
    status: str = "payment_due",
    due: int = 100,
    paid: int = 0,
    written_off: int = 0,
    collection: Collection | None = "off",
    deleted: bool = False,
) -> Position:
    return position_of(
        status=status,
        deleted=deleted,
        amount_due=due,
        amount_paid=paid,
        written_off=written_off,
        collection=collection,
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (position(), Position(True, "awaiting", None)),
        (position(due=40, paid=60), Position(True, "partial", None)),
        (position(status="posted"), Position(True, "awaiting", None)),
        (position(status="paid", due=0, paid=100), Position(False, "paid", "nothing is owed any more")),
        (position(status="not_paid", due=0), Position(False, "paid", "nothing is owed any more")),
        (
            position(status="paid", due=0, written_off=100),
            Position(False, "written_off", "the balance was written off"),
        ),
        (
            position(status="paid", due=0, paid=60, written_off=40),
            Position(False, "written_off", "the balance was written off"),
        ),
        (position(status="voided", due=0), Position(False, "voided", "the invoice was voided")),
        (position(status="voided", due=100), Position(False, "voided", "the invoice was voided")),
        (position(deleted=True), Position(False, "voided", "the invoice was deleted")),
        (position(collection="on"), Position(False, "closed", "collection was turned on")),
        (position(collection=None), Position(False, "closed", "collection is unknown")),
        (position(status="pending"), Position(False, "closed", "the invoice is pending")),
    ],
)
def test_a_followup_is_open_or_closed_with_its_reason(found: Position, expected: Position) -> None:
    assert found == expected
