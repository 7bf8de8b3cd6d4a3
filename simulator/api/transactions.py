"""Transactions: money that came in or went out."""

from __future__ import annotations

from collections.abc import Iterable

from ..customers import METHODS_BY_HAND
from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living, post
from .invoices import noted
from .lists import PRESENT, codes, names, numbers, one_of, times, words
from .params import COMMENT, Table, choice, instant, number, required, text

_FILTERS = {
    "id": words(),
    "customer_id": words(PRESENT),
    "subscription_id": words(PRESENT),
    "payment_source_id": words(PRESENT),
    "payment_method": codes(),
    "gateway": codes(),
    "gateway_account_id": words(),
    "id_at_gateway": names(),
    "reference_number": names(PRESENT),
    "type": one_of("authorization", "payment", "refund", "payment_reversal"),
    "date": times(),
    "amount": numbers(),
    "status": one_of("in_progress", "success", "voided", "failure", "timeout", "needs_attention", "late_failure"),
    "updated_at": times(),
}
listing("/transactions", "transaction", _FILTERS, "date", sortable=("date", "updated_at"))


def _payments_of(site: Site, invoice_id: str) -> Iterable[Body]:
    ids = [entry["txn_id"] for entry in living(site, "invoice", invoice_id)["linked_payments"]]
    return [site.current("transaction", id) for id in dict.fromkeys(ids)]


listing("/invoices/<id>/payments", "transaction", {}, "date", among=_payments_of, deletable=False)


@get("/transactions/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"transaction": living(site, "transaction", id)}


@post("/transactions/<id>/delete_offline_transaction", COMMENT)
def delete_offline_transaction(site: Site, id: str, given: Body) -> Answer:
    _remark(site, id, given)
    return {"transaction": site.delete_offline_transaction(id)}


_REFUND: Table = {
    "amount": number(1),
    "payment_method": required(choice(*METHODS_BY_HAND)),
    "date": required(instant),
    "reference_number": text(100),
}


@post("/transactions/<id>/record_refund", _REFUND, COMMENT)
def record_refund(site: Site, id: str, given: Body) -> Answer:
    return {"transaction": site.record_transaction_refund(id, **noted(given))}


@post("/transactions/<id>/refund", {"amount": number(1)}, COMMENT)
def refund(site: Site, id: str, given: Body) -> Answer:
    return {"transaction": site.refund_transaction(id, **given)}


def _remark(site: Site, id: str, given: Body) -> None:
    if given.get("comment"):
        site.add_comment("transaction", id, given["comment"])
