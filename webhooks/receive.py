"""POST /webhooks/chargebee: authenticate, check, store, ring, answer.

The order of the checks is the contract: nothing of the body is read for a caller who has not shown credentials, and
200 is said only after the event is committed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

import structlog
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_input_stream

from billing.events import CLASH, Head, clash_told
from webhooks import body, verify
from webhooks.problems import Problem
from webhooks.store import Store, array_of
from worker.doorbell import Doorbell
from worker.settings import Settings

log = structlog.get_logger(__name__)

Environ = dict[str, Any]  # a request, as WSGI hands it over

INSERT = """
insert into inbox_events (id, raw, digest, event_type, occurred_at, api_version, customer_ids)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do nothing
returning seq
"""

# The first body stays, unless a person would have to look at it: then another is a mended one (tasks/inbox.py has the
# same of listed events). A clash seen before is not another one: it happened once more. An event that reconciliation
# had found was not missed, if this is its webhook and it is not late.
NOTE_DUPLICATE = """
with came as (
  update found_events set webhook_at = business_now() where event_id = %(id)b and webhook_at is null
), known as (
  select id, digest, status, reason from inbox_events where id = %(id)b and digest <> %(digest)b
), mended as (
  update inbox_events as event set raw = %(raw)b, digest = %(digest)b, event_type = %(event_type)b,
    occurred_at = %(occurred_at)b, api_version = %(api_version)b, customer_ids = %(customer_ids)b,
    status = 'pending', reason = null, starts = 0, due_at = now(), received_at = business_now(), ended_at = null
  from known where event.id = known.id and event.status = 'parked' returning event.id, known.digest, known.reason
), told as (
  insert into audit_entries (actor, event_id, object_type, object_id, before, after)
  select 'chargebee', id, 'event', id,
    jsonb_build_object('status', 'parked', 'reason', reason, 'digest', digest),
    jsonb_build_object('status', 'pending', 'by', 'another body', 'digest', %(digest)b::text)
  from mended
)
insert into findings (kind, severity, object_type, object_id, detail)
select %(kind)b, 'warning', 'event', id, %(detail)b from known where not exists (select from mended)
on conflict (kind, object_type, object_id)
do update set times = findings.times + 1, last_seen_at = business_now()
returning times
"""


class Receiver:
    """Takes one request at a time from each of many threads."""

    def __init__(self, settings: Settings, store: Store, doorbell: Doorbell) -> None:
        self._settings = settings
        self._store = store
        self._doorbell = doorbell

    def take(self, environ: Environ) -> str:
        """Store the event of a request; "stored" or "duplicate".

        Raises:
            Problem, HTTPException: the request is refused.
            Unavailable: the database cannot take it now; the caller must try again.
        """
        self._authenticate(environ)
        _check_headers(environ)
        raw = whole_body(environ)
        try:
            head = body.read(raw)
        except body.Unreadable as reason:
            raise Problem(400, str(reason)) from None
        # What is stored is not logged: its row tells as much, and a line costs half as much as the insert.
        if self._store.write(INSERT, row_of(head, raw)):
            self._doorbell.ring("events")
            return "stored"
        clash = self._store.ask(NOTE_DUPLICATE, _again(head, raw))
        # A duplicate rings too: it comes mostly because the first answer, and then perhaps the ring, was lost.
        self._doorbell.ring("events")
        if clash:
            log.warning("event came again with another body", event_id=head.id, times=clash[0])
        log.info("event came again", event_id=head.id, event_type=head.event_type)
        return "duplicate"

    def _authenticate(self, environ: Environ) -> None:
        settings = self._settings
        # The address first: one that may not call shall not learn whether it guessed a password.
        if settings.webhook_allowed_addresses:
            forwarded_for = environ.get("HTTP_X_FORWARDED_FOR")
            address = verify.caller(environ.get("REMOTE_ADDR"), forwarded_for, settings.trusted_proxies)
            if not verify.is_allowed(address, settings.webhook_allowed_addresses):
                raise Problem(
                    403, "Calls are taken from listed addresses only: add yours to WEBHOOK_ALLOWED_ADDRESSES."
                )
        require(
            environ,
            settings.webhook_credentials,
            "The user or password is wrong: enter those of WEBHOOK_CREDENTIALS in Chargebee's webhook settings.",
        )


def require(environ: Environ, credentials: Collection[tuple[str, str]], otherwise: str) -> None:
    """Make sure that the caller shows one of these pairs, or say what to do `otherwise`."""
    if not verify.is_authentic(environ.get("HTTP_AUTHORIZATION"), credentials):
        raise Problem(401, otherwise)


def row_of(head: Head, raw: bytes) -> list[str | bytes | None]:
    occurred_at = head.occurred_at.isoformat() if head.occurred_at else None
    customer_ids = array_of(head.customer_ids)
    return [head.id, raw, head.digest, head.event_type, occurred_at, head.api_version, customer_ids]


def _again(head: Head, raw: bytes) -> dict[str, Any]:
    told = {"raw": raw, "kind": CLASH, "detail": clash_told(head.id)}
    return told | {field.name: getattr(head, field.name) for field in fields(head)}


def _check_headers(environ: Environ) -> None:
    mimetype, parameters = parse_options_header(environ.get("CONTENT_TYPE"))
    charset = parameters.get("charset", "utf-8").lower()
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if mimetype.lower() != "application/json" or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise Problem(415, "Events are sent as Content-Type: application/json, in UTF-8 and not compressed.")


def whole_body(environ: Environ) -> bytes:
    """The body, if it is whole and not too large."""
    length = environ.get("CONTENT_LENGTH")
    if length and not (length.isascii() and length.isdigit()):
        raise Problem(400, "Content-Length is not a number: send the length of the body, in bytes.")
    # One byte more than the limit may come. A body of unknown length is cut there, silently, so that what is one byte
    # too long is known by its length.
    raw = get_input_stream(environ, max_content_length=body.LIMIT + 1).read()
    if len(raw) > body.LIMIT:
        raise Problem(413, "A body has at most 1 MiB: send it as it was made.")
    if length and int(length) != len(raw):
        raise Problem(400, "The body is shorter than its Content-Length: the connection was cut, send it again.")
    return raw
