"""What a person decides about a mail: send it again, call a held one sent, close its links. Each is audited."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from models import AuditEntry, Finding, OutboxRow, clock

from .recipients import plain

ENDED = ("sent", "held", "failed", "suppressed")


def send_again(session: Session, row: OutboxRow, *, by: str, to: str | None = None) -> OutboxRow:
    """Queue the mail once more, under a key of its own, for the same reader or for `to`; the new row.

    What it says is found anew at delivery, and whether it still holds. A held or failed one is decided by this.

    Raises:
        NeedsAttention: it has not left yet, or nobody is known whom it is for.
    """
    if row.state not in ENDED:
        raise NeedsAttention(f"{row.key} is {row.state}: it leaves by itself")
    recipient = to or row.recipient
    if recipient is None:
        raise NeedsAttention(f"{row.key} was never for anybody: say whom to send it to, or release it")
    first = re.sub(r"\+\d+$", "", row.key)
    again = OutboxRow(
        key=f"{first}+{_times(session, first) + 1}",
        queue=row.queue,
        kind=row.kind,
        name=row.name,
        object_id=row.object_id,
        customer_id=row.customer_id,
        payload={name: value for name, value in row.payload.items() if name != "pdf_failures"},
        event_id=row.event_id,
        recipient=recipient,
    )
    session.add(again)
    _audit(session, again.key, by, None, {"state": "new", "again": row.key, "to_another": _differs(to, row.recipient)})
    if row.state in ("held", "failed"):
        _end(session, row, by, "suppressed", f"sent again as {again.key}")
    session.flush()
    return again


def mark_sent(session: Session, row: OutboxRow, *, by: str) -> None:
    """Say that a held mail arrived.

    Raises:
        NeedsAttention: it is not held.
    """
    if row.state != "held":
        raise NeedsAttention(f"{row.key} is {row.state}, not held")
    _end(session, row, by, "sent", f"{by} says that it arrived")


def revoke_links(session: Session, row: OutboxRow, *, by: str) -> bool:
    """Close every link of a mail for good; False where they were closed already."""
    if row.links_revoked_at is not None:
        return False
    row.links_revoked_at = clock.now(session)
    _audit(session, row.key, by, {"links": "open"}, {"links": "revoked"})
    return True


def _times(session: Session, first: str) -> int:
    """How often the mail of this key was sent again."""
    begins = func.starts_with(OutboxRow.key, f"{first}+")
    keys = session.scalars(select(OutboxRow.key).where(begins))
    return max((int(key.rpartition("+")[2]) for key in keys if re.search(r"\+\d+$", key)), default=0)


def _end(session: Session, row: OutboxRow, by: str, state: str, reason: str) -> None:
    before = {"state": row.state, "reason": row.reason}
    row.state, row.reason, row.ended_at, row.lease_until = state, reason, clock.now(session), None
    row.lease_token += 1  # whoever was frozen over it finds its own stale
    _audit(session, row.key, by, before, {"state": state, "reason": reason})
    seen_to = (Finding.kind == "delivery_failed") & (Finding.object_id == row.key)
    session.execute(delete(Finding).where(seen_to))


def _differs(to: str | None, before: str | None) -> bool:
    return to is not None and plain(to) != plain(before or "")


def _audit(session: Session, key: str, by: str, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    session.add(AuditEntry(actor=by, object_type="email", object_id=key, before=before, after=after))
