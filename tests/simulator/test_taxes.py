"""Taxes by place of supply, to the cent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import Site
from simulator.pricing import MONTHLY, STORAGE
from simulator.taxes import TAXES, TPS, TVQ, tax_by_line, tax_on

ONTARIO = {"city": "Ottawa", "state_code": "ON", "country": "CA"}


@pytest.mark.parametrize(
    ("amount", "tps", "tvq", "total"),
    [
        (5900, 295, 589, 6784),  # 5.885 is rounded up
        (261804, 13090, 26115, 301009),
        (150000, 7500, 14963, 172463),  # 149.625 is rounded up
        (10, 1, 1, 12),  # half a cent is a cent
        (9, 0, 1, 10),
        (0, 0, 0, 0),
    ],
)
def test_each_tax_is_rounded_half_up_on_the_amount_before_tax(amount: int, tps: int, tvq: int, total: int) -> None:
    assert (tax_on(amount, TPS), tax_on(amount, TVQ)) == (tps, tvq)
    assert amount + tps + tvq == total


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6))
def test_the_taxes_of_the_lines_add_up_to_the_tax_of_the_invoice(amounts: list[int]) -> None:
    for tax in TAXES.values():
        shares = tax_by_line(amounts, tax)
        assert sum(shares) == tax_on(sum(amounts), tax)
        assert all(abs(part - tax_on(amount, tax)) <= 1 for part, amount in zip(shares, amounts, strict=True))


@pytest.mark.parametrize(
    ("address", "taxes", "total"),
    [
        ({}, {"TPS": 295, "TVQ": 589}, 6784),
        ({"country": "CA", "state": "Québec"}, {"TPS": 295, "TVQ": 589}, 6784),
        (ONTARIO, {"HST": 767}, 6667),
        ({"country": "CA", "state": "Ontario"}, {"HST": 767}, 6667),
        ({"country": "CA", "state_code": "AB"}, {}, 5900),
        ({"country": "US", "state_code": "ON"}, {}, 5900),
        (None, {}, 5900),
    ],
)
def test_taxes_go_by_the_place_of_the_customer(
    address: dict[str, str] | None, taxes: dict[str, int], total: int, site: Site
) -> None:
    site.create_customer(id="alex", address=address)
    site.subscribe("alex", MONTHLY.id)
    invoice = site.find("invoice")[0]
    assert {tax["name"]: tax["amount"] for tax in invoice["taxes"]} == taxes
    assert (invoice["total"], invoice["tax"]) == (total, sum(taxes.values()))
    assert invoice["line_items"][0]["is_taxed"] == bool(taxes)
    assert invoice["line_items"][0].get("tax_exempt_reason") == (None if taxes else "tax_not_configured")


def test_an_exempt_customer_pays_no_taxes_anywhere(site: Site) -> None:
    site.change_customer("marie", taxability="exempt")
    site.subscribe("marie", MONTHLY.id)
    assert site.find("invoice")[0]["total"] == 5900


def test_a_price_that_is_not_taxable_is_left_out_of_the_taxes(site: Site) -> None:
    site.create_item("livre", name="Livre", type="charge")
    site.create_item_price("livre-CAD", item_id="livre", price=3000, pricing_model="flat_fee", is_taxable=False)
    site.subscribe("marie", items=[{"item_price_id": MONTHLY.id}, {"item_price_id": "livre-CAD"}])
    invoice = site.find("invoice")[0]
    assert (invoice["sub_total"], invoice["tax"]) == (8900, 884)
    assert [line["tax_amount"] for line in invoice["line_items"]] == [884, 0]
    assert {tax["line_item_id"] for tax in invoice["line_item_taxes"]} == {invoice["line_items"][0]["id"]}


def test_what_was_not_taxed_is_credited_without_taxes(site: Site) -> None:
    site.create_item("livre", name="Livre")
    site.create_item_price("livre-CAD", item_id="livre", price=3000, period=1, period_unit="month", is_taxable=False)
    site.add_card("marie")
    site.subscribe("marie", "livre-CAD", 2, addons={STORAGE.id: 2}, id="livre")
    site.update_items("livre", [{"item_price_id": "livre-CAD", "quantity": 1}, {"item_price_id": STORAGE.id}])
    assert [note["total"] for note in site.find("credit_note")] == [3000]
    site.subscribe("marie", "livre-CAD", 2, id="seul")
    assert site.find("invoice")[-1]["taxes"] == []
    site.change_seats("seul", 1)
    note = site.find("credit_note")[-1]
    assert (note["total"], note["sub_total"], note["taxes"]) == (3000, 3000, [])


def test_a_customer_who_moves_pays_the_taxes_of_the_new_place_and_is_credited_those_of_the_old(site: Site) -> None:
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 2, id="boreal")
    site.update_billing_info("marie", billing_address=ONTARIO)
    site.change_seats("boreal", 1)
    note: Any = site.find("credit_note")[0]
    assert (note["total"], [tax["name"] for tax in note["taxes"]]) == (6784, ["TPS", "TVQ"])
    site.advance(days=31)
    assert [tax["name"] for tax in site.find("invoice")[-1]["taxes"]] == ["HST"]
