"""The receiver as a Flask app: four routes, and no answer that would make Chargebee give up on an event."""

from __future__ import annotations

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from webhooks import body, health, problems
from webhooks.mail import Postbox
from webhooks.receive import Receiver
from webhooks.store import Store, Unavailable
from worker import doorbell
from worker.settings import Settings

log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> Flask:
    """The receiver. Opens no connection and starts no thread before the first request."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = body.LIMIT + 1
    store = app.extensions["store"] = Store(settings.database_url)
    bell = app.extensions["doorbell"] = doorbell.configure(settings)
    receiver = Receiver(settings, store, bell)
    postbox = Postbox(settings, store, bell)
    schema = health.Schema.of()

    @app.post("/webhooks/chargebee", provide_automatic_options=False)
    def take_event() -> Response:
        return jsonify(status=receiver.take(request))

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

    @app.errorhandler(problems.Problem)
    def refuse(problem: problems.Problem) -> Response:
        log.warning("request refused", status=problem.status, reason=problem.detail)
        return problems.answer(problem.status, problem.detail)

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        return problems.answer_http(error)

    @app.errorhandler(Unavailable)
    def try_again(reason: Unavailable) -> Response:
        log.error("event not stored: the database is unavailable", reason=str(reason))
        return problems.answer(503, "The event was not stored: the database is unavailable. Send it again.")

    @app.errorhandler(Exception)
    def surprised(_error: Exception) -> Response:
        # A bug of ours. 503 and not 500 says what is true: sent again after a repair, the event will be taken.
        log.exception("event not stored: unexpected error")
        return problems.answer(503, "The event was not stored: an unexpected error. Send it again.")

    @app.after_request
    def add_security_headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app
