"""The blueprint: language, protection against other sites' pages, and the way of a form to its deed and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ..pdf import invoice_pdf
from ..state import Refused
from . import views
from .deeds import DEEDS
from .desk import Desk, living
from .forms import Unreadable
from .render import COOKIE, Failure, here, page, show_for_request
from .words import LANGUAGES

_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def pages(desk: Desk) -> Blueprint:
    """The pages of a simulation, at /_sim. Whoever reaches them may do everything: serve them to this machine only."""
    blueprint = Blueprint("sim", __name__, url_prefix="/_sim", static_folder="static", static_url_path="/static")
    for rule, view in views.PAGES.items():
        blueprint.add_url_rule(rule, view.__name__, partial(_in_language, partial(view, desk)))
    blueprint.add_url_rule("/portal/<token>", "portal", partial(_portal, desk))
    blueprint.add_url_rule("/files/<path:id>.pdf", "invoice_file", partial(_invoice_file, desk))
    do = partial(_do, desk)
    blueprint.add_url_rule("/do/<deed>", "do", do, methods=["POST"])
    blueprint.add_url_rule("/do/<deed>/<path:id>", "do", do, methods=["POST"])
    blueprint.add_url_rule("/<path:nowhere>", "nowhere", _nowhere)
    blueprint.record_once(lambda setup: setup.app.add_url_rule("/", "front", _front))
    blueprint.before_app_request(_only_from_here)
    blueprint.after_request(_guarded)
    blueprint.register_error_handler(HTTPException, partial(_problem, desk))
    blueprint.register_error_handler(Refused, partial(_refused, desk))
    return blueprint


def _in_language(view: Callable[..., str], **args: Any) -> str | BaseResponse:
    """A page; `?lang=` chooses its language, and is remembered."""
    chosen = request.args.get("lang")
    if chosen not in LANGUAGES:
        return view(**args)
    answer = redirect(here())
    answer.set_cookie(COOKIE, chosen, max_age=365 * 86400, httponly=True, samesite="Lax", path="/_sim")
    return answer


def _do(desk: Desk, deed: str, id: str = "") -> str | BaseResponse | tuple[str, int]:
    """Do what a form asks; then show the page of what it was done to, with one sentence of what happened."""
    if deed not in DEEDS:
        abort(404)
    chosen = DEEDS[deed]
    if desk.closed:
        return views.of(desk, chosen, id, Failure(deed, request.form, closed=True)), 503
    try:
        told = desk.do(chosen, id, request.form, show_for_request(desk))
    except Unreadable as unreadable:
        return views.of(desk, chosen, id, Failure(deed, request.form, faults=unreadable.faults)), 400
    except Refused as refusal:
        return views.of(desk, chosen, id, Failure(deed, request.form, refusal=refusal)), refusal.status
    return redirect(url_for(f"sim.{told.done.kind}", id=told.done.id or None, told=told.number), 303)


def _front() -> BaseResponse:
    """Who types the address of the server alone wants the pages."""
    return redirect(url_for("sim.overview"))


def _nowhere(nowhere: str) -> Response:
    abort(404)


def _portal(desk: Desk, token: str) -> BaseResponse | tuple[str, int]:
    """The customer's own page, behind the link of a portal session while that lives."""
    try:
        return redirect(url_for("sim.customer", id=desk.site.customer_of_portal(token)["id"]))
    except Refused as refusal:
        code = 404 if refusal.status == 404 else 410
        return page(desk, "problem.html", code=code), code


def _invoice_file(desk: Desk, id: str) -> Response:
    """An invoice as its customer gets it."""
    site = desk.site
    with site.lock:
        invoice = living(site, "invoice", id)
        customer = site.current("customer", invoice["customer_id"])
    file = invoice_pdf(invoice, customer, merchant=desk.merchant, zone=site.zone)
    return Response(file, mimetype="application/pdf")


def _only_from_here() -> None:
    """Refuse what another site's page may have sent, and another name for this machine (it may be a stranger's)."""
    if not request.path.startswith("/_sim"):
        return  # the API has a key
    if not _is_local(request.host):
        abort(403)
    if request.method not in ("GET", "HEAD") and not _is_same_origin():
        abort(403)


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in ("localhost", "127.0.0.1", "::1")


def _is_same_origin() -> bool:
    """Whether a form came from our own pages. What is no browser says nothing, and is nobody's victim."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin == f"{request.scheme}://{request.host}"


def _guarded(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "sim.static":
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _problem(desk: Desk, problem: HTTPException) -> tuple[str, int] | HTTPException:
    code = problem.code or 500
    return (page(desk, "problem.html", code=code), code) if code in (403, 404) else problem


def _refused(desk: Desk, refusal: Refused) -> tuple[str, int]:
    """An object that is not there."""
    return page(desk, "problem.html", code=404), 404
