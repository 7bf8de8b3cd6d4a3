"""Credit notes, and promotional credits."""

from __future__ import annotations

from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living
from .lists import PRESENT, numbers, one_of, times, words

_REASONS = (
    "write_off subscription_change subscription_cancellation subscription_pause chargeback product_unsatisfactory"
    " service_unsatisfactory order_change order_cancellation waiver other fraudulent"
).split()
_FILTERS = {
    "id": words(),
    "customer_id": words(),
    "subscription_id": words(PRESENT),
    "reference_invoice_id": words(PRESENT),
    "type": one_of("adjustment", "refundable", "store"),
    "reason_code": one_of(*_REASONS),
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
listing("/credit_notes", "credit_note", _FILTERS, sortable=("date",))


@get("/credit_notes/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"credit_note": living(site, "credit_note", id)}
