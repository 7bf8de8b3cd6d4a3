"""Transactions: money that came in or went out."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living, post
from .lists import PRESENT, numbers, one_of, times, words
from .params import COMMENT

_FILTERS = {
    "id": words(),
    "customer_id": words(PRESENT),
    "subscription_id": words(PRESENT),
    "payment_source_id": words(PRESENT),
    "payment_method": words(),  # the provider has about ninety, and adds to them
    "gateway": words(),
    "gateway_account_id": words(),
    "id_at_gateway": words(),
    "reference_number": words(PRESENT),
    "type": one_of("authorization", "payment", "refund", "payment_reversal"),
    "date": times(),
    "amount": numbers(),
    "status": one_of("in_progress", "success", "voided", "failure", "timeout", "needs_attention", "late_failure"),
    "updated_at": times(),
}
listing("/transactions", "transaction", _FILTERS, sortable=("date", "updated_at"))


@get("/transactions/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"transaction": living(site, "transaction", id)}


@post("/transactions/<id>/delete_offline_transaction", COMMENT)
def delete_offline_transaction(site: Site, id: str, given: Body) -> Answer:
    return {"transaction": site.delete_offline_transaction(id)}
