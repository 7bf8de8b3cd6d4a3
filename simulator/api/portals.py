"""Portal sessions: links that lead customers to their own page at /_sim."""

from __future__ import annotations

from flask import request

from ..site import Site
from ..state import Body
from .calls import Answer, get, living, post
from .params import Table, required, text

_SESSION: Table = {"customer[id]": required(text(50)), "redirect_url": text(250)}


@post("/portal_sessions", _SESSION)
def create(site: Site, _: str, given: Body) -> Answer:
    address = f"{request.url_root}_sim/portal/"
    session = site.open_portal(given["customer"]["id"], address, redirect_url=given.get("redirect_url"))
    return {"portal_session": session}


@get("/portal_sessions/<id>")
def retrieve(site: Site, id: str, given: Body) -> Answer:
    return {"portal_session": living(site, "portal_session", id)}


@post("/portal_sessions/<id>/logout")
def logout(site: Site, id: str, given: Body) -> Answer:
    return {"portal_session": site.log_out_of_portal(id)}
