"""`/p/<token>`: who gets which mail. What a reader of a mail may decide for themselves, and for their organization."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from emails.language import LOCALES
from models import Customer, OutboxRow
from models.session import transaction
from tasks.language import choose_language, language_of
from tasks.recipients import opt_outs, optional_kinds, plain, recipients_of, set_opt_out

from .pages import Notice, asked_locale, desk, opened, page

pages = Blueprint("preferences", __name__)

# What a reader may turn off, as they would call it: French, English.
LABELS = {
    "due_soon": ("Rappel amical, une semaine avant l’échéance", "Friendly reminder, a week before the due date"),
    "payment_method_expiring": ("Carte de paiement qui expire bientôt", "Payment card that expires soon"),
    "seats_changed": ("Changement du nombre de licences", "Change in the number of licences"),
}


@pages.get("/p/<token>")
def show(token: str) -> Response:
    """The page, with what holds now."""
    with transaction(desk().engine) as session:
        row, customer, address = _of(session, token)
        language = language_of(session, customer, desk().settings.default_locale)
        off = opt_outs(session, customer.id, address)
    locale = asked_locale(row.locale)
    billing = [each.address for each in recipients_of(customer, "billing")]
    return make_response(
        page(
            "preferences.html",
            locale,
            address=address,
            billing=[(masked(each), plain(each) == plain(address)) for each in billing],
            company=customer.company,
            kinds=[(name, LABELS[name], name not in off) for name in optional_kinds()],
            language=language,
            saved="saved" in request.args,
            here=url_for(".show", token=token),
        )
    )


@pages.post("/p/<token>")
def save(token: str) -> AnyResponse:
    """Take what was chosen. What did not change is not recorded."""
    wanted, chosen = request.form.getlist("kind"), request.form.get("language")
    with transaction(desk().engine) as session:
        row, customer, address = _of(session, token)
        by = f"the link in mail {row.id}"
        for name in optional_kinds():
            set_opt_out(session, customer.id, address, name, name not in wanted, by)
        before = language_of(session, customer, desk().settings.default_locale)
        if chosen in LOCALES and chosen != before:
            choose_language(session, customer.id, chosen, by)
    language: dict[str, Any] = {"lang": request.args["lang"]} if "lang" in request.args else {}
    return redirect(url_for(".show", token=token, saved="", **language), 303)


def _of(session: Session, token: str) -> tuple[OutboxRow, Customer, str]:
    """The mail, whose customer and which reader a link stands for."""
    _, row = opened(session, "preferences", token)
    customer = session.get(Customer, row.customer_id) if row.customer_id else None
    if customer is None or not row.recipient:
        raise Notice.unknown_link()
    return row, customer, row.recipient


def masked(address: str) -> str:
    """An address that its owner recognizes and a stranger cannot use: mails are passed on."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
