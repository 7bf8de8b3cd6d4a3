"""The body of an event: JSON read strictly. Which facts of it become columns of its inbox row, billing/events.py says.

What is refused here is what two parsers could read in two ways, or none could store. Everything that is well-formed
is taken, understood or not: a type nobody knows today may be replayed tomorrow.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from billing.events import Head, head_of

LIMIT = 1024 * 1024  # bytes
_DEEPEST = 32
_LONGEST_INTEGER = 18  # digits: what fits a bigint

# A string, to its end or to the end of the text: one pass, whatever the text. (Possessive: it never goes back.)
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_A_BRACKET = re.compile(r"[^\[\]{}]++")


class Unreadable(Exception):
    """The body is not one JSON object as we take it. The message names the fix and repeats nothing of the body."""


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
        body = _parse(text)
    except ValueError:
        raise Unreadable("The body is not JSON: send the event as Chargebee makes it.") from None
    if not isinstance(body, dict):
        raise Unreadable("The body is JSON but no object: send one event, as {...}.")
    return head_of(body)


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
    if len(digits) > _LONGEST_INTEGER and len(digits.lstrip("-")) > _LONGEST_INTEGER:
        raise Unreadable(f"The body has an integer of more than {_LONGEST_INTEGER} digits: send smaller ones.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable("The body has a number that is too large: send smaller ones.")
    return number


def _constant(name: str) -> Any:
    raise Unreadable(f"The body has {name}, which is not JSON: send null or a number.")


_parse = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
).decode
