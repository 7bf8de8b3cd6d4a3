"""What a transaction is to the books, and what it paid."""

from __future__ import annotations

import pytest

from billing.payments import applications, kind_of, status_of, unused


@pytest.mark.parametrize(
    ("provider", "ours"),
    [
        ("success", "succeeded"),
        ("in_progress", "pending"),
        ("needs_attention", "pending"),
        ("failure", "failed"),
        ("timeout", "failed"),
        ("voided", "taken_back"),
        ("late_failure", "taken_back"),
        ("a word of next year", "pending"),
        (None, "pending"),
    ],
)
def test_a_transaction_has_one_of_four_states(provider: str | None, ours: str) -> None:
    assert status_of(provider, deleted=False) == ours


@pytest.mark.parametrize("provider", ["success", "failure", None])
def test_a_deleted_transaction_is_taken_back(provider: str | None) -> None:
    assert status_of(provider, deleted=True) == "taken_back"


@pytest.mark.parametrize(
    ("provider", "ours"),
    [
        ("payment", "payment"),
        (None, "payment"),
        ("refund", "refund"),
        ("payment_reversal", "reversal"),
        ("authorization", None),
        ("a word of next year", None),
    ],
)
def test_only_what_moves_money_is_kept(provider: str | None, ours: str | None) -> None:
    assert kind_of(provider) == ours


def paid(
    *,
    transaction: int | None = None,
    counts: bool = True,
    says: dict[str, int] | None = None,
    invoices: dict[str, tuple[int, int | None]] | None = None,
    deleted: tuple[str, ...] = (),
) -> dict[str, int]:
    """`invoices`: id to (version, what it says was applied; None: it does not list the payment)."""
    listed = {id: applied for id, (_, applied) in (invoices or {}).items() if applied}
    return applications(
        transaction_version=transaction,
        transaction_counts=counts,
        by_transaction=says or {},
        by_invoice=listed,
        invoice_versions={id: version for id, (version, _) in (invoices or {}).items()},
        deleted_invoices=deleted,
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (paid(transaction=5, says={"F-1": 70}), {"F-1": 70}),  # the transaction alone
        (paid(invoices={"F-1": (5, 70)}), {"F-1": 70}),  # the invoice alone
        (paid(invoices={"F-1": (5, 70), "F-2": (9, 30)}), {"F-1": 70, "F-2": 30}),  # two invoices, one cheque
        (paid(transaction=5, says={"F-1": 70}, invoices={"F-1": (6, 50)}), {"F-1": 50}),  # the invoice is younger
        (paid(transaction=7, says={"F-1": 70}, invoices={"F-1": (6, 50)}), {"F-1": 70}),  # the transaction is
        (paid(transaction=6, says={"F-1": 70}, invoices={"F-1": (6, 50)}), {"F-1": 50}),  # of one age: the invoice
        (paid(transaction=5, says={"F-1": 70}, invoices={"F-1": (6, None)}), {}),  # taken off by the younger invoice
        (paid(transaction=7, says={"F-1": 70}, invoices={"F-1": (6, None)}), {"F-1": 70}),  # not yet on the older one
        (paid(transaction=7, says={}, invoices={"F-1": (6, 50)}), {}),  # taken off by the younger transaction
        (paid(transaction=5, says={"F-1": 70, "F-2": 9}, invoices={"F-1": (6, 50)}), {"F-1": 50, "F-2": 9}),
        (paid(transaction=5, says={"F-1": 0}), {}),  # nothing is not an application
        (paid(transaction=5, says={"F-1": 70}, deleted=("F-1",)), {}),
    ],
)
def test_the_younger_of_payment_and_invoice_is_believed(case: dict[str, int], expected: dict[str, int]) -> None:
    assert case == expected


def test_a_payment_that_failed_paid_nothing_whatever_an_invoice_says() -> None:
    assert paid(transaction=5, counts=False, says={"F-1": 70}, invoices={"F-1": (4, 70)}) == {}
    assert paid(transaction=5, counts=False, invoices={"F-1": (9, 70)}) == {}


@pytest.mark.parametrize(
    ("amount", "stated", "applied", "refunded", "expected"),
    [
        (100, None, [], 0, 100),
        (100, None, [60, 40], 0, 0),
        (100, None, [60], 0, 40),
        (100, None, [60], 15, 25),
        (100, None, [120], 0, 0),  # never below zero
        (100, 33, [60], 0, 33),  # the provider's own figure
        (100, 0, [], 0, 0),
        (None, None, [], 0, 0),
    ],
)
def test_what_paid_for_nothing_stays_visible(
    amount: int | None, stated: int | None, applied: list[int], refunded: int, expected: int
) -> None:
    assert unused(amount, stated, applied, refunded=refunded) == expected
