"""What pages are made with: the desk they are served from, the language they speak, and notices in place of a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Response, current_app, make_response, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from billing.merchant import Merchant
from emails.language import Locale
from emails.links import ExpiredLink, Purpose, Signer, Ticket, UnknownLink
from gateway.client import Gateway, gateway_of
from models import OutboxRow
from worker.settings import Settings

from .limits import Limiter

DESK = "desk"
CLICKS = 10  # a minute for one invoice: each is a call to Chargebee
_HERE = Path(__file__).parent
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LOCALES: dict[str, Locale] = {"fr": "fr_CA", "en": "en_CA"}


@dataclass
class Desk:
    """What this installation serves pages from. `Gateway` is None where no API is configured."""

    settings: Settings
    engine: Engine
    signer: Signer
    clicks: Limiter = field(default_factory=lambda: Limiter(CLICKS))

    @cached_property
    def gateway(self) -> Gateway | None:
        return gateway_of(self.settings)

    @property
    def merchant(self) -> Merchant:
        return self.settings.merchant


def desk() -> Desk:
    """That of the app that answers this request."""
    found: Desk = current_app.extensions[DESK]
    return found


# ---- language --------------------------------------------------------------------------------------------------------


def asked_locale(otherwise: str | None) -> Locale:
    """The language that `?lang=` asks for, else this one, else the installation's."""
    asked = request.args.get("lang", "")
    if asked in _LOCALES:
        return _LOCALES[asked]
    return _LOCALES.get((otherwise or "").partition("_")[0], desk().settings.default_locale)


def page(template: str, locale: Locale, **values: Any) -> str:
    """A page of this app in one language."""
    return write(template, locale, merchant=desk().merchant, style_sheet=url_for("style"), **values)


def write(template: str, locale: Locale, **values: Any) -> str:
    """A page in one language. In its template, `say("Bonjour", "Hello")` is the words of that language."""
    french = locale == "fr_CA"
    return _templates.get_template(template).render(
        say=lambda fr, en: fr if french else en,
        lang=locale.replace("_", "-"),
        other="en" if french else "fr",
        **values,
    )


def style_sheet(merchant: Merchant) -> str:
    """The pages' style sheet, in the brand's colours. Settings have made sure that those can be read."""
    return (_HERE / "static" / "app.css").read_text("utf-8") + (
        f":root {{ --brand: {merchant.colour} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --brand: {merchant.colour_dark} }} }}\n"
    )


# ---- what a link opens -----------------------------------------------------------------------------------------------


def opened(session: Session, purpose: Purpose, token: str) -> tuple[Ticket, OutboxRow]:
    """What a link says, and the mail that it stands in.

    Raises:
        Notice: it opens nothing. One that was made up and one whose mail is not there are told alike.
    """
    try:
        ticket = desk().signer.read(purpose, token, datetime.now(UTC))
    except UnknownLink:
        raise Notice.unknown_link() from None
    except ExpiredLink:
        raise Notice.dead_link() from None
    row = session.get(OutboxRow, ticket.mail)
    if row is None or row.kind != "email":
        raise Notice.unknown_link()
    if row.links_revoked_at is not None:
        raise Notice.dead_link()
    return ticket, row


# ---- notices ---------------------------------------------------------------------------------------------------------


@dataclass
class Notice(Exception):
    """What is told in place of a page, in both languages: title and sentence in French, then in English."""

    status: int
    french: tuple[str, str]
    english: tuple[str, str]
    retry_after: int | None = None
    write: bool = True  # say whom to write to

    @classmethod
    def unknown_link(cls) -> Notice:
        return cls(
            404,
            (
                "Ce lien ne mène nulle part",
                "Il est peut-être incomplet. Ouvrez-le de nouveau depuis le courriel, ou copiez-le en entier.",
            ),
            (
                "This link leads nowhere",
                "It may be incomplete. Open it again from the email, or copy all of it.",
            ),
        )

    @classmethod
    def dead_link(cls) -> Notice:
        return cls(
            410,
            (
                "Ce lien n’est plus valide",
                "Les liens de nos courriels fonctionnent pendant 180 jours, à moins que nous les retirions avant. "
                "Utilisez celui d’un courriel plus récent.",
            ),
            (
                "This link no longer works",
                "Links in our emails work for 180 days, unless we withdraw them sooner. "
                "Use the one of a more recent email.",
            ),
        )

    @classmethod
    def away(cls, retry_after: int = 120) -> Notice:
        return cls(
            503,
            ("Un instant, s’il vous plaît", "Cette page n’est pas disponible. Réessayez dans quelques minutes."),
            ("One moment, please", "This page is not available. Try again in a few minutes."),
            retry_after=retry_after,
        )

    @classmethod
    def too_many(cls) -> Notice:
        return cls(
            429,
            ("Un instant, s’il vous plaît", "Trop de demandes en peu de temps. Réessayez dans une minute."),
            ("One moment, please", "Too many requests in a short time. Try again in a minute."),
            retry_after=60,
            write=False,
        )

    @classmethod
    def from_elsewhere(cls) -> Notice:
        return cls(
            403,
            ("Rien n’a été changé", "Le formulaire a été envoyé depuis un autre site. Ouvrez la page, puis réessayez."),
            ("Nothing was changed", "The form was sent from another site. Open the page, then try again."),
        )

    @classmethod
    def of_status(cls, status: int) -> Notice:
        """What is told where a request cannot be answered, by the status of the answer."""
        if status == 404:
            words = ("Cette page n’existe pas", "Vérifiez l’adresse."), ("There is no such page", "Check the address.")
        elif status >= 500:
            words = (
                ("Un problème de notre côté", "Nous avons été avertis. Réessayez dans quelques minutes."),
                ("A problem on our side", "We have been told. Try again in a few minutes."),
            )
        else:
            words = (
                ("Cette demande ne peut pas être traitée", "Ouvrez la page de nouveau depuis le courriel."),
                ("This request cannot be answered", "Open the page again from the email."),
            )
        return cls(status, *words)


def page_of_notice(notice: Notice) -> Response:
    """The page that tells it: the language asked for first, else the installation's."""
    locale = asked_locale(None)
    said = [("fr-CA", *notice.french), ("en-CA", *notice.english)]
    if locale == "en_CA":
        said.reverse()
    merchant = desk().merchant
    address = merchant.support_email or next(iter(desk().settings.finance_emails), "")
    response = make_response(
        page("notice.html", locale, said=said, address=address if notice.write else ""), notice.status
    )
    if notice.retry_after is not None:
        response.headers["Retry-After"] = str(notice.retry_after)
    return response
