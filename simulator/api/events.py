"""Events: what happened, as a webhook carries it."""

from __future__ import annotations

from typing import Any

from ..events import EventRecord
from ..site import Site
from ..state import Body
from . import lists
from .calls import CALLS, Answer, Call, get
from .lists import Query, codes, one_of, times, words

_SOURCES = (
    "admin_console api scheduled_job hosted_page portal system none js_api migration bulk_operation external_service"
).split()
_STATUSES = (
    "not_configured scheduled succeeded re_scheduled failed skipped not_applicable disabled rate_limited"
).split()
_FILTERS = {
    "id": words(),
    "event_type": codes(),
    "source": one_of(*_SOURCES),
    "occurred_at": times(),
    "webhook_status": one_of(*_STATUSES),
}
_DELIVERIES_KNOWN_FOR = 6 * 86400  # who asks how deliveries stand is told of so many seconds, unless they say which


@get("/events/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"event": site.event(id)}


def list_events(site: Site, _: str, wire: Any) -> Body:
    """The event list. Events stand in the order they happened, so that a page costs no more than what it looks at."""
    query = lists.query(wire, _FILTERS, order="occurred_at", sortable=("occurred_at",), zone=site.zone, deletable=False)
    deliveries_only = "webhook_status" in query.tests and "occurred_at" not in query.tests
    since = site.timestamp - _DELIVERIES_KNOWN_FOR if deliveries_only else 0
    records, found = site.event_records, []
    for place in _places(query, len(records)):
        row = records[place].occurred_at, place
        if row[0] >= since and query.is_beyond(row) and query.wants(records[place], _value):
            found.append((row, records[place]))
            if len(found) > query.limit:
                break
    return lists.cut(query, found, lambda record: {"event": site.events.body(record)})


def _places(query: Query, count: int) -> range:
    """Where to look, and in which order."""
    if query.newest_first:
        return range(min(count, query.last[1] if query.last else count) - 1, -1, -1)
    return range(query.last[1] + 1 if query.last else 0, count)


def _value(record: EventRecord, field: str) -> Any:
    """What a filter looks at: an event is delivered to each endpoint by itself."""
    if field == "webhook_status":
        return [status for _, status in record.webhooks] or ["not_configured"]
    return getattr(record, field)


CALLS.append(Call("GET", "/events", list_events, {}, _FILTERS))
