"""Events: what happened, as a webhook carries it."""

from __future__ import annotations

from typing import Any

from ..site import Site
from ..state import Body
from . import lists
from .calls import CALLS, Answer, Call, get
from .errors import not_found
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
    for event in site.events:
        if event["id"] == id:
            return {"event": event}
    raise not_found(id)


def list_events(site: Site, _: str, wire: Any) -> Body:
    """The event list. Events stand in the order they happened, so that a page costs no more than what it looks at."""
    query = lists.query(wire, _FILTERS, sortable=("occurred_at",), zone=site.zone, deletable=False)
    found = []
    places = range(len(site.events))
    for place in reversed(places) if query.newest_first else places:
        event = site.events[place]
        row = event["occurred_at"], place
        if query.is_beyond(row) and query.wants(event):
            found.append((row, event))
            if len(found) > query.limit:
                break
    return lists.cut(query, found, lambda event: {"event": event})


CALLS.append(Call("GET", "/events", list_events, {}, _FILTERS))
