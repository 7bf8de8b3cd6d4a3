"""The site's HTTP API, in Chargebee's shapes: what the worker reads, the event list, and invoice PDFs.

Only reading so far. Errors, paging and filters answer as the provider's do, so that its own client can be used.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException

from .pdf import invoice_pdf
from .site import Site
from .state import Body, Refused, WrongValue
from .terms import seconds

LINK_LIVES = timedelta(minutes=60)
_PATHS = {
    "customers": "customer",
    "subscriptions": "subscription",
    "invoices": "invoice",
    "transactions": "transaction",
    "credit_notes": "credit_note",
    "payment_sources": "payment_source",
}


def create_app(
    site: Site, *, site_name: str = "boreal-test", api_key: str, merchant: str = "Logiciels Boréal inc."
) -> Flask:
    """The API of one site, at /api/v2, behind basic auth whose user is the API key."""
    app = Flask("simulator")

    @app.before_request
    def check_key() -> Response | None:
        given = request.authorization.username if request.authorization else None
        if request.path.startswith("/api/") and not hmac.compare_digest(given or "", api_key):
            return _error("Sorry, authentication failed. The API key is wrong.", "api_authentication_failed", 401)
        return None

    @app.errorhandler(Refused)
    def refused(reason: Refused) -> Response:
        return _error(str(reason), reason.code, reason.status, param=getattr(reason, "param", None))

    @app.errorhandler(HTTPException)
    def no_such_page(reason: HTTPException) -> Response:
        code = "resource_not_found" if reason.code == 404 else "invalid_request"
        return _error(f"{request.method} {request.path}: {reason.name}", code, reason.code or 500)

    @app.get("/api/v2/<path>/<id>")
    def retrieve(path: str, id: str) -> Response:
        with site.lock:
            if path == "events":
                return _json({"event": _event(site, id)})
            if path not in _PATHS:
                raise Refused(f"{path}: no such resource", code="resource_not_found", status=404)
            kind = _PATHS[path]
            answer = {kind: _living(site, kind, id)}
            if kind == "subscription":
                answer["customer"] = site.current("customer", answer[kind]["customer_id"])
            return _json(answer)

    @app.get("/api/v2/events")
    def list_events() -> Response:
        with site.lock:
            return _json(_page(site.events, request))

    @app.post("/api/v2/invoices/<id>/pdf")
    def pdf_link(id: str) -> Response:
        with site.lock:
            invoice = _living(site, "invoice", id)
            valid_till = seconds(site.now + LINK_LIVES)
        link = f"{request.url_root}{site_name}/download/{invoice['id']}/{valid_till}/{_seal(invoice['id'], valid_till)}"
        download = {
            "download_url": link, "valid_till": valid_till, "mime_type": "application/pdf", "object": "download",
        }  # fmt: skip
        return _json({"download": download})

    @app.get(f"/{site_name}/download/<id>/<int:valid_till>/<seal>")
    def download(id: str, valid_till: int, seal: str) -> Response:
        """The file behind a link. It asks for no key: whoever has the link may read it, until it dies."""
        with site.lock:
            if not hmac.compare_digest(seal, _seal(id, valid_till)):
                return _error("the link is not one of ours", "resource_not_found", 404)
            if seconds(site.now) >= valid_till:
                return _error("the link has expired", "resource_not_found", 410)
            invoice = _living(site, "invoice", id)
            customer = site.current("customer", invoice["customer_id"])
            file = invoice_pdf(invoice, customer, merchant=merchant, zone=site.zone)
        name = ("Invoice" if customer.get("locale", "").startswith("en") else "Facture") + f"-{id}.pdf"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(file, mimetype="application/pdf", headers=headers)

    def _seal(id: str, valid_till: int) -> str:
        return hmac.digest(api_key.encode(), f"{id} {valid_till}".encode(), hashlib.sha256).hex()[:32]

    return app


def _living(site: Site, kind: str, id: str) -> Body:
    body = site.current(kind, id)
    if body["deleted"]:
        raise Refused(f"{id} not found", code="resource_not_found", status=404)
    return body


def _event(site: Site, id: str) -> Body:
    for event in site.events:
        if event["id"] == id:
            return event
    raise Refused(f"{id} not found", code="resource_not_found", status=404)


def _page(events: list[Body], request: Request) -> Body:
    """One page of the event list: newest first unless sorted otherwise, the offset being where the last page ended."""
    args = request.args
    limit = _number(args.get("limit", "10"), "limit")
    if not 1 <= limit <= 100:
        raise _wrong("limit", "must be between 1 and 100")
    newest_first = args.get("sort_by[asc]") != "occurred_at"
    places = [(event["occurred_at"], place) for place, event in enumerate(events) if _wanted(event, request)]
    places.sort(reverse=newest_first)
    if "offset" in args:
        last = _offset(args["offset"])
        places = [place for place in places if (place < last if newest_first else place > last)]
    page: Body = {"list": [{"event": events[place]} for _, place in places[:limit]]}
    if len(places) > limit:
        occurred_at, place = places[limit - 1]
        page["next_offset"] = json.dumps([str(occurred_at), str(place)], separators=(",", ":"))
    return page


def _wanted(event: Body, request: Request) -> bool:
    args = request.args
    at = event["occurred_at"]
    if "occurred_at[after]" in args and not at > _number(args["occurred_at[after]"], "occurred_at"):
        return False
    if "occurred_at[before]" in args and not at < _number(args["occurred_at[before]"], "occurred_at"):
        return False
    if "occurred_at[between]" in args:
        bounds = [_number(str(bound), "occurred_at") for bound in _list(args["occurred_at[between]"], "occurred_at")]
        if len(bounds) != 2:
            raise _wrong("occurred_at", "between takes two timestamps")
        if not bounds[0] <= at <= bounds[1]:
            return False
    if "event_type[in]" in args and event["event_type"] not in _list(args["event_type[in]"], "event_type"):
        return False
    return "event_type[is]" not in args or event["event_type"] == args["event_type[is]"]


def _offset(text: str) -> tuple[int, int]:
    parts = _list(text, "offset")
    if len(parts) != 2:
        raise _wrong("offset", "is not one that this site gave")
    return _number(str(parts[0]), "offset"), _number(str(parts[1]), "offset")


def _list(text: str, param: str) -> list[Any]:
    """A list parameter: JSON, or the way the Python client writes it, ['a', 'b']."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise _wrong(param, "is not a list") from None
    if not isinstance(value, list):
        raise _wrong(param, "is not a list")
    return value


def _number(text: str, param: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _wrong(param, "is not a number") from None


def _wrong(param: str, fault: str) -> WrongValue:
    return WrongValue(f"{param} : {fault}", param)


def _error(message: str, code: str, status: int, *, param: str | None = None) -> Response:
    body = {
        "message": message,
        "type": "invalid_request",
        "api_error_code": code,
        "param": param,
        "error_code": code,
        "error_msg": message,
        "http_status_code": status,
    }
    return _json({field: value for field, value in body.items() if value is not None}, status)


def _json(body: Body, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")
