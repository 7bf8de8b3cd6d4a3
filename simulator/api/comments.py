"""Comments: what somebody noted about an object."""

from __future__ import annotations

from ..comments import ENTITIES
from ..site import Site
from ..state import Body
from .calls import Answer, get, listing, living, post
from .lists import plain, said, times
from .params import Table, choice, required, text

_FILTERS = {
    "entity_type": plain(choice(*ENTITIES)),
    "entity_id": plain(said(100)),
    "created_at": times(),
}
listing("/comments", "comment", _FILTERS, "created_at", sortable=("created_at",), deletable=False)

_COMMENT: Table = {
    "entity_type": required(choice(*ENTITIES)),
    "entity_id": required(text(100)),
    "notes": required(text(1000)),
    "added_by": text(100),
}


@get("/comments/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"comment": living(site, "comment", id)}


@post("/comments", _COMMENT)
def create(site: Site, _: str, given: Body) -> Answer:
    return {"comment": site.add_comment(**given)}


@post("/comments/<id>/delete")
def delete(site: Site, id: str, given: Body) -> Answer:
    return {"comment": site.delete_comment(id)}
