"""Customers, and what they pay with."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .lists import PRESENT, one_of, times, words
from .params import (
    CUSTOM_FIELDS,
    OFFLINE_METHODS,
    Table,
    address,
    choice,
    email,
    flag,
    number,
    text,
)

_FILTERS = {
    "id": words(),
    "first_name": words(PRESENT),
    "last_name": words(PRESENT),
    "email": words(PRESENT),
    "company": words(PRESENT),
    "phone": words(PRESENT),
    "auto_collection": one_of("on", "off"),
    "taxability": one_of("taxable", "exempt"),
    "created_at": times(),
    "updated_at": times(),
    "offline_payment_method": one_of(*OFFLINE_METHODS),
    "channel": one_of("web", "app_store", "play_store"),
}
_DETAILS: Table = {
    "first_name": text(150),
    "last_name": text(150),
    "email": email,
    "phone": text(50),
    "company": text(250),
    "locale": text(50),
    "auto_collection": choice("on", "off"),
    "offline_payment_method": choice(*OFFLINE_METHODS),
    "net_term_days": number(0, 365),
}


def _shown(site: Site, customer: Body) -> Answer:
    return {"customer": customer, "card": Member.CARD}


listing("/customers", "customer", _FILTERS, sortable=("created_at", "updated_at"), show=_shown)


@get("/customers/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return _shown(site, living(site, "customer", id))


@post("/customers", {"id": text(50)}, _DETAILS, address("billing_address"), CUSTOM_FIELDS)
def create(site: Site, _: str, given: Body) -> Answer:
    fields, custom = split(given)
    address = fields.pop("billing_address", None)
    customer = site.create_customer(**{"company": None, "email": None, **fields}, address=address)
    return _shown(site, site.set_custom_fields("customer", customer["id"], custom))


@post("/customers/<id>", _DETAILS, CUSTOM_FIELDS)
def update(site: Site, id: str, given: Body) -> Answer:
    fields, custom = split(given)
    site.change_customer(id, **fields)
    return _shown(site, site.set_custom_fields("customer", id, custom))


@post("/customers/<id>/delete", {"delete_payment_method": flag})
def delete(site: Site, id: str, given: Body) -> Answer:
    return _shown(site, site.delete_customer(id))


_SOURCE_FILTERS = {
    "customer_id": words(),
    "type": words(),
    "status": one_of("valid", "expiring", "expired", "invalid", "pending_verification"),
    "created_at": times(),
    "updated_at": times(),
}
listing("/payment_sources", "payment_source", _SOURCE_FILTERS, sortable=("created_at", "updated_at"))


@get("/payment_sources/<id>")
def retrieve_source(site: Site, id: str, given: Body) -> Answer:
    return {"payment_source": living(site, "payment_source", id)}


def split(given: Body) -> tuple[Body, Body]:
    """The parameters that an action knows, and the custom fields."""
    custom = {name: value for name, value in given.items() if name.startswith("cf_")}
    return {name: value for name, value in given.items() if name not in custom}, custom
