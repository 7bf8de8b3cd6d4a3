"""The site over HTTP: the API at /api/v2, invoice PDFs, and the faults of the API at /_sim/api.

`create_app` gives a Flask app; whatever else belongs to the site (its pages) is registered on it as a blueprint.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from .api import CALLS
from .api.calls import PREFIX, Answer, Call, Desk, living
from .api.errors import answer, error, refusal
from .api.faults import Faults
from .api.params import Table, choice, number, read, required, text
from .api.traffic import Customers, Limits, TooMany
from .pdf import invoice_pdf
from .site import Site
from .state import Body, Refused
from .terms import seconds

LINK_LIVES = timedelta(minutes=60)


def create_app(
    site: Site,
    *,
    site_name: str = "boreal-test",
    api_key: str,
    merchant: str = "Logiciels Boréal inc.",
    limits: Limits | None = None,
    customers: Customers | None = None,
    faults: Faults | None = None,
    wrote: Callable[[], object] = lambda: None,
) -> Flask:
    """The API of one site, behind basic auth whose user is the API key.

    Limits, the one write at a time on a customer, and faults may be given, to be set while the app runs. `wrote` is
    called within every request that has changed something, under the site's lock.
    """
    app = Flask("simulator")
    faults = faults or Faults(site.seed)
    desk = Desk(site, customers or Customers(site.seed), faults, wrote)
    links = _Links(site, site_name, api_key)
    app.register_blueprint(_api(desk, limits or Limits(), [*CALLS, links.call]))
    app.register_blueprint(_downloads(links, merchant))
    app.register_blueprint(_controls(faults))

    @app.before_request
    def check_key() -> Response | None:
        given = request.authorization.username if request.authorization else None
        if not request.path.startswith(PREFIX) or hmac.compare_digest((given or "").encode(), api_key.encode()):
            return None
        return error("Sorry, authentication failed. The API key is wrong.", "api_authentication_failed", 401)

    @app.errorhandler(HTTPException)
    def no_such_page(reason: HTTPException) -> Response | HTTPException:
        if not request.path.startswith(PREFIX):
            return reason
        code = {404: "resource_not_found", 405: "http_method_not_supported", 500: "internal_error"}
        status = reason.code or 500
        return error(f"{request.method} {request.path}: {reason.name}", code.get(status, "invalid_request"), status)

    return app


def _api(desk: Desk, limits: Limits, calls: list[Call]) -> Blueprint:
    """Every call at its place."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)

    def view(call: Call) -> Callable[..., Response]:
        def respond(id: str = "") -> Response:
            try:
                with limits.request():
                    return desk.respond(call, id)
            except TooMany as reason:
                answer = refusal(reason)
                answer.headers["Retry-After"] = str(reason.retry_after)
                return answer

        return respond

    for call in calls:
        api.add_url_rule(
            call.path, f"{call.method} {call.path}".replace(".", "_"), view(call),
            methods=[call.method], provide_automatic_options=False,
        )  # fmt: skip
    return api


class _Links:
    """Links to invoice PDFs: sealed, so that none can be turned into another, and dead after an hour of site time."""

    def __init__(self, site: Site, site_name: str, api_key: str) -> None:
        self.site = site
        self.site_name = site_name
        self._api_key = api_key.encode()
        self.call = Call("POST", "/invoices/<id>/pdf", self.make, {"disposition_type": choice("attachment", "inline")})

    def make(self, site: Site, id: str, given: Body) -> Answer:
        """The link to one invoice's PDF."""
        living(site, "invoice", id)
        way = given.get("disposition_type") or "attachment"
        valid_till = seconds(site.now + LINK_LIVES)
        path = f"{self.site_name}/download/{id}/{valid_till}/{way}/{self.seal(id, valid_till, way)}"
        return {
            "download": {
                "download_url": f"{request.url_root}{path}",
                "valid_till": valid_till,
                "mime_type": "application/pdf",
                "object": "download",
            }
        }

    def seal(self, id: str, valid_till: int, way: str) -> str:
        return hmac.digest(self._api_key, f"{id} {valid_till} {way}".encode(), hashlib.sha256).hex()[:32]


def _downloads(links: _Links, merchant: str) -> Blueprint:
    """The files behind the links. They ask for no key: whoever has a link may read it, until it dies."""
    downloads = Blueprint("downloads", __name__, url_prefix=f"/{links.site_name}/download")

    @downloads.get("/<id>/<int:valid_till>/<way>/<seal>")
    def download(id: str, valid_till: int, way: str, seal: str) -> Response:
        site = links.site
        with site.lock:
            if not hmac.compare_digest(seal.encode(), links.seal(id, valid_till, way).encode()):
                return error("the link is not one of ours", "resource_not_found", 404)
            if seconds(site.now) >= valid_till:
                return error("the link has expired", "resource_not_found", 410)
            try:
                invoice = living(site, "invoice", id)
            except Refused as reason:
                return refusal(reason)
            customer = site.current("customer", invoice["customer_id"])
            file = invoice_pdf(invoice, customer, merchant=merchant, zone=site.zone)
        name = ("Invoice" if customer.get("locale", "").startswith("en") else "Facture") + f"-{id}.pdf"
        headers = {"Content-Disposition": f'{way}; filename="{name}"'}
        return Response(file, mimetype="application/pdf", headers=headers)

    return downloads


def _controls(faults: Faults) -> Blueprint:
    """The faults, over HTTP: GET lists what is planned, POST plans a fault, DELETE clears them all."""
    controls = Blueprint("faults", __name__, url_prefix="/_sim/api/faults")
    table: Table = {
        "kind": required(text(20)),
        "when": text(20),
        "path": text(200),
        "times": number(1),
        "percent": number(0, 100),
    }

    @controls.get("")
    def planned() -> Response:
        return answer({"list": [asdict(fault) for fault in faults.planned]})

    @controls.post("")
    def plan() -> Response:
        try:
            given = {name: value for name, value in read(table, request.form.items()).items() if value is not None}
            if (percent := given.pop("percent", None)) is not None:
                given["rate"] = percent / 100
            return answer(asdict(faults.plan(**{"times": None, **given})))
        except Refused as reason:
            return refusal(reason)

    @controls.delete("")
    def clear() -> Response:
        faults.clear()
        return answer({"list": []})

    return controls
