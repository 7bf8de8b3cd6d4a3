"""The catalogue: items, and what they cost."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living
from .lists import flags, names, numbers, one_of, times, words

_STATUSES = ("active", "archived", "deleted")
_UNITS = ("day", "week", "month", "year")
_TYPES = ("plan", "addon", "charge")
_ITEM_FILTERS = {
    "id": words(),
    "item_family_id": words(),
    "type": one_of(*_TYPES),
    "name": names(),
    "item_applicability": one_of("all", "restricted"),
    "status": one_of(*_STATUSES),
    "is_giftable": flags(),
    "enabled_for_checkout": flags(),
    "enabled_in_portal": flags(),
    "metered": flags(),
    "updated_at": times(),
    "channel": one_of("web", "app_store", "play_store"),
}
_PRICE_FILTERS = {
    "id": words(),
    "name": words(),
    "pricing_model": one_of("flat_fee", "per_unit", "tiered", "volume", "stairstep"),
    "item_id": words(),
    "item_family_id": words(),
    "item_type": one_of(*_TYPES),
    "currency_code": words(),
    "trial_period": numbers(),
    "trial_period_unit": one_of("day", "month"),
    "status": one_of(*_STATUSES),
    "period": numbers(),
    "period_unit": one_of(*_UNITS),
    "updated_at": times(),
    "channel": one_of("web", "app_store", "play_store"),
}
listing("/items", "item", _ITEM_FILTERS, "updated_at", sortable=("updated_at", "name", "id"), deletable=False)
listing(
    "/item_prices", "item_price", _PRICE_FILTERS, "updated_at", sortable=("updated_at", "name", "id"), deletable=False
)


@get("/items/<id>")
def retrieve_item(site: Site, id: str, given: Body) -> Answer:
    return {"item": living(site, "item", id)}


@get("/item_prices/<id>")
def retrieve_price(site: Site, id: str, given: Body) -> Answer:
    return {"item_price": living(site, "item_price", id)}
