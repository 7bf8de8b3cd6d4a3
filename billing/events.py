"""What tells one event of the provider from another, and whom it is about: the same by whichever door it comes.

Pure Python and the standard library alone: the receiver, which stays small, reckons with it too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CLASH = "same_id_other_body"  # the kind of finding that an id with two bodies is

_LONGEST_ID = 100
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text refuses these; so does UTF-8 the latter
_FIRST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp()) - 1


@dataclass(frozen=True, slots=True)
class Head:
    """The columns of an inbox row that come from the body."""

    id: str
    digest: str
    event_type: str | None
    occurred_at: datetime | None
    api_version: str | None
    customer_ids: list[str]


def head_of(body: dict[str, Any]) -> Head:
    """The head of an event, understood or not."""
    # Only what the event says counts: delivery fields (webhook_status, ..) change from one attempt to the next.
    said = {name: body[name] for name in ("event_type", "occurred_at", "api_version", "content") if name in body}
    digest = hashlib.sha256(_canonical(said).encode()).hexdigest()
    return Head(
        id=_word(body.get("id")) or f"sha256:{digest}",
        digest=digest,
        event_type=_word(body.get("event_type")),
        occurred_at=_instant(body.get("occurred_at")),
        api_version=_word(body.get("api_version")),
        customer_ids=sorted(set(_customer_ids(body.get("content")))),
    )


def clash_told(id: str) -> str:
    """What a finding says of an event whose id came with two bodies."""
    return f"event {id} came again with another body; the first was kept: compare it with the event in Chargebee"


def _customer_ids(content: Any) -> Iterator[str]:
    """Whom the event is about: the customers in it, and the owners of everything else."""
    if not isinstance(content, dict):
        return
    for member, held in content.items():
        for each in held if isinstance(held, list) else [held]:
            if not isinstance(each, dict):
                continue
            ids = [each.get("customer_id")]
            if member in ("customer", "customers"):
                ids.append(each.get("id"))
            for id in ids:
                if isinstance(id, str) and 0 < len(id) <= _LONGEST_ID:
                    yield _NOT_STORABLE.sub("\ufffd", id)


def _word(value: Any) -> str | None:
    """A short printable text, or None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable() else None


def _instant(value: Any) -> datetime | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return datetime.fromtimestamp(value, UTC) if whole and _FIRST <= value <= _LAST else None
