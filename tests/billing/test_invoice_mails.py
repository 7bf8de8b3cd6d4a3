"""When an invoice is worth a mail, and which."""

from __future__ import annotations

import pytest

from billing.followups import Collection
from billing.invoice_mails import thanks_are_due, variant_called_for


@pytest.mark.parametrize(
    ("status", "total", "due", "collection", "expected"),
    [
        ("paid", 100, 0, "on", "paid"),
        ("paid", 100, 0, "off", "paid"),
        ("paid", 100, 0, None, "paid"),
        ("posted", 100, 100, "off", "due"),
        ("payment_due", 100, 100, "off", "due"),
        ("payment_due", 100, 1, "off", "due"),
        ("not_paid", 100, 100, "off", "due"),
        ("payment_due", 100, 100, "on", None),  # a card that was not charged yet
        ("not_paid", 100, 100, "on", None),
        ("payment_due", 100, 100, None, None),  # nobody knows yet
        ("payment_due", 100, 0, "off", None),
        ("paid", 0, 0, "off", None),  # a zero total
        ("pending", 100, 100, "off", None),
        ("voided", 100, 0, "off", None),
        ("voided", 100, 100, "off", None),
        (None, 100, 100, "off", None),
    ],
)
def test_one_variant_is_called_for_or_none(
    status: str | None, total: int, due: int, collection: Collection | None, expected: str | None
) -> None:
    found = variant_called_for(status=status, deleted=False, total=total, amount_due=due, collection=collection)
    assert found == expected


@pytest.mark.parametrize(("status", "due"), [("paid", 0), ("payment_due", 100)])
def test_a_deleted_invoice_calls_for_no_mail(status: str, due: int) -> None:
    assert variant_called_for(status=status, deleted=True, total=100, amount_due=due, collection="off") is None


@pytest.mark.parametrize(
    ("paid", "written_off", "thanks"), [(100, 0, True), (60, 40, False), (0, 100, False), (0, 0, False)]
)
def test_nobody_is_thanked_for_a_payment_that_was_not_made(paid: int, written_off: int, thanks: bool) -> None:
    assert thanks_are_due(amount_paid=paid, written_off=written_off) is thanks
