"""Subscriptions: reading, selling, changing, pausing, ending."""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .lists import PRESENT, Filter, flags, numbers, one_of, times, words
from .params import OFFLINE_METHODS, Table, choice, number, required, text

_STATUSES = "future in_trial active non_renewing paused cancelled transferred".split()
_REASONS = (
    "not_paid no_card fraud_review_failed non_compliant_eu_customer tax_calculation_failed"
    " currency_incompatible_with_gateway non_compliant_customer"
).split()
_ITEMS: Table = {
    "subscription_items[item_price_id][]": required(text(100)),
    "subscription_items[quantity][]": number(1),
    "subscription_items[unit_price][]": number(),
    "subscription_items[item_type][]": choice("plan", "addon", "charge"),
}
_COLLECTION: Table = {
    "auto_collection": choice("on", "off"),
    "offline_payment_method": choice(*OFFLINE_METHODS),
    "po_number": text(100),
    "net_term_days": number(0, 365),
}


def _value(body: Body, field: str) -> Any:
    """What a filter looks at: an item price is looked for among all of the subscription's."""
    if field == "item_price_id":
        return [item["item_price_id"] for item in body["subscription_items"]]
    return body.get(field)


def _with_customer(site: Site, body: Body) -> Answer:
    customer = site.current("customer", body["customer_id"])
    return {"subscription": body, "customer": customer, "card": Member.CARD}


def _with_what_was_made(site: Site, body: Body) -> Answer:
    made = dict.fromkeys(("invoice", "credit_notes", "unbilled_charges"), Member.MADE)
    return {**_with_customer(site, body), **made}


_FILTERS = {
    "id": words(),
    "customer_id": words(),
    "item_price_id": Filter(("is", "starts_with", "in"), text(100)),  # true of any of the subscription's items
    "status": one_of(*_STATUSES),
    "cancel_reason": one_of(*_REASONS, also=(PRESENT,)),
    "cancel_reason_code": words(),
    "remaining_billing_cycles": numbers(PRESENT),
    "created_at": times(),
    "activated_at": times(PRESENT),
    "next_billing_at": times(),
    "cancelled_at": times(),
    "updated_at": times(),
    "has_scheduled_changes": flags(),
    "offline_payment_method": one_of(*OFFLINE_METHODS),
    "channel": one_of("web", "app_store", "play_store"),
}
listing(
    "/subscriptions", "subscription", _FILTERS, sortable=("created_at", "updated_at"), show=_with_customer, value=_value
)


@get("/subscriptions/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, living(site, "subscription", id))


@post("/subscriptions/<id>/remove_scheduled_cancellation")
def remove_scheduled_cancellation(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.remove_scheduled_cancellation(id))


@post("/subscriptions/<id>/delete")
def delete(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.delete_subscription(id))
