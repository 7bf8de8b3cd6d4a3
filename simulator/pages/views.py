"""What each page shows. A view takes the desk and gives HTML; it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from ..balances import OPEN
from ..events import EventRecord
from ..state import Body
from . import customers as customer_deeds
from .deeds import DEEDS, Deed
from .desk import Desk
from .invoices import payments_of
from .render import ROWS, Failure, form_of, forms, latest_deeds, page, rows
from .subscriptions import counting_seats

View = Callable[..., str]
_LATEST = 8  # events and deeds on the overview
_DUE = 12  # things to come on the page of the clock
SUBSCRIPTION_STATES = ("active", "in_trial", "non_renewing", "future", "paused", "cancelled")
INVOICE_STATES = ("posted", "payment_due", "not_paid", "paid", "pending", "voided")
WEBHOOK_STATES = ("scheduled", "succeeded", "re_scheduled", "failed", "skipped", "disabled")


def _reading(view: View) -> View:
    """A view that reads the site while nothing on it changes."""

    @wraps(view)
    def reading(desk: Desk, *args: Any, **more: Any) -> str:
        with desk.site.lock:
            return view(desk, *args, **more)

    return reading


@_reading
def overview(desk: Desk, failure: Failure | None = None) -> str:
    site = desk.site
    subscriptions = {state: len(site.find("subscription", status=state)) for state in SUBSCRIPTION_STATES}
    open_invoices = [body for state in OPEN for body in site.find("invoice", status=state)]
    return page(
        desk,
        "overview.html",
        section="overview",
        customers_count=len(site.ids("customer")),
        subscriptions_count={state: count for state, count in subscriptions.items() if count},
        open_count=len(open_invoices),
        owed=sum(body["amount_due"] for body in open_invoices),
        events_count=len(site.events),
        latest=desk.site.event_records[: -_LATEST - 1 : -1],
        deeds=latest_deeds(desk, _LATEST),
        about=_about(desk),
        next_due_at=desk.simulation.next_due_at,
        clock_forms=forms(desk, "clock", "", desk.subject("clock", ""), failure),
        failure=failure,
    )


@_reading
def order(desk: Desk, failure: Failure | None = None) -> str:
    form = form_of(desk, DEEDS["order"], "", {"customer_id": request.args.get("customer", "")}, failure)
    return page(desk, "order.html", section="order", form=form, failure=failure)


@_reading
def customers(desk: Desk, failure: Failure | None = None) -> str:
    wanted = request.args.get("q", "").strip().casefold()
    found = _newest_first(desk, "customer")
    if wanted:
        found = [body for body in found if any(wanted in str(body.get(field, "")).casefold() for field in _SEARCHED)]
    return page(
        desk,
        "customers.html",
        section="customers",
        rows=rows(found),
        q=request.args.get("q", ""),
        form=form_of(desk, DEEDS["new-customer"], "", {}, failure),
        failure=failure,
    )


_SEARCHED = ("id", "company", "email", "first_name", "last_name")


@_reading
def customer(desk: Desk, id: str, failure: Failure | None = None) -> str:
    site, body = desk.site, desk.subject("customer", id)
    return page(
        desk,
        "customer.html",
        section="customers",
        customer=body,
        cards=customer_deeds.cards_of(site, id),
        subscriptions=site.find("subscription", customer_id=id)[: -ROWS - 1 : -1],
        invoices=site.find("invoice", customer_id=id)[: -ROWS - 1 : -1],
        seats_of=counting_seats,
        forms=forms(desk, "customer", id, body, failure),
        failure=failure,
    )


@_reading
def subscriptions(desk: Desk, failure: Failure | None = None) -> str:
    state = request.args.get("status", "")
    found = _newest_first(desk, "subscription", **({"status": state} if state else {}))
    return page(
        desk,
        "subscriptions.html",
        section="subscriptions",
        rows=rows(found),
        state=state,
        states=SUBSCRIPTION_STATES,
        seats_of=counting_seats,
        customer_of=_customer_of(desk),
        failure=failure,
    )


@_reading
def subscription(desk: Desk, id: str, failure: Failure | None = None) -> str:
    site, body = desk.site, desk.subject("subscription", id)
    invoices = site.find("invoice", subscription_id=id)
    return page(
        desk,
        "subscription.html",
        section="subscriptions",
        subscription=body,
        customer=site.current("customer", body["customer_id"]),
        invoices=invoices[: -ROWS - 1 : -1],
        owed=sum(invoice["amount_due"] for invoice in invoices if invoice["status"] in OPEN),
        seats=counting_seats(body),
        forms=forms(desk, "subscription", id, body, failure),
        failure=failure,
    )


@_reading
def invoices(desk: Desk, failure: Failure | None = None) -> str:
    state = request.args.get("status", "")
    found = _newest_first(desk, "invoice", **({"status": state} if state else {}))
    return page(
        desk,
        "invoices.html",
        section="invoices",
        rows=rows(found),
        state=state,
        states=INVOICE_STATES,
        customer_of=_customer_of(desk),
        failure=failure,
    )


@_reading
def invoice(desk: Desk, id: str, failure: Failure | None = None) -> str:
    site, body = desk.site, desk.subject("invoice", id)
    attempts = [site.current("transaction", entry["txn_id"]) for entry in body["linked_payments"]]
    return page(
        desk,
        "invoice.html",
        section="invoices",
        invoice=body,
        customer=site.current("customer", body["customer_id"]),
        transactions=attempts[: -ROWS - 1 : -1],
        paid=payments_of(site, body),
        forms=forms(desk, "invoice", id, body, failure),
        failure=failure,
    )


@_reading
def events(desk: Desk, failure: Failure | None = None) -> str:
    wanted, state = request.args.get("type", "").strip(), request.args.get("status", "")
    found = [
        record
        for record in reversed(desk.site.event_records)
        if wanted in record.event_type and (not state or any(state == status for _, status in record.webhooks))
    ]
    return page(
        desk,
        "events.html",
        section="events",
        rows=rows(found),
        wanted=wanted,
        state=state,
        states=WEBHOOK_STATES,
        about=_about(desk),
        form=form_of(desk, DEEDS["send-shuffled"], "", {}, failure),
        failure=failure,
    )


def event(desk: Desk, id: str, failure: Failure | None = None) -> str:
    deliveries = desk.simulation.deliveries.of(id)  # not to be asked under the site's lock; nor is the receiver
    effects = list(desk.effects(id)) if desk.effects else None
    with desk.site.lock:
        body = desk.subject("event", id)
        return page(
            desk,
            "event.html",
            section="events",
            event=body,
            about=_about(desk)(desk.site.event_record(id)),
            deliveries=deliveries,
            misdeeds=desk.simulation.ledger.of(id),
            effects=effects,
            forms=forms(desk, "event", id, body, failure),
            failure=failure,
        )


@_reading
def webhooks(desk: Desk, failure: Failure | None = None) -> str:
    body = desk.subject("webhooks", "")
    offers = {form.deed.name: form for form in forms(desk, "webhooks", "", body, failure)}
    return page(
        desk,
        "webhooks.html",
        section="webhooks",
        endpoints=body["endpoints"],
        counts=desk.simulation.deliveries.counts,
        done=desk.simulation.ledger.counts(),
        forms=offers,
        failure=failure,
    )


@_reading
def clock(desk: Desk, failure: Failure | None = None) -> str:
    return page(
        desk,
        "clock.html",
        section="clock",
        mode=desk.simulation.clock_mode,
        factor=desk.simulation.factor,
        coming=desk.site.coming(_DUE),
        next_due_at=desk.simulation.next_due_at,
        forms=forms(desk, "clock", "", desk.subject("clock", ""), failure),
        failure=failure,
    )


# Where each page is.
PAGES: dict[str, View] = {
    "/": overview,
    "/order": order,
    "/customers": customers,
    "/customers/<path:id>": customer,
    "/subscriptions": subscriptions,
    "/subscriptions/<path:id>": subscription,
    "/invoices": invoices,
    "/invoices/<path:id>": invoice,
    "/events": events,
    "/events/<path:id>": event,
    "/webhooks": webhooks,
    "/clock": clock,
}
_OF_ONE = {"customer": customer, "subscription": subscription, "invoice": invoice, "event": event}
_OF_ALL = {"new-customer": customers, "order": order, "events": events, "webhooks": webhooks, "clock": clock}


def of(desk: Desk, deed: Deed, id: str, failure: Failure) -> str:
    """The page that a deed is done from, with its form as it was sent."""
    if deed.kind in _OF_ONE:
        return _OF_ONE[deed.kind](desk, id, failure)
    return _OF_ALL[deed.kind](desk, failure)


def _newest_first(desk: Desk, kind: str, **fields: object) -> list[Body]:
    return desk.site.find(kind, **fields)[::-1]


def _customer_of(desk: Desk) -> Callable[[Body], Body]:
    return lambda body: desk.site.current("customer", body["customer_id"])


def _about(desk: Desk) -> Callable[[EventRecord], list[tuple[str, str, str]]]:
    """What an event is about, and whose that is: kind, id, and what to call it."""

    def about(record: EventRecord) -> list[tuple[str, str, str]]:
        found = [] if record.kind == "customer" else [(record.kind, record.subject_id, record.subject_id)]
        if record.customer_id:
            company = desk.site.current("customer", record.customer_id).get("company")
            found.append(("customer", record.customer_id, company or record.customer_id))
        return found

    return about
