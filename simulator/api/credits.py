"""Credit notes, and promotional credits."""

from __future__ import annotations

from ..pricing import CURRENCY
from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living, post
from .invoices import BY_HAND, REASONS, noted
from .lists import PRESENT, names, numbers, one_of, times, words
from .params import COMMENT, Table, choice, instant, number, required, text

_ALL_REASONS = (*REASONS, "write_off", "subscription_change", "subscription_cancellation", "subscription_pause")
_FILTERS = {
    "id": words(),
    "customer_id": words(),
    "subscription_id": words(PRESENT),
    "reference_invoice_id": words(PRESENT),
    "type": one_of("adjustment", "refundable", "store"),
    "reason_code": one_of(*_ALL_REASONS, "chargeback"),
    "create_reason_code": words(),
    "status": one_of("adjusted", "refunded", "refund_due", "voided"),
    "date": times(),
    "total": numbers(),
    "price_type": one_of("tax_exclusive", "tax_inclusive"),
    "amount_allocated": numbers(),
    "amount_refunded": numbers(),
    "amount_available": numbers(),
    "voided_at": times(),
    "updated_at": times(),
    "channel": one_of("web", "app_store", "play_store"),
}
listing("/credit_notes", "credit_note", _FILTERS, "date", sortable=("date",))


@get("/credit_notes/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"credit_note": living(site, "credit_note", id)}


_NOTE: Table = {
    "reference_invoice_id": required(text(50)),
    "type": required(choice("adjustment", "refundable")),
    "total": number(1),
    "reason_code": choice(*REASONS),
}


@post("/credit_notes", _NOTE, COMMENT)
def create(site: Site, _: str, given: Body) -> Answer:
    invoice_id = given["reference_invoice_id"]
    note = site.create_credit_note(
        invoice_id,
        amount=given.get("total"),
        type=given["type"],
        reason=given.get("reason_code", "other"),
        comment=given.get("comment"),
    )
    return {"credit_note": note, "invoice": site.current("invoice", invoice_id)}


@post("/credit_notes/<id>/record_refund", BY_HAND, {"transaction[date]": required(instant)}, COMMENT)
def record_refund(site: Site, id: str, given: Body) -> Answer:
    refund = site.record_credit_note_refund(id, comment=given.get("comment"), **noted(given["transaction"]))
    return {"credit_note": site.current("credit_note", id), "transaction": refund}


@post("/credit_notes/<id>/void", COMMENT)
def void(site: Site, id: str, given: Body) -> Answer:
    return {"credit_note": site.void_credit_note(id, **given)}


_CREDIT_FILTERS = {
    "id": names(),
    "customer_id": names(),
    "type": one_of("increment", "decrement"),
    "created_at": times(),
}
listing("/promotional_credits", "promotional_credit", _CREDIT_FILTERS, "created_at", deletable=False)

_CREDIT: Table = {
    "customer_id": required(text(50)),
    "amount": required(number(1)),
    "currency_code": choice(CURRENCY),
    "description": required(text(250)),
    "credit_type": choice("loyalty_credits", "referral_rewards", "general"),
    "reference": text(500),
}


@get("/promotional_credits/<id>")
def retrieve_promotion(site: Site, id: str, given: Body) -> Answer:
    return {"promotional_credit": living(site, "promotional_credit", id)}


@post("/promotional_credits/add", _CREDIT)
def add(site: Site, _: str, given: Body) -> Answer:
    given.pop("currency_code", None)
    return _with_customer(site, site.add_promotional_credits(given.pop("customer_id"), **given))


@post("/promotional_credits/deduct", _CREDIT)
def deduct(site: Site, _: str, given: Body) -> Answer:
    given.pop("currency_code", None)
    return _with_customer(site, site.deduct_promotional_credits(given.pop("customer_id"), **given))


def _with_customer(site: Site, credit: Body) -> Answer:
    return {"customer": site.current("customer", credit["customer_id"]), "promotional_credit": credit}
