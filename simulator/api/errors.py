"""Answers as the provider gives them: JSON for what was done, and its error shape for what was not."""

from __future__ import annotations

import json

from flask import Response

from ..state import Body, Refused, WrongValue

_TYPES = {  # of the codes that are not an invalid request
    "api_request_limit_exceeded": "operation_failed",
    "internal_error": "operation_failed",
    "internal_temporary_error": "operation_failed",
    "lock_timeout": "operation_failed",
    "payment_method_not_present": "payment",
    "payment_processing_failed": "payment",
}
# The older name of a code, where it differs.
_OLDER_CODES = {"configuration_incompatible": "api_restricted"}


def wrong(param: str, fault: str) -> WrongValue:
    """What is wrong with one parameter, in the provider's words: its name, a colon, the fault."""
    return WrongValue(f"{param} : {fault}", param)


def not_found(id: str) -> Refused:
    return Refused(f"{id} not found", code="resource_not_found", status=404)


def refusal(reason: Refused) -> Response:
    """The error answer for a refusal."""
    return error(str(reason), reason.code, reason.status, param=getattr(reason, "param", None))


def error(message: str, code: str, status: int, *, param: str | None = None) -> Response:
    body = {
        "message": message,
        "type": _TYPES.get(code, "invalid_request"),
        "api_error_code": code,
        "param": param,
        "error_code": _OLDER_CODES.get(code, code),
        "error_msg": message,
        "error_param": param,
        "http_status_code": status,
        "http_code": status,
    }
    return answer({field: value for field, value in body.items() if value is not None}, status)


def answer(body: Body, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")
