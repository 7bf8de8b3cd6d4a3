"""What a customer, a bank or finance can do to an invoice: pay, bounce, refund, give up, take back."""

from __future__ import annotations

from collections.abc import Callable

from ..balances import OPEN
from ..customers import METHODS_BY_HAND
from ..site import Site
from ..state import Body
from .deeds import Deed, Done, add, on_site
from .forms import Field, Option, Values
from .show import Amount, Fact, Link, Show, Status


def _pay_by_card(site: Site, id: str, values: Values) -> Done:
    site.pay_by_card(id)
    return _done(site, id)


def _card_fails(site: Site, id: str, values: Values) -> Done:
    site.pay_by_card(id, succeeds=False)
    return _done(site, id)


def _cheque_arrives(site: Site, id: str, values: Values) -> Done:
    return _arrives(site, id, "check", values)


def _wire_arrives(site: Site, id: str, values: Values) -> Done:
    return _arrives(site, id, "bank_transfer", values)


def _arrives(site: Site, id: str, method: str, values: Values) -> Done:
    payment = site.record_payment(id, amount=values["amount"], method=method, reference=values["reference"])
    return _done(site, id, amount=Amount(payment["amount"]))


def _bounce(site: Site, id: str, values: Values) -> Done:
    payment = site.bounce(values["payment"])
    return _done(site, id, amount=Amount(payment["amount"]))


def _remove(site: Site, id: str, values: Values) -> Done:
    payment = site.current("transaction", values["payment"])
    site.remove_payment(id, payment["id"])
    return _done(site, id, amount=Amount(payment["amount"]))


def _take_back(site: Site, id: str, values: Values) -> Done:
    payment = site.reverse_payment(values["payment"], chargeback=values["chargeback"])
    return _done(site, id, amount=Amount(payment["amount"]))


def _apply_excess(site: Site, id: str, values: Values) -> Done:
    site.apply_excess(id)
    return _done(site, id)


def _apply_credits(site: Site, id: str, values: Values) -> Done:
    site.apply_credits(id)
    return _done(site, id)


def _expect(site: Site, id: str, values: Values) -> Done:
    site.pause_dunning(id, values["expected"])
    return _done(site, id, at=values["expected"])


def _stop_dunning(site: Site, id: str, values: Values) -> Done:
    site.stop_dunning(id)
    return _done(site, id)


def _refund(site: Site, id: str, values: Values) -> Done:
    """Give money back the way it came: through the gateway where some came through it, else by hand."""
    methods = [payment["payment_method"] for payment in payments_of(site, site.current("invoice", id))]
    if any(method not in METHODS_BY_HAND for method in methods):
        refund = site.refund(id, values["amount"])
    else:
        refund = site.record_refund(id, values["amount"], method=methods[-1] if methods else "check")
    return _done(site, id, amount=Amount(refund["amount"]))


def _write_off(site: Site, id: str, values: Values) -> Done:
    owed = site.current("invoice", id)["amount_due"]
    site.write_off(id)
    return _done(site, id, amount=Amount(owed))


def _void(site: Site, id: str, values: Values) -> Done:
    site.void_invoice(id)
    return _done(site, id)


def _close(site: Site, id: str, values: Values) -> Done:
    site.close_invoice(id)
    return _done(site, id)


def _delete(site: Site, id: str, values: Values) -> Done:
    site.delete_invoice(id)
    return Done("invoices", "", {"invoice": id})


def _done(site: Site, id: str, **facts: Fact) -> Done:
    invoice = site.current("invoice", id)
    always: dict[str, Fact] = {
        "invoice": Link("invoice", id),
        "status": Status("invoice", invoice["status"]),
        "due": Amount(invoice["amount_due"]),
    }
    return Done("invoice", id, always | facts)


def payments_of(site: Site, invoice: Body) -> list[Body]:
    """The payments that came in and stand on an invoice."""
    entries = [entry for entry in invoice["linked_payments"] if entry["txn_status"] == "success"]
    return [site.current("transaction", entry["txn_id"]) for entry in entries]


def _cheques(site: Site, invoice: Body) -> list[Body]:
    return [payment for payment in payments_of(site, invoice) if payment["payment_method"] == "check"]


def _by_card(site: Site, invoice: Body) -> list[Body]:
    return [payment for payment in payments_of(site, invoice) if payment["payment_method"] == "card"]


def _options(payments: list[Body], show: Show) -> list[Option]:
    return [
        (
            payment["id"],
            ", ".join(
                filter(
                    None,
                    (
                        show.words.method(payment["payment_method"]),
                        show.money(payment["amount"]),
                        payment.get("reference_number"),
                    ),
                )
            ),
        )
        for payment in reversed(payments)
    ]


def _owes(site: Site, body: Body) -> bool:
    return body["status"] in OPEN and body["amount_due"] > 0


def _has_card(site: Site, body: Body) -> bool:
    return "primary_payment_source_id" in site.current("customer", body["customer_id"])


def _has_excess(site: Site, body: Body) -> bool:
    return bool(site.current("customer", body["customer_id"])["excess_payments"])


def _has_credits(site: Site, body: Body) -> bool:
    return site.has("credit_note", available_to=body["customer_id"])


def _is_chased(site: Site, body: Body) -> bool:
    return body["status"] == "payment_due" and body.get("dunning_status") == "in_progress"


def _is_untouched(site: Site, body: Body) -> bool:
    """Whether nothing was ever paid or credited on an open invoice."""
    links = ("linked_payments", "applied_credits", "adjustment_credit_notes", "issued_credit_notes")
    return body["status"] in OPEN and not any(body[field] for field in links)


def _due(site: Site, show: Show, body: Body) -> str:
    return show.plain(body["amount_due"])


_AMOUNT = Field("amount", "money", required=True, default=_due)
_REFERENCE = Field("reference")


def _payment(of: Callable[[Site, Body], list[Body]]) -> Field:
    return Field("payment", "choice", required=True, options=lambda site, show, body: _options(of(site, body), show))


add(Deed("cheque-arrives", "invoice", on_site(_cheque_arrives), (_AMOUNT, _REFERENCE), offered=_owes))
add(Deed("wire-arrives", "invoice", on_site(_wire_arrives), (_AMOUNT, _REFERENCE), offered=_owes))
add(
    Deed(
        "pay-by-card",
        "invoice",
        on_site(_pay_by_card),
        offered=lambda site, body: _owes(site, body) and _has_card(site, body),
    )
)
add(
    Deed(
        "card-fails",
        "invoice",
        on_site(_card_fails),
        offered=lambda site, body: _owes(site, body) and _has_card(site, body),
    )
)
add(
    Deed(
        "apply-excess", "invoice", on_site(_apply_excess),
        offered=lambda site, body: _owes(site, body) and _has_excess(site, body),
    )
)  # fmt: skip
add(
    Deed(
        "apply-credits", "invoice", on_site(_apply_credits),
        offered=lambda site, body: _owes(site, body) and _has_credits(site, body),
    )
)  # fmt: skip
add(
    Deed(
        "expect-payment", "invoice", on_site(_expect), (Field("expected", "instant", required=True, ahead=True),),
        offered=_is_chased,
    )
)  # fmt: skip
add(Deed("stop-dunning", "invoice", on_site(_stop_dunning), offered=_is_chased))
add(Deed("close-invoice", "invoice", on_site(_close), offered=lambda site, body: body["status"] == "pending"))
add(
    Deed(
        "cheque-bounces", "invoice", on_site(_bounce), (_payment(_cheques),),
        offered=lambda site, body: bool(_cheques(site, body)), final=True,
    )
)  # fmt: skip
add(
    Deed(
        "remove-payment", "invoice", on_site(_remove), (_payment(payments_of),),
        offered=lambda site, body: bool(payments_of(site, body)), final=True,
    )
)  # fmt: skip
add(
    Deed(
        "bank-takes-back", "invoice", on_site(_take_back), (_payment(_by_card), Field("chargeback", "yes")),
        offered=lambda site, body: bool(_by_card(site, body)), final=True,
    )
)  # fmt: skip
add(
    Deed(
        "refund", "invoice", on_site(_refund), (Field("amount", "money"),),
        offered=lambda site, body: bool(payments_of(site, body)), final=True,
    )
)  # fmt: skip
add(Deed("write-off", "invoice", on_site(_write_off), offered=_owes, final=True))
add(Deed("void", "invoice", on_site(_void), offered=_is_untouched, final=True))
add(Deed("delete-invoice", "invoice", on_site(_delete), offered=_is_untouched, final=True))
