"""The pages as a Flask app: what they share, the headers they are sent with, and what is shown where one cannot be."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import DBAPIError, TimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from models.session import engine_for
from tasks.couriers import signer_of
from worker.settings import Settings

from . import invoices, mails, preferences, previews
from .limits import Limiter
from .pages import DESK, Desk, Notice, page_of_notice, style_sheet

log = structlog.get_logger(__name__)

MOST_BYTES = 16 * 1024  # of a form
PER_ADDRESS = 120  # requests a minute


def create_app(settings: Settings) -> Flask:
    """The pages. Opens no connection before the first request, so a server may fork afterwards.

    Raises:
        SettingsError: SECRET_KEY or PUBLIC_URL is missing.
    """
    settings.require("secret_key", "public_url")
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    signer = signer_of(settings)
    assert signer is not None  # noqa: S101 (both were required above)
    app.extensions[DESK] = Desk(settings, engine_for(settings.database_url, application="quittance console"), signer)
    app.register_blueprint(mails.pages)
    app.register_blueprint(invoices.pages)
    app.register_blueprint(preferences.pages)
    if settings.env == "development":  # until somebody can sign in, nobody else may look
        app.register_blueprint(previews.pages)
    _add_own_routes(app, settings)
    _add_refusals(app)
    _add_headers(app, settings)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    return app


def _add_own_routes(app: Flask, settings: Settings) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    sheet = style_sheet(settings.merchant)

    @app.get("/app.css")
    def style() -> Response:
        return Response(sheet, mimetype="text/css", headers={"Cache-Control": "max-age=3600"})


def _add_refusals(app: Flask) -> None:
    limiter = Limiter(PER_ADDRESS)

    @app.before_request
    def keep_to_a_pace() -> None:
        if request.endpoint not in ("healthz", "style") and not limiter.allows(request.remote_addr or ""):
            raise Notice.too_many()

    @app.before_request
    def refuse_forms_of_other_sites() -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS") and _comes_from_elsewhere():
            raise Notice.from_elsewhere()

    @app.errorhandler(Notice)
    def say(notice: Notice) -> Response:
        return page_of_notice(notice)

    @app.errorhandler(HTTPException)
    def say_http(error: HTTPException) -> Response:
        status = error.code or 500
        response = page_of_notice(Notice.of_status(status))
        for name, value in error.get_headers():
            if name.lower() == "allow":
                response.headers[name] = value
        return response

    @app.errorhandler(DBAPIError)
    @app.errorhandler(TimeoutError)
    def say_away(error: Exception) -> Response:
        log.error("page not shown: the database is unavailable", reason=type(error).__name__)
        return page_of_notice(Notice.away())

    @app.errorhandler(Exception)
    def say_surprise(_error: Exception) -> Response:
        log.exception("page not shown: unexpected error")
        return page_of_notice(Notice.of_status(500))


def _comes_from_elsewhere() -> bool:
    """Whether a form was sent by another site's page, as far as the browser says where it comes from.

    Pages that send no referrer make it say `Origin: null`; what opens those is the token in their address.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin not in (None, "null") and origin not in _own_origins()


def _own_origins() -> set[str]:
    public = urlsplit(current_app.extensions[DESK].settings.public_url)
    return {request.host_url.rstrip("/"), f"{public.scheme}://{public.netloc}"}


def _add_headers(app: Flask, settings: Settings) -> None:
    @app.after_request
    def add_security_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _POLICY)
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Robots-Tag"] = "noindex, nofollow"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if request.endpoint != "style":
            headers["Cache-Control"] = "private, no-store"
        if settings.env == "production":
            headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
