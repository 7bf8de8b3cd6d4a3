"""What the site has said: records of events that refer to versions of objects, and become bodies when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from .versions import Body, Versions

# Kinds whose objects an event lists under a plural name; those of one action are told of together.
LISTED = {"unbilled_charge": "unbilled_charges"}


@dataclass(slots=True, eq=False)
class EventRecord:
    """An event, without the objects it carries: those are numbers of versions, the one it is about first.

    `webhooks` says how the deliveries stand, by the id of each endpoint. A silent event is listed and never sent: the
    call that made it asked for that.
    """

    id: str
    occurred_at: int
    event_type: str
    source: str
    kind: str
    subject_id: str
    customer_id: str | None
    carried: tuple[int, ...]
    webhooks: tuple[tuple[str, str], ...]
    silent: bool


# Kinds of which nobody outside is told the versions.
_UNVERSIONED = ("promotional_credit", "comment", "portal_session")


def shown(body: Body) -> Body:
    """An object as it goes over the wire."""
    if body["object"] not in _UNVERSIONED:
        return body
    return {name: value for name, value in body.items() if name not in ("deleted", "resource_version", "updated_at")}


class Events(Sequence[Body]):
    """The bodies of events, oldest first, those of one action in any order. Each is made anew when it is read."""

    def __init__(self, versions: Versions) -> None:
        self.records: list[EventRecord] = []
        self._versions = versions
        self._places: dict[str, int] = {}

    def add(self, record: EventRecord) -> None:
        self._places[record.id] = len(self.records)
        self.records.append(record)

    def record(self, id: str) -> EventRecord | None:
        """The record of one event, if there is such an event."""
        place = self._places.get(id)
        return None if place is None else self.records[place]

    def body(self, record: EventRecord) -> Body:
        """An event as it goes over the wire. Only how its deliveries stand ever changes in it."""
        event = {
            "id": record.id,
            "occurred_at": record.occurred_at,
            "source": record.source,
            "user": None if record.source == "scheduled_job" else "finance@boreal.example",
            "object": "event",
            "api_version": "v2",
            "content": self._content(record),
            "event_type": record.event_type,
            "webhook_status": "not_configured",
            "webhooks": [{"id": id, "webhook_status": status, "object": "webhook"} for id, status in record.webhooks],
        }
        return {field: value for field, value in event.items() if value is not None}

    def _content(self, record: EventRecord) -> Body:
        content: Body = {}
        for number in record.carried:
            body = self._versions.read(number)
            kind = body["object"]
            if kind in LISTED:
                content.setdefault(LISTED[kind], []).append(body)
            elif kind == "credit_note" and record.kind == "subscription":
                content.setdefault("credit_notes", []).append(body)
            else:
                content[kind] = shown(body)
        return content

    @overload
    def __getitem__(self, place: int) -> Body: ...
    @overload
    def __getitem__(self, place: slice) -> list[Body]: ...
    def __getitem__(self, place: int | slice) -> Body | list[Body]:
        if isinstance(place, slice):
            return [self.body(record) for record in self.records[place]]
        return self.body(self.records[place])

    def __iter__(self) -> Iterator[Body]:
        return map(self.body, self.records)

    def __len__(self) -> int:
        return len(self.records)
