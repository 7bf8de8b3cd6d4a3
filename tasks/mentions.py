"""Which events speak of an object, whether or not they changed it."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Text, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from models import InboxEvent

LOOK_BACK = 20_000  # events; whoever looks does not make the database read its whole history


class Mentions(NamedTuple):
    event_ids: set[str]
    is_cut: bool  # events older than the newest LOOK_BACK were not looked at, but for those that are parked


def of(session: Session, customer_id: str, kind: str, id: str) -> Mentions:
    """The events of this customer that name the object in their body; all of the customer's, if it is the object.

    No index holds customer_ids: the newest LOOK_BACK of all events are looked through, and those that are parked.
    """
    last_unseen = session.scalar(select(InboxEvent.seq).order_by(InboxEvent.seq.desc()).offset(LOOK_BACK).limit(1))
    recent = InboxEvent.seq > (last_unseen or 0)
    theirs = type_coerce(InboxEvent.customer_ids, ARRAY(Text)).contains([customer_id])
    found: set[str] = set()
    for condition in (recent, ~recent & (InboxEvent.status == "parked")):
        if kind == "customer":
            found |= set(session.scalars(select(InboxEvent.id).where(theirs, condition)))
            continue
        bodies = select(InboxEvent.id, InboxEvent.raw).where(theirs, condition).execution_options(yield_per=100)
        found |= {row.id for row in session.execute(bodies) if names(row.raw or b"", kind, id)}
    return Mentions(found, last_unseen is not None)


def names(raw: bytes, kind: str, id: str) -> bool:
    """Whether an event's body names this object: as one of its objects, or in a field such as invoice_id."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return json.dumps(id).encode() in raw
    left = [body]
    while left:
        each = left.pop()
        if isinstance(each, list):
            left += each
        elif isinstance(each, dict):
            here = each.get(kind)
            objects = here if isinstance(here, list) else [here, each if each.get("object") == kind else None]
            if any(isinstance(one, dict) and one.get("id") == id for one in objects):
                return True
            if any(value == id for name, value in each.items() if name.endswith(f"{kind}_id")):
                return True
            left += each.values()
    return False
