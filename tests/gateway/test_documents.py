"""An invoice's lines, taxes and discounts, in our words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.errors import NeedsAttention
from billing.money import Money
from gateway.documents import DocumentLine, InvoiceDocument, invoice_document
from tests.builders import JANUARY, an_invoice, seconds


def document(**fields: Any) -> InvoiceDocument:
    return invoice_document("F-1", an_invoice(**fields))


def line(**fields: Any) -> DocumentLine:
    (found,) = document(line_items=[{"quantity": 2, "unit_amount": 2950, "amount": 5900} | fields]).lines
    return found


def test_a_line_says_what_was_sold_for_how_much_and_when() -> None:
    found = line(
        description="Licence", date_from=seconds(JANUARY), date_to=seconds(JANUARY) + 5, pricing_model="per_unit"
    )
    assert (found.description, found.quantity) == ("Licence", 2)
    assert (found.amount, found.unit_price) == (Money(5900, "CAD"), Money(2950, "CAD"))
    assert found.starts_at == JANUARY
    assert found.ends_at is not None and (found.ends_at - JANUARY).total_seconds() == 5
    assert not found.prorated


def test_a_line_whose_units_do_not_make_its_amount_was_reckoned_by_time() -> None:
    assert line(amount=1234).prorated
    assert not line(amount=1234, pricing_model="tiered").prorated
    assert not line(amount=1234, unit_amount=None).prorated


def test_a_prorated_charge_is_not_shown_as_one_unit() -> None:
    one = {"quantity": 1, "unit_amount": 261804, "amount": 261804}
    found = line(description="Licence - Prorated Charges", **one)
    assert (found.quantity, found.unit_price, found.amount) == (None, None, Money(261804, "CAD"))
    assert line(description="Licence", **one).quantity == 1
    assert line(description="Licence - frais au prorata", quantity=2, unit_amount=50, amount=100).quantity == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"description": "a", "entity_description": "b", "entity_id": "c"}, "a"),
        ({"entity_description": "b", "entity_id": "c"}, "b"),
        ({"entity_id": "c"}, "c"),
        ({}, ""),
    ],
)
def test_a_line_is_named_by_the_best_name_there_is(fields: dict[str, str], expected: str) -> None:
    assert line(**fields).description == expected


def test_taxes_are_the_providers_with_their_rate_where_there_is_one() -> None:
    found = document(
        taxes=[{"name": "TPS", "amount": 295}, {"name": "TVQ", "amount": 589}, {"name": "Écofrais", "amount": 1}],
        line_item_taxes=[
            {"tax_name": "TPS", "tax_rate": 5},
            {"tax_name": "TVQ", "tax_rate": 9.975},
            {"tax_name": "TVQ", "tax_rate": 9.975},
            {"tax_name": "Écofrais", "tax_rate": 1},
            {"tax_name": "Écofrais", "tax_rate": 2},
        ],
    ).taxes
    assert [(tax.name, tax.amount.minor, tax.percent) for tax in found] == [
        ("TPS", 295, Decimal("5")),
        ("TVQ", 589, Decimal("9.975")),
        ("Écofrais", 1, None),
    ]


def test_discounts_and_credits_are_shown_where_there_are_any() -> None:
    found = document(discounts=[{"entity_id": "RENTRÉE", "amount": 500}], credits_applied=300)
    assert [(each.name, each.amount.minor) for each in found.discounts] == [("RENTRÉE", 500)]
    assert found.credits_applied == Money(300, "CAD")
    assert document(credits_applied=0).credits_applied is None
    assert document().discounts == ()


def test_an_invoice_without_a_currency_is_refused() -> None:
    with pytest.raises(NeedsAttention, match="invoice F-1 names no currency; look at it in Chargebee"):
        document(currency_code=None)


@pytest.mark.parametrize("amount", [59.5, True, "5900"])
@pytest.mark.parametrize("place", ["line_items", "taxes", "discounts"])
def test_an_amount_that_is_no_integer_is_refused_rather_than_shown_as_nothing(place: str, amount: Any) -> None:
    with pytest.raises(NeedsAttention, match=rf"invoice F-1: {place}\[0\]\.amount is .*, not an integer"):
        document(**{place: [{"amount": amount}]})
