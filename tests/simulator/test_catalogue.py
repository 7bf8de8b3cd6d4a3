"""What is sold: items and prices, there from the start, made and changed; what was sold keeps its price."""

from __future__ import annotations

import pytest

from simulator import Refused, Site, WrongValue
from simulator.pricing import MONTHLY, OFFER, SETUP, SUPPORT, TEAM, YEARLY, ItemPrice


def test_a_site_sells_the_merchants_catalogue_before_anything_is_told(site: Site) -> None:
    fresh = Site()
    assert len(fresh.events) == 0
    assert [body["id"] for body in fresh.all("item")] == [item for item, _, _ in OFFER]
    prices = {body["id"]: (body["price"], body.get("period_unit")) for body in fresh.all("item_price")}
    assert prices[MONTHLY.id] == (5900, "month") and prices[YEARLY.id] == (66000, "year")
    assert prices[SUPPORT.id] == (18000, "year") and prices[SETUP.id] == (25000, None)
    assert fresh.current("item_price", TEAM.id)["free_quantity"] == 3


def test_a_price_read_from_its_object_is_the_price_it_was_made_of() -> None:
    read = ItemPrice.of(Site().current("item_price", MONTHLY.id))
    assert (read.id, read.amount, read.term, read.name) == (MONTHLY.id, 5900, MONTHLY.term, MONTHLY.name)


def test_new_items_and_prices_are_told_and_can_be_bought(site: Site) -> None:
    place = len(site.events)
    site.create_item("audit", name="Audit", type="plan")
    site.create_item_price("audit-CAD-Weekly", item_id="audit", price=900, period=2, period_unit="week")
    assert [event["event_type"] for event in site.events[place:]] == ["item_created", "item_price_created"]
    body = site.subscribe("marie", "audit-CAD-Weekly", 2, id="boreal")
    assert (body["billing_period"], body["billing_period_unit"]) == (2, "week")
    assert body["current_term_end"] - body["current_term_start"] == 14 * 86400
    site.advance(days=28)
    assert [invoice["sub_total"] for invoice in site.find("invoice")] == [1800, 1800, 1800]


def test_another_price_is_for_those_who_buy_from_then_on(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 2, id="boreal")
    site.update_item_price(MONTHLY.id, price=6900)
    assert site.events[-1]["event_type"] == "item_price_updated"
    site.change_seats("boreal", 3)
    assert site.current("subscription", "boreal")["subscription_items"][0]["unit_price"] == 5900
    site.advance(days=32)
    assert site.find("invoice")[-1]["sub_total"] == 3 * 5900
    assert site.subscribe("marie", MONTHLY.id)["subscription_items"][0]["unit_price"] == 6900


def test_an_archived_price_is_not_sold_any_more_and_goes_on_where_it_was(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    assert "archived_at" in site.update_item_price(MONTHLY.id, status="archived")
    with pytest.raises(Refused, match="not sold any more"):
        site.subscribe("marie", MONTHLY.id)
    site.change_seats("boreal", 4)
    assert "archived_at" not in site.update_item_price(MONTHLY.id, status="active")


def test_free_units_are_part_of_the_quantity_and_cost_nothing(site: Site) -> None:
    """As captured: quantity 4, of which 3 are free, costs one unit."""
    body = site.subscribe("marie", TEAM.id, 4, id="boreal")
    item = body["subscription_items"][0]
    assert (item["quantity"], item["free_quantity"], item["unit_price"], item["amount"]) == (4, 3, 3900, 3900)
    assert site.find("invoice")[0]["sub_total"] == 3900
    site.change_seats("boreal", 3)
    assert site.current("subscription", "boreal")["subscription_items"][0]["amount"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"period": None, "period_unit": None},
        {"period": 1, "period_unit": "century"},
        {"period": 0, "period_unit": "month"},
        {"price": -1},
        {"pricing_model": "tiered"},
        {"free_quantity": -1},
        {"colour": "blue"},
    ],
)
def test_a_price_that_makes_no_sense_is_refused(wrong: dict[str, object], site: Site) -> None:
    given: dict[str, object] = {"item_id": "boreal-cloud", "price": 100, "period": 1, "period_unit": "month"}
    with pytest.raises(WrongValue):
        site.create_item_price("new", **{**given, **wrong})  # type: ignore[arg-type]


def test_a_charge_has_no_period_and_another_currency_is_not_enabled(site: Site) -> None:
    with pytest.raises(WrongValue, match="no period"):
        site.create_item_price("new", item_id="formation", price=100, period=1, period_unit="month")
    with pytest.raises(Refused, match="USD is not enabled") as refused:
        site.create_item_price("new", item_id="formation", price=100, currency_code="USD")
    assert refused.value.code == "configuration_incompatible"


def test_a_price_that_is_deleted_stays_with_those_who_bought_it(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 2, id="boreal")
    site.delete_item_price(MONTHLY.id)
    assert site.events[-1]["event_type"] == "item_price_deleted"
    with pytest.raises(Refused, match="no price of the catalogue"):
        site.subscribe("marie", MONTHLY.id)
    site.change_seats("boreal", 3)
    site.advance(days=31)
    assert site.find("invoice")[-1]["sub_total"] == 17700


def test_an_item_keeps_what_it_was_not_told_to_change(site: Site) -> None:
    before = site.current("item", "formation")
    after = site.update_item("formation", name="Formation en ligne")
    versions = ("resource_version", "updated_at")
    assert after == {**before, "name": "Formation en ligne", **{field: after[field] for field in versions}}
    with pytest.raises(Refused, match="not found"):
        site.update_item("no-such-item", name="x")
