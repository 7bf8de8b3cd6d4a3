"""Customers, and what they pay with."""

from __future__ import annotations

from ..customers import OFFLINE_METHODS
from ..pricing import CURRENCY
from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .invoices import BY_HAND, noted
from .lists import PRESENT, codes, names, one_of, times, words
from .params import (
    COMMENT,
    CUSTOM_FIELDS,
    Table,
    address,
    choice,
    email,
    flag,
    instant,
    json_object,
    number,
    required,
    text,
)

_FILTERS = {
    "id": words(),
    "first_name": names(PRESENT),
    "last_name": names(PRESENT),
    "email": names(PRESENT),
    "company": names(PRESENT),
    "phone": names(PRESENT),
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
    "preferred_currency_code": choice(CURRENCY),
    "taxability": choice("taxable", "exempt"),
    "invoice_notes": text(2000),
    "meta_data": json_object,
}


def _shown(site: Site, customer: Body) -> Answer:
    return {"customer": customer, "card": Member.CARD}


listing("/customers", "customer", _FILTERS, "created_at", sortable=("created_at", "updated_at"), show=_shown)


@get("/customers/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return _shown(site, living(site, "customer", id))


@post("/customers", {"id": text(50), "vat_number": text(20)}, _DETAILS, address("billing_address"), CUSTOM_FIELDS)
def create(site: Site, _: str, given: Body) -> Answer:
    fields = {name: value for name, value in given.items() if value is not None}
    return _shown(site, site.create_customer(address=fields.pop("billing_address", None), **fields))


@post("/customers/<id>", _DETAILS, CUSTOM_FIELDS)
def update(site: Site, id: str, given: Body) -> Answer:
    return _shown(site, site.change_customer(id, **given))


@post("/customers/<id>/update_billing_info", address("billing_address"), {"vat_number": text(20)})
def update_billing_info(site: Site, id: str, given: Body) -> Answer:
    where = {name: value for name, value in given.get("billing_address", {}).items() if value is not None}
    return _shown(site, site.update_billing_info(id, billing_address=where or None, vat_number=given.get("vat_number")))


_PAYMENT: Table = {
    **BY_HAND,
    "transaction[amount]": required(number(1)),
    "transaction[date]": required(instant),
    "transaction[currency_code]": choice(CURRENCY),
}


@post("/customers/<id>/record_excess_payment", _PAYMENT, COMMENT)
def record_excess_payment(site: Site, id: str, given: Body) -> Answer:
    given["transaction"].pop("currency_code", None)
    payment = site.record_excess_payment(id, comment=given.get("comment"), **noted(given["transaction"]))
    return {"customer": site.current("customer", id), "transaction": payment}


@post("/customers/<id>/delete", {"delete_payment_method": flag})
def delete(site: Site, id: str, given: Body) -> Answer:
    return _shown(site, site.delete_customer(id))


_SOURCE_FILTERS = {
    "customer_id": words(),
    "type": codes(),
    "status": one_of("valid", "expiring", "expired", "invalid", "pending_verification"),
    "created_at": times(),
    "updated_at": times(),
}
listing("/payment_sources", "payment_source", _SOURCE_FILTERS, "created_at", sortable=("created_at", "updated_at"))


@get("/payment_sources/<id>")
def retrieve_source(site: Site, id: str, given: Body) -> Answer:
    return {"payment_source": living(site, "payment_source", id)}
