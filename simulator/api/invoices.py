"""Invoices: reading, paying by hand, dunning, giving up, refunding."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .lists import PRESENT, flags, numbers, one_of, times, words
from .params import COMMENT, required, text

_FILTERS = {
    "id": words(),
    "customer_id": words(),
    "subscription_id": words(PRESENT),
    "recurring": flags(),
    "status": one_of("paid", "posted", "payment_due", "not_paid", "voided", "pending"),
    "price_type": one_of("tax_exclusive", "tax_inclusive"),
    "date": times(),
    "paid_at": times(),
    "voided_at": times(),
    "updated_at": times(),
    "total": numbers(),
    "amount_paid": numbers(),
    "amount_adjusted": numbers(),
    "credits_applied": numbers(),
    "amount_due": numbers(),
    "dunning_status": one_of("in_progress", "exhausted", "stopped", "success", also=(PRESENT,)),
    "void_reason_code": words(),
    "channel": one_of("web", "app_store", "play_store"),
}
listing("/invoices", "invoice", _FILTERS, sortable=("date", "updated_at"))


@get("/invoices/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": living(site, "invoice", id)}


@post("/invoices/<id>/remove_payment", {"transaction[id]": required(text(40))})
def remove_payment(site: Site, id: str, given: Body) -> Answer:
    invoice = site.remove_payment(id, given["transaction"]["id"])
    return {"invoice": invoice, "transaction": site.current("transaction", given["transaction"]["id"])}


@post("/invoices/<id>/void", COMMENT, {"void_reason_code": text(100)})
def void(site: Site, id: str, given: Body) -> Answer:
    reason = {"reason": given["void_reason_code"]} if given.get("void_reason_code") else {}
    return {"invoice": site.void_invoice(id, **reason), "credit_note": Member.MADE}


@post("/invoices/<id>/write_off", COMMENT)
def write_off(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.write_off(id), "credit_note": Member.MADE}


@post("/invoices/<id>/delete", COMMENT)
def delete(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.delete_invoice(id)}


@post("/invoices/<id>/close", COMMENT)
def close(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.close_invoice(id)}
