"""`/_preview/emails`: every kind of mail, from samples, as its readers see it; and the same pages as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast, get_args

from flask import Blueprint, Response, abort, current_app, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from billing.errors import NeedsAttention, NotYet
from emails import kinds, samples
from emails.language import LOCALES, Locale
from emails.preview import Preview, Studio
from emails.senders import OutcomeUnknown, sender_for
from worker.settings import Settings

from .mails import policy_of_mails
from .pages import asked_locale, desk, style_sheet, write

pages = Blueprint("previews", __name__, url_prefix="/_preview/emails")

View = Literal["html", "text", "dark", "phone"]
VIEWS: tuple[View, ...] = get_args(View)
To = Callable[[str, str, str, str], str]  # where the page of a kind, sample, locale and view is


def studio_of(settings: Settings) -> Studio:
    """In whose name the samples are written."""
    named = bool(settings.merchant.name)
    return Studio(
        merchant=settings.merchant if named else samples.MERCHANT,
        remittance=settings.remittance if named else samples.REMITTANCE,
        mail_from=settings.mail_from or "billing@example.com",
        mail_domain=settings.mail_domain or "example.com",
        finance_email=next(iter(settings.finance_emails), None),
        template_dir=settings.email_template_dir,
    )


@pages.get("")
def index() -> AnyResponse:
    """The first of them."""
    first = kinds.ALL[0]
    return redirect(_to(first.name, next(iter(first.samples)), desk().settings.default_locale, "html"))


@pages.get("/<kind>/<sample>/<locale>")
def show(kind: str, sample: str, locale: str) -> Response:
    """One preview, and the way to the others."""
    return _shown(_preview(kind, sample, locale))


@pages.get("/<kind>/<sample>/<locale>/body")
def body(kind: str, sample: str, locale: str) -> Response:
    """The mail's own HTML, for the frame."""
    response = make_response(_preview(kind, sample, locale).html(dark="dark" in request.args))
    response.headers["Content-Security-Policy"] = policy_of_mails("'self'") + "; sandbox"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@pages.post("/<kind>/<sample>/<locale>")
def send(kind: str, sample: str, locale: str) -> Response:
    """Send it to an address, through the installation's own way out."""
    preview, address = _preview(kind, sample, locale), request.form.get("to", "")
    if request.headers.get("Sec-Fetch-Site") != "same-origin" and request.headers.get("Origin") in (None, "null"):
        abort(403)
    try:
        reply = send_test(preview, address, desk().settings.mail_url)
    except (NeedsAttention, NotYet, OutcomeUnknown) as reason:
        return _shown(preview, refused=str(reason))
    return _shown(preview, sent=reply)


def send_test(preview: Preview, address: str, mail_url: str) -> str:
    """Send a preview to one address, marked as a test; what the relay answered.

    Raises:
        NeedsAttention, NotYet: it was not sent.
        OutcomeUnknown: it may have been.
    """
    return sender_for(mail_url).send(preview.message(address, mark="[Test] "), lambda: True)


def write_pages(studio: Studio, locale: Locale, out: Path) -> int:
    """Write every preview as pages that need no server; how many previews there are. Files of the same name go."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "app.css").write_text(style_sheet(studio.merchant), "utf-8")
    count = 0
    for preview in studio.previews():
        stem = _file(preview.kind.name, preview.sample, preview.locale, "html").removesuffix(".html")
        for dark in (False, True):
            (out / _body_file(stem, dark)).write_text(preview.html(dark=dark), "utf-8")
        (out / f"{stem}.txt").write_text(preview.words.text, "utf-8")
        for view in VIEWS:
            bodies = _body_file(stem, view == "dark")
            html = _written(preview, view, locale, _file, bodies, studio=studio, style_sheet="app.css")
            (out / _file(preview.kind.name, preview.sample, preview.locale, view)).write_text(html, "utf-8")
            if count == 0 and view == "html":
                (out / "index.html").write_text(html, "utf-8")
        count += 1
    return count


def _shown(preview: Preview, *, sent: str = "", refused: str = "") -> Response:
    view = cast(View, request.args.get("view", "html"))
    if view not in VIEWS:
        abort(404)
    here: dict[str, Any] = {"kind": preview.kind.name, "sample": preview.sample, "locale": preview.locale}
    frame = url_for(".body", **here, dark="" if view == "dark" else None)
    html = _written(
        preview,
        view,
        asked_locale(None),
        _to,
        frame,
        studio=preview.studio,
        style_sheet=url_for("style"),
        send_to=url_for(".send", **here, view=view),
        sent=sent,
        refused=refused,
    )
    response = make_response(html, 502 if refused else 200)
    policy = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'none'"
    response.headers["Referrer-Policy"] = "same-origin"  # else a browser would not say where the form comes from
    return response


def _written(
    preview: Preview,
    view: View,
    locale: Locale,
    to: To,
    frame: str,
    *,
    studio: Studio,
    style_sheet: str,
    send_to: str = "",
    sent: str = "",
    refused: str = "",
) -> str:
    return write(
        "preview.html",
        locale,
        merchant=studio.merchant,
        style_sheet=style_sheet,
        preview=preview,
        kinds=kinds.ALL,
        locales=LOCALES,
        views=VIEWS,
        view=view,
        to=to,
        frame=frame,
        send_to=send_to,
        sent=sent,
        refused=refused,
    )


def _preview(kind: str, sample: str, locale: str) -> Preview:
    try:
        found = kinds.named(kind)
        found.samples[sample]
    except KeyError:
        abort(404)
    if locale not in LOCALES:
        abort(404)
    studio: Studio = current_app.extensions.setdefault("studio", studio_of(desk().settings))
    return studio.preview(found, sample, locale)


def _to(kind: str, sample: str, locale: str, view: str) -> str:
    return url_for(".show", kind=kind, sample=sample, locale=locale, view=view)


def _file(kind: str, sample: str, locale: str, view: str) -> str:
    return f"{kind}.{sample}.{locale}" + (".html" if view == "html" else f".{view}.html")


def _body_file(stem: str, dark: bool) -> str:
    return f"{stem}.body-dark.html" if dark else f"{stem}.body.html"
