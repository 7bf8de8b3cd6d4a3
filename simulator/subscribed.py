"""What a subscription is for: its items, what they cost a term, and what a change of them comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .pricing import ItemPrice, share
from .state import Body, WrongValue


def item_of(
    price: ItemPrice,
    quantity: Any = None,
    unit_price: Any = None,
    *,
    free: int | None = None,
    cycles: int | None = None,
) -> Body:
    """One item of a subscription; a flat price has no quantity on the wire. Free units are part of the quantity.

    Raises:
        WrongValue: less than one unit, or a price below nothing.
    """
    quantity = 1 if quantity is None else quantity
    if quantity < 1:
        raise WrongValue("quantity must be at least 1", "subscription_items[quantity]")
    unit_price = price.amount if unit_price is None else unit_price
    if unit_price < 0:
        raise WrongValue("unit_price must not be negative", "subscription_items[unit_price]")
    free = price.free_quantity if free is None else free
    item = {"item_price_id": price.id, "item_type": price.item_type, "unit_price": unit_price, "free_quantity": free}
    if price.is_flat:
        item["amount"] = unit_price
    else:
        item.update(quantity=quantity, amount=max(0, quantity - free) * unit_price)
    if cycles is not None:
        item["billing_cycles"] = cycles
    return {**item, "object": "subscription_item"}


def plan_of(subscription: Body) -> Body:
    """The plan item: it always comes first."""
    plan: Body = subscription["subscription_items"][0]
    return plan


def whole(items: Sequence[Body]) -> int:
    """What items cost a term."""
    return sum(item["amount"] for item in items)


def monthly(items: Sequence[Body], plan: ItemPrice) -> int:
    """What a subscription brings in a month."""
    months = plan.term.in_months
    return share(whole(items), months.denominator, months.numerator)


def differences(old: Sequence[Body], new: Sequence[Body]) -> dict[str, int]:
    """Item price -> how much more (or less, below zero) it costs a term after a change."""
    before = {item["item_price_id"]: item["amount"] for item in old}
    after = {item["item_price_id"]: item["amount"] for item in new}
    prices = dict.fromkeys([*after, *before])
    return {id: after.get(id, 0) - before.get(id, 0) for id in prices}


def must_be_there_once(items: Sequence[Mapping[str, Any]]) -> None:
    """Refuse an order that names a price twice: nobody could say which of the two is meant later."""
    ids = [item["item_price_id"] for item in items]
    for id in ids:
        if ids.count(id) > 1:
            raise WrongValue(f"{id} is named twice", "subscription_items[item_price_id]")


def one_plan(items: Sequence[Body], prices: Sequence[ItemPrice]) -> list[Body]:
    """Items in the order they are kept: one plan, then the add-ons, which must be billed with it."""
    plans = [price for price in prices if price.item_type == "plan"]
    if len(plans) != 1:
        raise WrongValue(f"a subscription has exactly one plan, not {len(plans)}", "subscription_items[item_price_id]")
    if any(price.term != plans[0].term for price in prices):
        raise WrongValue("an add-on is billed with its plan: the periods differ", "subscription_items[item_price_id]")
    return sorted(items, key=lambda item: item["item_type"] != "plan")
