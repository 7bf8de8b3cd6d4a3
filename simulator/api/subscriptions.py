"""Subscriptions: reading, selling, changing, pausing, ending."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..customers import OFFLINE_METHODS
from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .errors import wrong
from .lists import PRESENT, Filter, flags, numbers, one_of, said, times, words
from .params import CUSTOM_FIELDS, Table, choice, flag, instant, json_object, number, required, text

_STATUSES = "future in_trial active non_renewing paused cancelled transferred".split()
_REASONS = (
    "not_paid no_card fraud_review_failed non_compliant_eu_customer tax_calculation_failed"
    " currency_incompatible_with_gateway non_compliant_customer"
).split()


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
    "item_price_id": Filter(("is", "starts_with", "in"), said(100)),  # true of any of the subscription's items
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
    "/subscriptions",
    "subscription",
    _FILTERS,
    "created_at",
    sortable=("created_at", "updated_at"),
    show=_with_customer,
    value=_value,
)


@get("/subscriptions/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, living(site, "subscription", id))


@get("/subscriptions/<id>/retrieve_with_scheduled_changes")
def retrieve_with_scheduled_changes(site: Site, id: str, given: Body) -> Answer:
    living(site, "subscription", id)
    return _with_customer(site, site.scheduled_version(id))


_ITEMS: Table = {
    "subscription_items[item_price_id][]": required(text(100)),
    "subscription_items[quantity][]": number(1),
    "subscription_items[unit_price][]": number(),
}
_SETTINGS: Table = {
    "auto_collection": choice("on", "off"),
    "offline_payment_method": choice(*OFFLINE_METHODS),
    "net_term_days": number(0, 365),
    "po_number": text(100),
    "invoice_notes": text(2000),
    "meta_data": json_object,
    "create_pending_invoices": flag,
    "auto_close_invoices": flag,
}
_CREATION: Table = {
    "id": text(50),
    "start_date": instant,
    "trial_end": instant,
    "billing_cycles": number(1, 1200),
    "invoice_immediately": flag,
    "payment_source_id": text(40),
}
# How the actions name what the API calls otherwise.
_NAMES = {
    "subscription_items": "items",
    "start_date": "starts_at",
    "create_pending_invoices": "pending_invoices",
    "replace_items_list": "replace",
    "mandatory_items_to_remove": "remove",
    "cancel_at": "at",
    "cancel_option": "option",
    "cancel_reason_code": "reason",
    "credit_option_for_current_term_charges": "credit_option",
    "pause_option": "option",
    "pause_date": "pause_at",
    "resume_date": "resume_at",
}


def _named(given: Body) -> Body:
    return {_NAMES.get(name, name): value for name, value in given.items()}


@post("/customers/<id>/subscription_for_items", _ITEMS, _SETTINGS, _CREATION, CUSTOM_FIELDS)
def create_with_items(site: Site, id: str, given: Body) -> Answer:
    if not given.get("subscription_items"):
        raise wrong("subscription_items[item_price_id][0]", "cannot be blank")
    return _with_what_was_made(site, site.subscribe(id, **_named(given)))


_CHANGE: Table = {
    "replace_items_list": flag,
    "mandatory_items_to_remove[]": text(100),
    "prorate": flag,
    "invoice_immediately": flag,
    "force_term_reset": flag,
    "billing_cycles": number(0, 1200),
    "end_of_term": flag,
    "change_option": choice("immediately", "end_of_term", "specific_date"),
    "changes_scheduled_at": instant,
}


@post("/subscriptions/<id>/update_for_items", _ITEMS, _SETTINGS, _CHANGE, CUSTOM_FIELDS)
def update_for_items(site: Site, id: str, given: Body) -> Answer:
    when = _when(given, "change_option", "changes_scheduled_at")
    pending = given.pop("create_pending_invoices", None)  # as it is called on the subscription, too
    settings: Body = {} if pending is None else {"create_pending_invoices": pending or None}
    return _with_what_was_made(site, site.update_items(id, when=when, **_named(given), **settings))


_CANCELLATION: Table = {
    "end_of_term": flag,
    "cancel_option": choice("immediately", "end_of_term", "specific_date", "end_of_billing_term"),
    "cancel_at": instant,
    "credit_option_for_current_term_charges": choice("none", "prorate", "full"),
    "unbilled_charges_option": choice("invoice", "delete"),
    "account_receivables_handling": choice("no_action", "schedule_payment_collection", "write_off"),
    "refundable_credits_handling": choice("no_action", "schedule_refund"),
    "cancel_reason_code": text(100),
    "decommissioned": flag,
}


@post("/subscriptions/<id>/cancel_for_items", _CANCELLATION)
def cancel_for_items(site: Site, id: str, given: Body) -> Answer:
    """Cancel, at once where no option says otherwise."""
    if _at_term_end(given, "cancel_option"):
        given["cancel_option"] = "end_of_term"
    if "cancel_at" in given and given.get("cancel_option", "specific_date") != "specific_date":
        raise wrong("cancel_at", "is for a cancel_option of specific_date")
    return _with_what_was_made(site, site.cancel_items(id, **_named(given)))


@post("/subscriptions/<id>/remove_scheduled_cancellation", {"billing_cycles": number(1, 1200)})
def remove_scheduled_cancellation(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.remove_scheduled_cancellation(id, **given))


@post("/subscriptions/<id>/remove_scheduled_changes")
def remove_scheduled_changes(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.remove_scheduled_changes(id))


_PAUSE: Table = {
    "pause_option": choice("immediately", "end_of_term", "specific_date"),
    "pause_date": instant,
    "resume_date": instant,
}


@post("/subscriptions/<id>/pause", _PAUSE)
def pause(site: Site, id: str, given: Body) -> Answer:
    return _with_what_was_made(site, site.pause(id, **_named(given)))


_RESUMPTION: Table = {
    "resume_option": choice("immediately", "specific_date"),
    "resume_date": instant,
    "charges_handling": choice("invoice_immediately", "add_to_unbilled_charges"),
}


@post("/subscriptions/<id>/resume", _RESUMPTION)
def resume(site: Site, id: str, given: Body) -> Answer:
    option, at = given.get("resume_option"), given.get("resume_date")
    if option == "specific_date" and at is None:
        raise wrong("resume_date", "cannot be blank for a specific date")
    if option == "immediately" and at:
        raise wrong("resume_date", "is for a resume_option of specific_date")
    at_once = given.get("charges_handling") != "add_to_unbilled_charges"
    return _with_what_was_made(site, site.resume(id, at=at, invoice_immediately=at_once))


@post("/subscriptions/<id>/remove_scheduled_pause")
def remove_scheduled_pause(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.remove_scheduled_pause(id))


@post("/subscriptions/<id>/remove_scheduled_resumption")
def remove_scheduled_resumption(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.remove_scheduled_resumption(id))


@post("/subscriptions/<id>/reactivate", {"billing_cycles": number(1, 1200), "invoice_immediately": flag})
def reactivate(site: Site, id: str, given: Body) -> Answer:
    return _with_what_was_made(site, site.reactivate(id, **given))


@post("/subscriptions/<id>/delete")
def delete(site: Site, id: str, given: Body) -> Answer:
    return _with_customer(site, site.delete_subscription(id))


def _when(given: Body, option: str, date: str) -> str | datetime:
    """When a change is to happen, out of the three parameters that say so."""
    if _at_term_end(given, option):
        return "end_of_term"
    chosen, at = given.pop(option, "immediately"), given.pop(date, None)
    if chosen == "specific_date" and at is None:
        raise wrong(date, "cannot be blank for a specific date")
    if chosen != "specific_date" and at:
        raise wrong(date, f"is for a {option} of specific_date")
    return at or str(chosen)


def _at_term_end(given: Body, option: str) -> bool:
    """Whether `end_of_term` was said; with an option beside it nobody knows what is meant."""
    end_of_term: bool = given.pop("end_of_term", False)
    if end_of_term and option in given:
        raise wrong("end_of_term", f"cannot be given with {option}")
    return end_of_term
