"""A call: how it is declared, and the way from a request to its answer, the same for all of them.

A call's function is given the site, the id in its path ("" where there is none) and what was asked, and says which
objects the answer holds. It runs as one action of the site, told as coming from the API; the objects are read again
when it is over, as their newest snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flask import Response, request

from ..events import shown
from ..indexes import INDEXED
from ..site import Site
from ..state import KINDS, Body, Declined, Key, Refused
from . import lists, params
from .errors import answer, not_found, refusal
from .faults import Faults
from .lists import Filter
from .params import Table
from .replays import HEADER, Replays
from .traffic import Customers

PREFIX = "/api/v2"
_SILENT = "all-disabled"
_SILENCERS = ("chargebee-event-webhook", "chargebee-event-email", "chargebee-event-actions")
_KINDS = {
    "customers": "customer",
    "subscriptions": "subscription",
    "invoices": "invoice",
    "transactions": "transaction",
    "credit_notes": "credit_note",
    "payment_sources": "payment_source",
}


# The parameters that name what a call is about, where its path does not.
_NAMED_BY = {"customer_id": "customer", "subscription_id": "subscription", "reference_invoice_id": "invoice"}


class Member(Enum):
    """A member of an answer that the call need not look for."""

    MADE = "what the call made of that kind, if anything"
    CARD = "the card of the customer who is in the answer too, if there is one"


Answer = Mapping[str, Any]  # the name of a member -> its object, or a Member
Run = Callable[[Site, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API: `path` as Flask writes it, and what it may be given (None: nobody reads it)."""

    method: str
    path: str
    run: Run
    table: Table | None
    filters: Mapping[str, Filter] | None = None


CALLS: list[Call] = []


def post(path: str, *tables: Table) -> Callable[[Run], Run]:
    """Declare a call that changes something."""

    def declare(run: Run) -> Run:
        CALLS.append(Call("POST", path, run, {name: reader for table in tables for name, reader in table.items()}))
        return run

    return declare


def get(path: str) -> Callable[[Run], Run]:
    """Declare a call that reads one object, or a few."""

    def declare(run: Run) -> Run:
        CALLS.append(Call("GET", path, run, {}))
        return run

    return declare


def listing(
    path: str,
    kind: str,
    filters: Mapping[str, Filter],
    order: str,
    *,
    sortable: Sequence[str] = (),
    deletable: bool = True,
    show: Callable[[Site, Body], Answer] | None = None,
    among: Callable[[Site, str], Iterable[Body]] | None = None,
    value: Callable[[Body, str], Any] = dict.get,
) -> None:
    """Declare the list of a kind of object.

    `among` finds the objects of a list that belongs to another object; `value` is what a filter looks at, where it is
    no field of the object.
    """

    def run(site: Site, id: str, wire: Any) -> Body:
        query = lists.query(wire, filters, order=order, sortable=sortable, zone=site.zone, deletable=deletable)
        places = site.versions.ids(kind)  # an object's first version is its place among all ever made
        rows = [
            (places[body["id"]][0], body)
            for body in (among(site, id) if among else _candidates(site, kind, query))
            if query.wants(body, value)
        ]
        return lists.page(query, rows, lambda body: complete(site, show(site, body) if show else {kind: body}))

    CALLS.append(Call("GET", path, run, {}, filters))


def _candidates(site: Site, kind: str, query: lists.Query) -> Iterable[Body]:
    """Objects among which all that are asked for are; looked up where there is an index."""
    if query.include_deleted:
        return site.all(kind, include_deleted=True)
    known = {field: value for field, value in query.equal.items() if field in INDEXED.get(kind, {})}
    return site.find(kind, **known)


def living(site: Site, kind: str, id: str) -> Body:
    """An object that is not deleted."""
    body = site.current(kind, id)
    if body["deleted"]:
        raise not_found(id)
    return body


def complete(site: Site, members: Answer, made: Sequence[Key] | None = None) -> Body:
    """An answer with all its members; what there is none of is missing. After a change they are read again."""
    found: Body = {}
    for name, body in members.items():
        kind = name.removesuffix("s")
        if body is Member.CARD:
            found |= _card(site, members["customer"])
        elif body is Member.MADE:
            bodies = [site.current(*key) for key in made or () if key[0] == kind]
            if bodies:
                found[name] = bodies if name != kind else bodies[-1]
        else:
            found[name] = shown(site.current(kind, body["id"]) if made is not None and kind in KINDS else body)
    return found


def _card(site: Site, customer: Any) -> Body:
    """The card that a customer is charged with, in its older shape of an object by itself."""
    id = site.current("customer", customer["id"]).get("primary_payment_source_id")
    source = site.current("payment_source", id) if id else None
    if source is None or source["deleted"] or "card" not in source:
        return {}
    own = ("customer_id", "gateway", "gateway_account_id", "status", "created_at", "updated_at", "resource_version")
    printed = ("iin", "last4", "funding_type", "expiry_month", "expiry_year", "masked_number")
    card = {field: source[field] for field in own} | {field: source["card"][field] for field in printed}
    return {"card": card | {"payment_source_id": id, "card_type": source["card"]["brand"], "object": "card"}}


class Desk:
    """Where calls are answered: one site, and what stands between it and the callers.

    `wrote` is called once a call has changed something, within the request and under the site's lock.
    """

    def __init__(self, site: Site, customers: Customers, faults: Faults, wrote: Callable[[], object]) -> None:
        self.site = site
        self.customers = customers
        self.faults = faults
        self.wrote = wrote
        self.replays = Replays(lambda: site.now)

    def respond(self, call: Call, id: str = "") -> Response:
        """Answer one request, or have a planned fault strike it."""
        path = request.path.removeprefix(PREFIX)
        if fault := self.faults.strike(call.method, path, "before"):
            return self.faults.answer(fault)
        given = self._read(call, id) if call.method == "GET" else self._write(call, id)
        done = given.status_code < 400
        if done and (fault := self.faults.strike(call.method, path, "after")):
            return self.faults.answer(fault)
        return given

    def _read(self, call: Call, id: str) -> Response:
        try:
            wire = [*request.args.items(multi=True)]
            with self.site.lock:
                if call.filters is not None:
                    return answer(call.run(self.site, id, wire))
                return answer(complete(self.site, call.run(self.site, id, _given(call, wire))))
        except Refused as reason:
            return refusal(reason)

    def _write(self, call: Call, id: str) -> Response:
        """Carry a call out, once under its idempotency key. That it came at a bad moment is not kept under the key."""
        try:
            with self.replays.once(request.headers.get(HEADER), _fingerprint()) as turn:
                if turn.earlier:
                    return turn.earlier
                given = self._carry_out(call, id)
                if given.status_code != 429:
                    turn.answer = given
                return given
        except Refused as reason:
            return refusal(reason)

    def _carry_out(self, call: Call, id: str) -> Response:
        try:
            given = _given(call, _form())
            with ExitStack() as held:
                held.enter_context(self.customers.writing(self._customer_of(call, id, given)))
                held.enter_context(self.site.lock)
                held.enter_context(self.site.silenced(**_silence()))
                return answer(self._act(call, id, given))
        except Refused as reason:
            return refusal(reason)

    def _act(self, call: Call, id: str, given: Body) -> Body:
        declined: Declined | None = None
        members: Answer = {}
        with self.site.as_one("api") as action:
            try:
                members = call.run(self.site, id, given)
            except Declined as reason:  # the attempt is part of history: the action stands
                declined = reason
            made = self.site.made_by(action)
        if action.drafts:
            self.wrote()
        if declined:
            raise declined
        return complete(self.site, members, made)

    def _customer_of(self, call: Call, id: str, given: Body) -> str | None:
        """Whose objects a call changes."""
        if call.table is None:
            return None
        kind = _KINDS.get(call.path.split("/")[1]) if id else None
        about = [(kind, id)] if kind else [(_NAMED_BY[name], given[name]) for name in _NAMED_BY if given.get(name)]
        for kind, found in about:
            if kind == "customer":
                return found
            with self.site.lock:
                customer_id: str = living(self.site, kind, found)["customer_id"]
            return customer_id
        return None


def _given(call: Call, wire: list[tuple[str, str]]) -> Body:
    return {} if call.table is None else params.read(call.table, wire)


def _fingerprint() -> bytes:
    return request.path.encode() + b"\n" + request.get_data()


def _form() -> list[tuple[str, str]]:
    if request.get_data() and request.mimetype != "application/x-www-form-urlencoded":
        raise Refused("the body is not form-encoded", code="invalid_request", status=400)
    return [*request.args.items(multi=True), *request.form.items(multi=True)]


def _silence() -> dict[str, bool]:
    """What the caller does not want to hear of. Mails are not sent by this site in any case."""
    for header in _SILENCERS:
        if (given := request.headers.get(header)) not in (None, _SILENT):
            raise Refused(f"{header} may be {_SILENT}, not {given}", code="invalid_request", status=400)
    webhooks, _, events = (header in request.headers for header in _SILENCERS)
    return {"webhooks": webhooks, "events": events}
