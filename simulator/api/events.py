"""Events: what happened, as a webhook carries it."""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..state import Body
from . import lists
from .calls import CALLS, Answer, Call, get
from .lists import one_of, times, words

_SOURCES = (
    "admin_console api scheduled_job hosted_page portal system none js_api migration bulk_operation external_service"
).split()
_FILTERS = {
    "id": words(),
    "event_type": words(),  # not compared with the provider's types: their number grows with every quarter
    "source": one_of(*_SOURCES),
    "occurred_at": times(),
}


@get("/events/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"event": site.event(id)}


def list_events(site: Site, _: str, wire: Any) -> Body:
    """The event list. Events stand in the order they happened, so that a page costs no more than what it looks at."""
    query = lists.query(wire, _FILTERS, sortable=("occurred_at",), zone=site.zone, deletable=False)
    found = []
    records = site.event_records
    places = range(len(records))
    for place in reversed(places) if query.newest_first else places:
        row = records[place].occurred_at, place
        if query.is_beyond(row) and query.wants({name: getattr(records[place], name) for name in _FILTERS}):
            found.append((row, records[place]))
            if len(found) > query.limit:
                break
    return lists.cut(query, found, lambda record: {"event": site.events.body(record)})


CALLS.append(Call("GET", "/events", list_events, {}, _FILTERS))
