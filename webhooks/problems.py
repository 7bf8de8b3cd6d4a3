"""Refusals: what is wrong and how to put it right, as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json

from flask import Response
from werkzeug.exceptions import HTTPException

_TITLES = {
    400: "The body cannot be read",
    401: "Not authenticated",
    403: "Address not allowed",
    404: "No such page",
    405: "Method not allowed",
    413: "The body is too large",
    415: "Not JSON",
    503: "Try again later",
}


class Problem(Exception):
    """A request that is refused with `status`. `detail` names the fix; neither repeats what the caller sent."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def answer(status: int, detail: str) -> Response:
    """The response for a refusal."""
    body = {"title": _TITLES.get(status, "The request is refused"), "status": status, "detail": detail}
    response = Response(json.dumps(body) + "\n", status, mimetype="application/problem+json")
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="quittance", charset="UTF-8"'
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def answer_http(error: HTTPException) -> Response:
    """The response for what Flask itself refuses; keeps headers that belong to it, such as Allow."""
    details = {
        400: "The request was cut off before its end: send it again.",
        404: "There is POST /webhooks/chargebee and /webhooks/mail, GET /healthz and /readyz: check the URL.",
        405: "Send with POST.",
        413: "A body has at most 1 MiB.",
    }
    status = error.code or 503
    response = answer(status, details.get(status, error.description or "The request is refused."))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
