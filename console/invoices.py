"""`/i/<token>/pdf`: the button of a mail. Chargebee's links die within the hour, so each click asks for a new one."""

from __future__ import annotations

import structlog
from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from billing.errors import NotYet
from gateway.errors import ProviderRefused
from models import Invoice
from models.session import transaction

from .pages import Notice, desk, opened

log = structlog.get_logger(__name__)
pages = Blueprint("invoices", __name__)


@pages.get("/i/<token>/pdf")
def pdf(token: str) -> Response:
    """Send the reader on to the invoice's PDF at Chargebee."""
    with transaction(desk().engine) as session:
        ticket, _ = opened(session, "invoice", token)
        if ticket.invoice is None:
            raise Notice.unknown_link()
        invoice = session.get(Invoice, ticket.invoice)
    if invoice and invoice.deleted:
        raise _gone()
    if invoice and invoice.status == "voided":
        raise _voided(invoice.id)
    gateway = desk().gateway
    if gateway is None:
        raise _cannot_be_had()
    if not desk().clicks.allows(ticket.invoice):
        raise Notice.too_many()
    try:
        return redirect(gateway.invoice_pdf_link(ticket.invoice), 302)
    except ProviderRefused as refused:
        log.warning("PDF not shown: refused", invoice=ticket.invoice, reason=str(refused))
        raise (_gone() if refused.code == "resource_not_found" else _cannot_be_had()) from refused
    except NotYet as away:
        log.warning("PDF not shown: Chargebee is away", invoice=ticket.invoice, reason=str(away))
        raise _away() from away


def _away() -> Notice:
    return Notice(
        503,
        ("La facture n’est pas disponible pour l’instant", "Réessayez dans quelques minutes, avec le même lien."),
        ("The invoice is not available right now", "Try again in a few minutes, with the same link."),
        retry_after=120,
    )


def _gone() -> Notice:
    return Notice(
        410,
        ("Cette facture n’existe plus", "Elle a été retirée après l’envoi du courriel."),
        ("This invoice no longer exists", "It was withdrawn after the email was sent."),
    )


def _voided(number: str) -> Notice:
    return Notice(
        410,
        (
            f"La facture {number} est annulée",
            "Elle a été annulée depuis l’envoi du courriel. Il n’y a rien à payer.",
        ),
        (f"Invoice {number} is void", "It was voided after the email was sent. There is nothing to pay."),
    )


def _cannot_be_had() -> Notice:
    return Notice(
        502,
        ("La facture ne peut pas être affichée ici", "Écrivez-nous, et nous vous l’enverrons."),
        ("The invoice cannot be shown here", "Write to us, and we will send it to you."),
    )
