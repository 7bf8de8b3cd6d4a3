"""POST /webhooks/mail: what the mail relay reports of bounces. Stored like an event, and read by a task.

Postmark posts JSON; Amazon SNS posts JSON too, but calls it text/plain. Neither is understood here.
"""

from __future__ import annotations

import hashlib

import structlog
from flask import Request

from webhooks.problems import Problem
from webhooks.receive import require, whole_body
from webhooks.store import Store
from worker.doorbell import Doorbell
from worker.settings import Settings

log = structlog.get_logger(__name__)

INSERT = "insert into mail_reports (id, raw) values ($1, $2) on conflict (id) do nothing returning seq"


class Postbox:
    """Takes one report at a time from each of many threads."""

    def __init__(self, settings: Settings, store: Store, doorbell: Doorbell) -> None:
        self._credentials = settings.mail_webhook_credentials
        self._store = store
        self._doorbell = doorbell

    def take(self, request: Request) -> str:
        """Store the report of a request; "stored" or "duplicate".

        Raises:
            Problem: the request is refused.
            Unavailable: the database cannot take it now; the caller must try again.
        """
        if not self._credentials:
            raise Problem(404, "Reports of bounces are not taken: set MAIL_WEBHOOK_CREDENTIALS to take them.")
        require(
            request.environ,
            self._credentials,
            "The user or password is wrong: put those of MAIL_WEBHOOK_CREDENTIALS in the URL.",
        )
        if request.mimetype not in ("application/json", "text/plain"):
            raise Problem(415, "Reports are sent as Content-Type: application/json or text/plain.")
        raw = whole_body(request.environ)
        if not raw.lstrip().startswith(b"{"):
            raise Problem(400, "The body is no JSON object: send reports as Postmark or Amazon SNS makes them.")
        id = hashlib.sha256(raw).hexdigest()
        status = "stored" if self._store.write(INSERT, [id, raw]) else "duplicate"
        self._doorbell.ring("mail")
        log.info("mail report received", report=id, status=status)
        return status
