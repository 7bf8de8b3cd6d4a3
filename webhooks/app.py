"""The receiver as a Flask app: four routes, and no answer that would make Chargebee give up on an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from webhooks import health, problems
from webhooks.mail import Postbox
from webhooks.receive import Environ, Receiver
from webhooks.store import Store, Unavailable
from worker import doorbell
from worker.settings import Settings

log = structlog.get_logger(__name__)

EVENTS = "/webhooks/chargebee"
_SECURITY = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Application(Flask):
    """Flask, but events are taken before it: its routing, contexts and objects are a fifth of the receiver's time."""

    receiver: Receiver

    def wsgi_app(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != EVENTS or environ["REQUEST_METHOD"] != "POST":
            return super().wsgi_app(environ, start_response)
        try:
            said = b'{"status":"%s"}\n' % self.receiver.take(environ).encode()
        except Exception as error:
            response = refused(error)
            response.headers.update(_SECURITY)
            return response(environ, start_response)
        about = {"Content-Type": "application/json", "Content-Length": str(len(said))}
        start_response("200 OK", [*about.items(), *_SECURITY.items()])
        return [said]


def create_app(settings: Settings) -> Application:
    """The receiver. Opens no connection and starts no thread before the first request."""
    app = Application(__name__, static_folder=None)
    store = app.extensions["store"] = Store(settings.database_url)
    bell = app.extensions["doorbell"] = doorbell.configure(settings)
    app.receiver = Receiver(settings, store, bell)
    postbox = Postbox(settings, store, bell)
    schema = health.Schema.of()

    # Other methods come here, to be told which is taken; and what is spelled in another way (`post`, two slashes).
    @app.post(EVENTS, provide_automatic_options=False)
    def take_event() -> Response:
        return jsonify(status=app.receiver.take(request.environ))

    @app.post("/webhooks/mail", provide_automatic_options=False)
    def take_report() -> Response:
        return jsonify(status=postbox.take(request))

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> Response:
        shown, ready = health.readiness(store, bell, schema)
        response = jsonify(shown)
        response.status_code = 200 if ready else 503
        return response

    app.register_error_handler(Exception, refused)

    @app.after_request
    def add_security_headers(response: Response) -> Response:
        response.headers.update(_SECURITY)
        return response

    return app


def refused(error: Exception) -> Response:
    """The answer to a request that could not be taken. Called where the error is being handled."""
    match error:
        case problems.Problem():
            log.warning("request refused", status=error.status, reason=error.detail)
            return problems.answer(error.status, error.detail)
        case HTTPException():
            return problems.answer_http(error)
        case Unavailable():
            log.error("nothing stored: the database is unavailable", reason=str(error))
            return problems.answer(503, "Nothing was stored: the database is unavailable. Send it again.")
        case _:
            # A bug of ours. 503 and not 500 says what is true: sent again after a repair, the event will be taken.
            log.exception("nothing stored: unexpected error")
            return problems.answer(503, "Nothing was stored: an unexpected error. Send it again.")
