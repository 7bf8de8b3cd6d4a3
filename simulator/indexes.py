"""Which objects belong to which: looked up, however many there are on the site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from .versions import Body

Question = Callable[[Body], object]


def _field(name: str) -> Question:
    return lambda body: body.get(name)


def _where(name: str, holds: Callable[[Body], object]) -> Question:
    return lambda body: body.get(name) if holds(body) else None


# What `find` looks up: by kind, a name and what it is of an object, None where the object is not to be found by it.
INDEXED: Mapping[str, Mapping[str, Question]] = {
    "item_price": {"item_id": _field("item_id")},
    "payment_source": {"customer_id": _field("customer_id")},
    "subscription": {"customer_id": _field("customer_id"), "status": _field("status")},
    "unbilled_charge": {
        "customer_id": _where("customer_id", lambda body: not body["is_voided"]),
        "subscription_id": _where("subscription_id", lambda body: not body["is_voided"]),
    },
    "invoice": {
        "customer_id": _field("customer_id"),
        "subscription_id": _field("subscription_id"),
        "status": _field("status"),
        "overdue_of": _where("subscription_id", lambda body: body["status"] in ("payment_due", "not_paid")),
    },
    "transaction": {
        "customer_id": _field("customer_id"),
        "subscription_id": _field("subscription_id"),
        "unused_of": _where("customer_id", lambda body: body.get("amount_unused")),
    },
    "credit_note": {
        "customer_id": _field("customer_id"),
        "subscription_id": _field("subscription_id"),
        "reference_invoice_id": _field("reference_invoice_id"),
        "available_to": _where("customer_id", lambda body: body.get("amount_available")),
    },
    "promotional_credit": {"customer_id": _field("customer_id")},
    "comment": {"entity_id": _field("entity_id")},
    "portal_session": {"token": _field("token")},
}


class Indexes:
    """Ids of objects that are not deleted, by what INDEXED says of their newest versions."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, object], dict[str, None]] = {}

    def follow(self, kind: str, id: str, before: Body | None, after: Body) -> None:
        """Take note of the newest version of an object; `before` is the one that was the newest until now."""
        for name, question in INDEXED.get(kind, {}).items():
            old, new = before and question(before), None if after["deleted"] else question(after)
            if old == new:
                continue
            if old is not None:
                ids = self._ids[kind, name, old]
                del ids[id]
                if not ids:
                    del self._ids[kind, name, old]
            if new is not None:
                self._ids.setdefault((kind, name, new), {})[id] = None

    def ids(self, kind: str, fields: Mapping[str, object]) -> Collection[str] | None:
        """As few objects as one index can name, with all that have these fields among them; None where none says."""
        fewest: Collection[str] | None = None
        for name in INDEXED.get(kind, {}):
            if fields.get(name) is not None:
                found = self._ids.get((kind, name, fields[name]), {})
                fewest = found if fewest is None or len(found) < len(fewest) else fewest
        return fewest


def matches(kind: str, body: Body, fields: Mapping[str, object]) -> bool:
    """Whether an object has these fields, the names of INDEXED among them."""
    questions = INDEXED.get(kind, {})
    return all(
        (questions[name](body) if name in questions else body.get(name)) == value for name, value in fields.items()
    )
