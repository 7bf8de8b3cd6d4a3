"""The body of an event: JSON read strictly, and the few facts of it that become columns of its inbox row.

What is refused here is what two parsers could read in two ways, or none could store. Everything that is well-formed
is taken, understood or not: a type nobody knows today may be replayed tomorrow.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LIMIT = 1024 * 1024  # bytes
_DEEPEST = 32
_LONGEST_INTEGER = 18  # digits: what fits a bigint
_LONGEST_ID = 100

# A string, to its end or to the end of the text: one pass, whatever the text. (Possessive: it never goes back.)
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_A_BRACKET = re.compile(r"[^\[\]{}]++")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text refuses these; so does UTF-8 the latter
_FIRST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp()) - 1


class Unreadable(Exception):
    """The body is not one JSON object as we take it. The message names the fix and repeats nothing of the body."""


@dataclass(frozen=True, slots=True)
class Head:
    """The columns of an inbox row that come from the body."""

    id: str
    digest: str
    event_type: str | None
    occurred_at: datetime | None
    api_version: str | None
    customer_ids: list[str]


def read(raw: bytes) -> Head:
    """Read a body as received.

    Raises:
        Unreadable: not strict JSON, or not an object.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("The body is not UTF-8: send JSON in UTF-8.") from None
    if _depth(text) > _DEEPEST:
        raise Unreadable(f"The body nests deeper than {_DEEPEST} levels: send the event as Chargebee makes it.")
    try:
        body = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except ValueError:
        raise Unreadable("The body is not JSON: send the event as Chargebee makes it.") from None
    if not isinstance(body, dict):
        raise Unreadable("The body is JSON but no object: send one event, as {...}.")
    return _head(body)


def _head(body: dict[str, Any]) -> Head:
    # Only what the event says counts: delivery fields (webhook_status, ..) change from one attempt to the next.
    said = {name: body[name] for name in ("event_type", "occurred_at", "api_version", "content") if name in body}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return Head(
        id=_word(body.get("id")) or f"sha256:{digest}",
        digest=digest,
        event_type=_word(body.get("event_type")),
        occurred_at=_instant(body.get("occurred_at")),
        api_version=_word(body.get("api_version")),
        customer_ids=sorted(set(_customer_ids(body.get("content")))),
    )


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


def _depth(text: str) -> int:
    """How deep brackets nest outside strings. Counted before parsing: the parser would recurse."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return 0  # cannot be deeper, whatever stands in strings
    depth = deepest = 0
    for bracket in _NOT_A_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("The body has an object with the same member twice: send each once.")
    return members


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _LONGEST_INTEGER:
        raise Unreadable(f"The body has an integer of more than {_LONGEST_INTEGER} digits: send smaller ones.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable("The body has a number that is too large: send smaller ones.")
    return number


def _constant(name: str) -> Any:
    raise Unreadable(f"The body has {name}, which is not JSON: send null or a number.")
