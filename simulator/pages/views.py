"""What each page shows. A view takes the desk and gives HTML; it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from flask import request

from ..balances import OPEN
from ..state import Body
from . import customers as customer_deeds
from .deeds import DEEDS, Deed
from .desk import Desk
from .invoices import payments_of
from .render import ROWS, Failure, form_of, forms, latest_deeds, page, rows
from .subscriptions import seats_of

_LATEST = 8  # events and deeds on the overview
_DUE = 12  # things to come on the page of the clock
SUBSCRIPTION_STATES = ("active", "in_trial", "non_renewing", "future", "paused", "cancelled")
INVOICE_STATES = ("posted", "payment_due", "not_paid", "paid", "pending", "voided")
WEBHOOK_STATES = ("scheduled", "succeeded", "re_scheduled", "failed", "skipped", "disabled")


def overview(desk: Desk, failure: Failure | None = None) -> str:
    site = desk.site
    with site.lock:
        subscriptions = Counter(body["status"] for body in site.all("subscription"))
        open_invoices = [body for body in site.all("invoice") if body["status"] in OPEN]
        customers = len(site.all("customer"))
    return page(
        desk,
        "overview.html",
        section="overview",
        customers_count=customers,
        subscriptions_count=subscriptions,
        open_count=len(open_invoices),
        owed=sum(body["amount_due"] for body in open_invoices),
        events_count=len(site.events),
        latest=_newest(desk, _LATEST),
        deeds=latest_deeds(desk, _LATEST),
        about=_about,
        next_due_at=desk.simulation.next_due_at,
        clock_forms=forms(desk, "clock", "", {}, failure),
        failure=failure,
    )


def order(desk: Desk, failure: Failure | None = None) -> str:
    form = form_of(desk, DEEDS["order"], "", {"customer_id": request.args.get("customer", "")}, failure)
    return page(desk, "order.html", section="order", form=form, failure=failure)


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
        seats_of=seats_of,
        forms=forms(desk, "customer", id, body, failure),
        failure=failure,
    )


def subscriptions(desk: Desk, failure: Failure | None = None) -> str:
    state = request.args.get("status", "")
    found = [body for body in _newest_first(desk, "subscription") if state in ("", body["status"])]
    return page(
        desk,
        "subscriptions.html",
        section="subscriptions",
        rows=rows(found),
        state=state,
        states=SUBSCRIPTION_STATES,
        seats_of=seats_of,
        customer_of=_customer_of(desk),
        failure=failure,
    )


def subscription(desk: Desk, id: str, failure: Failure | None = None) -> str:
    site, body = desk.site, desk.subject("subscription", id)
    return page(
        desk,
        "subscription.html",
        section="subscriptions",
        subscription=body,
        customer=site.current("customer", body["customer_id"]),
        invoices=site.find("invoice", subscription_id=id)[: -ROWS - 1 : -1],
        seats=seats_of(body),
        forms=forms(desk, "subscription", id, body, failure),
        failure=failure,
    )


def invoices(desk: Desk, failure: Failure | None = None) -> str:
    state = request.args.get("status", "")
    found = [body for body in _newest_first(desk, "invoice") if state in ("", body["status"])]
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


def events(desk: Desk, failure: Failure | None = None) -> str:
    wanted, state = request.args.get("type", "").strip(), request.args.get("status", "")
    found = [
        event
        for event in _newest(desk, None)
        if wanted in event["event_type"] and (not state or state in _webhook_states(event))
    ]
    return page(
        desk,
        "events.html",
        section="events",
        rows=rows(found),
        wanted=wanted,
        state=state,
        states=WEBHOOK_STATES,
        webhook_states=_webhook_states,
        about=_about,
        form=form_of(desk, DEEDS["send-shuffled"], "", {}, failure),
        failure=failure,
    )


def event(desk: Desk, id: str, failure: Failure | None = None) -> str:
    body = desk.subject("event", id)
    return page(
        desk,
        "event.html",
        section="events",
        event=body,
        about=_about(body),
        deliveries=desk.simulation.deliveries.of(id),
        misdeeds=desk.simulation.ledger.of(id),
        effects=list(desk.effects(id)) if desk.effects else None,
        forms=forms(desk, "event", id, body, failure),
        failure=failure,
    )


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


def clock(desk: Desk, failure: Failure | None = None) -> str:
    return page(
        desk,
        "clock.html",
        section="clock",
        mode=desk.simulation.clock_mode,
        factor=desk.simulation.factor,
        coming=desk.site.coming(_DUE),
        next_due_at=desk.simulation.next_due_at,
        forms=forms(desk, "clock", "", {}, failure),
        failure=failure,
    )


# Where each page is.
PAGES: dict[str, Callable[..., str]] = {
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


def _newest_first(desk: Desk, kind: str) -> list[Body]:
    with desk.site.lock:
        return desk.site.all(kind)[::-1]


def _newest(desk: Desk, count: int | None) -> list[Body]:
    events: Sequence[Body] = desk.site.events
    with desk.site.lock:
        return list(reversed(events[-count:] if count else events))


def _customer_of(desk: Desk) -> Callable[[Body], Body]:
    return lambda body: desk.site.current("customer", body["customer_id"])


def _webhook_states(event: Body) -> list[str]:
    """How the deliveries of an event stand, each state once."""
    return list(dict.fromkeys(webhook["webhook_status"] for webhook in event["webhooks"]))


def _about(event: Body) -> list[tuple[str, str, str]]:
    """What an event carries: kind, id, and what to call it."""
    found = []
    for kind, body in event["content"].items():
        for each in body if isinstance(body, list) else [body]:
            if "id" in each:
                found.append((kind, each["id"], each.get("company") or each["id"]))
    return found
