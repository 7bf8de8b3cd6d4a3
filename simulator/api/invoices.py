"""Invoices: reading, charging, paying by hand, dunning, giving up, refunding."""

from __future__ import annotations

from ..customers import METHODS_BY_HAND
from ..pricing import CURRENCY
from ..site import Site
from ..state import Body
from .calls import Answer, Member, get, listing, living, post
from .errors import wrong
from .lists import PRESENT, flags, numbers, one_of, times, words
from .params import COMMENT, Table, choice, instant, number, required, text

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
listing("/invoices", "invoice", _FILTERS, "date", sortable=("date", "updated_at"))

REASONS = (
    "product_unsatisfactory service_unsatisfactory order_change order_cancellation waiver other fraudulent"
).split()
BY_HAND: Table = {
    "transaction[payment_method]": required(choice(*METHODS_BY_HAND)),
    "transaction[amount]": number(),
    "transaction[date]": instant,
    "transaction[reference_number]": text(100),
}
# How the actions name what the API calls otherwise.
_NAMES = {"payment_method": "method", "reference_number": "reference"}


def noted(given: Body) -> Body:
    """What a clerk noted of a transaction, as the actions name it."""
    return {_NAMES.get(name, name): value for name, value in given.items() if value is not None}


@get("/invoices/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": living(site, "invoice", id)}


_CHARGES: Table = {
    "customer_id": text(50),
    "subscription_id": text(50),
    "currency_code": choice(CURRENCY),
    "invoice_note": text(2000),
    "po_number": text(100),
    "auto_collection": choice("on", "off"),
    "item_prices[item_price_id][]": required(text(100)),
    "item_prices[quantity][]": number(1),
    "item_prices[unit_price][]": number(),
    "charges[amount][]": required(number(1)),
    "charges[description][]": required(text(250)),
}


@post("/invoices/create_for_charge_items_and_charges", _CHARGES)
def create_for_charges(site: Site, _: str, given: Body) -> Answer:
    subscription_id, customer_id = given.get("subscription_id"), given.get("customer_id")
    if subscription_id and customer_id is None:
        customer_id = living(site, "subscription", subscription_id)["customer_id"]
    if customer_id is None:
        raise wrong("customer_id", "cannot be blank")
    return {
        "invoice": site.charge_invoice(
            customer_id,
            given.get("item_prices", []),
            charges=given.get("charges", []),
            subscription_id=subscription_id,
            auto_collection=given.get("auto_collection"),
            po_number=given.get("po_number"),
            note=given.get("invoice_note"),
        )
    }


_PAYMENT: Table = {
    **BY_HAND,
    "transaction[status]": choice("success", "failure", "late_failure"),
    "transaction[id_at_gateway]": text(100),
}


@post("/invoices/<id>/record_payment", _PAYMENT, COMMENT)
def record_payment(site: Site, id: str, given: Body) -> Answer:
    payment = site.record_payment(id, comment=given.get("comment"), **noted(given["transaction"]))
    return {"invoice": site.current("invoice", id), "transaction": payment}


@post("/invoices/<id>/remove_payment", {"transaction[id]": required(text(40))})
def remove_payment(site: Site, id: str, given: Body) -> Answer:
    invoice = site.remove_payment(id, given["transaction"]["id"])
    return {"invoice": invoice, "transaction": site.current("transaction", given["transaction"]["id"])}


_TRANSACTIONS: Table = {"transactions[id][]": required(text(40)), "transactions[amount][]": number(1)}


@post("/invoices/<id>/apply_payments", _TRANSACTIONS, COMMENT)
def apply_payments(site: Site, id: str, given: Body) -> Answer:
    rows = given.get("transactions")
    chosen = None if rows is None else {row["id"]: row.get("amount") for row in rows}
    return _remarked(site, site.apply_payments(id, chosen), given)


@post("/invoices/<id>/apply_credits", {"credit_notes[id][]": required(text(50))}, COMMENT)
def apply_credits(site: Site, id: str, given: Body) -> Answer:
    rows = given.get("credit_notes")
    chosen = None if rows is None else dict.fromkeys(row["id"] for row in rows)
    return _remarked(site, site.apply_credits(id, chosen), given)


@post("/invoices/<id>/collect_payment", {"amount": number(1), "payment_source_id": text(40)}, COMMENT)
def collect_payment(site: Site, id: str, given: Body) -> Answer:
    payment = site.collect_payment(id, amount=given.get("amount"), payment_source_id=given.get("payment_source_id"))
    return {**_remarked(site, site.current("invoice", id), given), "transaction": payment}


@post("/invoices/<id>/stop_dunning", COMMENT)
def stop_dunning(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.stop_dunning(id, **given)}


@post("/invoices/<id>/pause_dunning", {"expected_payment_date": required(instant)}, COMMENT)
def pause_dunning(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.pause_dunning(id, **given)}


@post("/invoices/<id>/resume_dunning", COMMENT)
def resume_dunning(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.resume_dunning(id, **given)}


@post("/invoices/<id>/write_off", COMMENT)
def write_off(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.write_off(id, **given), "credit_note": Member.MADE}


@post("/invoices/<id>/void", COMMENT, {"void_reason_code": text(100)})
def void(site: Site, id: str, given: Body) -> Answer:
    reason = {"reason": given["void_reason_code"]} if given.get("void_reason_code") else {}
    return {"invoice": site.void_invoice(id, comment=given.get("comment"), **reason), "credit_note": Member.MADE}


_CREDIT: Table = {"credit_note[reason_code]": choice(*REASONS)}


@post("/invoices/<id>/record_refund", BY_HAND, {"transaction[date]": required(instant)}, _CREDIT, COMMENT)
def record_refund(site: Site, id: str, given: Body) -> Answer:
    fields = noted(given["transaction"]) | _reason(given)
    refund = site.record_refund(id, comment=given.get("comment"), **fields)
    return {"invoice": site.current("invoice", id), "transaction": refund, "credit_note": Member.MADE}


@post("/invoices/<id>/refund", {"refund_amount": number(1)}, _CREDIT, COMMENT)
def refund(site: Site, id: str, given: Body) -> Answer:
    refund = site.refund(id, given.get("refund_amount"), comment=given.get("comment"), **_reason(given))
    return {"invoice": site.current("invoice", id), "transaction": refund, "credit_note": Member.MADE}


@post("/invoices/<id>/close", COMMENT)
def close(site: Site, id: str, given: Body) -> Answer:
    return _remarked(site, site.close_invoice(id), given)


@post("/invoices/<id>/delete", COMMENT)
def delete(site: Site, id: str, given: Body) -> Answer:
    return {"invoice": site.delete_invoice(id, **given)}


def _reason(given: Body) -> Body:
    reason = given.get("credit_note", {}).get("reason_code")
    return {"reason": reason} if reason else {}


def _remarked(site: Site, invoice: Body, given: Body) -> Answer:
    """The invoice, and the caller's comment on it noted."""
    if given.get("comment"):
        site.add_comment("invoice", invoice["id"], given["comment"])
    return {"invoice": invoice}
