"""`/m/<token>`: a mail as it was sent, in the language it was written in or in the other one."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, make_response
from jinja2 import TemplateError

from emails import said as kept
from emails.language import Locale
from emails.links import Ticket
from emails.render import render
from models import OutboxRow
from models.session import transaction

from .pages import Notice, asked_locale, desk, opened, page

log = structlog.get_logger(__name__)
pages = Blueprint("mails", __name__)


@pages.get("/m/<token>")
def show(token: str) -> Response:
    """The mail. Amounts and dates are those of the moment of sending."""
    with transaction(desk().engine) as session:
        ticket, row = opened(session, "mail", token)
        document = row.said
    locale = asked_locale(row.locale)
    said = kept.read(document) if document else None
    html = _written(said, ticket, locale) if said else None
    if html is None:
        return _as_text(row, locale)
    response = make_response(html)
    response.headers["Content-Language"] = locale.replace("_", "-")
    response.headers["Content-Security-Policy"] = policy_of_mails("'none'")
    return response


def policy_of_mails(ancestors: str) -> str:
    """What a mail's own HTML may do: its styles are in its elements, its logo is the merchant's."""
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src https:; "
        f"form-action 'none'; base-uri 'none'; frame-ancestors {ancestors}"
    )


def _written(said: kept.Said, ticket: Ticket, locale: Locale) -> str | None:
    """The HTML. Its links are no younger than the mail's own: looking at them does not make them last longer."""
    settings = desk().settings
    invoice_id = said.invoice_id if desk().gateway else None
    try:
        return render(
            said.kind,
            said.context,
            locale,
            merchant=settings.merchant,
            remittance=settings.remittance,
            links=desk().signer.links(Ticket(ticket.mail, ticket.issued_at, invoice_id), locale),
            template_dir=settings.email_template_dir,
        ).html
    except TemplateError as fault:  # a merchant's own template: what was sent can still be shown
        log.error("mail not shown: a template is wrong", kind=said.kind.name, reason=str(fault))
        return None


def _as_text(row: OutboxRow, locale: Locale) -> Response:
    """What was sent, as text, where it cannot be written anew; or what became of it."""
    if row.text is not None:
        return make_response(page("text.html", locale, subject=row.subject, text=row.text, written_in=row.locale))
    if row.ended_at is None:  # opened in the instant between the mail's arrival and our note of it
        raise Notice.away(retry_after=5)
    raise Notice(
        410,
        ("Ce courriel n’est plus affichable", "Nous gardons le texte de nos courriels pendant 90 jours."),
        ("This email can no longer be shown", "We keep the text of our emails for 90 days."),
    )
