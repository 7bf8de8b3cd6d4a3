"""The first day: what an existing site has, brought in quietly.

Objects come as snapshots through the same door as webhooks, with `origin = import`: they are merged and derived, and
nobody is told of what happened before. Each page is committed with the place of the next one, so that an import that
was interrupted goes on where it stopped; done again, it finds everything known.

What happens from its beginning on is not history: webhooks bring it, or the list of events, and people are told of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from gateway.client import Gateway, Page
from gateway.events import Snapshot
from models import InboxEvent, Reading, clock
from models.session import transaction

from .inbox import take_events, take_in
from .world import MIRRORS

T = TypeVar("T")

# Whose it is comes before what it is.
KINDS = ("customer", "payment_source", "subscription", "invoice", "transaction", "credit_note")
ATTEMPTS = 6  # at one page, before whoever runs this is told to come back later

_BEGIN = text("""
    insert into readings (name, watermark) values (:name, business_now())
    on conflict (name) do update set watermark = business_now(), next_offset = null, ended_at = null
""")
# Webhooks may be lost from this moment on, and are looked for from it.
_WATCH = text("insert into readings (name, watermark) values ('events', business_now()) on conflict do nothing")
_TURN = text("""
    update readings set next_offset = :next_offset, ended_at = case when :is_last then business_now() end
    where name = :name
""")


@dataclass(frozen=True, slots=True)
class Step:
    """A page that was read: of which kind, how much was on it, and how much of that was not known yet."""

    kind: str
    listed: int
    new: int


def import_site(engine: Engine, gateway: Gateway, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Step]:
    """Take every object of the site in, page by page; goes on where an earlier import was interrupted.

    Raises:
        NotYet, NeedsAttention: a page cannot be read; what was taken in before is kept.
    """
    with transaction(engine) as session:
        session.execute(_WATCH)
        places, began = _places(session, [f"import {kind}" for kind in KINDS])
    for kind in KINDS:
        name = f"import {kind}"
        while name in places:
            page = patiently(lambda kind=kind, at=places[name]: gateway.objects(kind, at), sleep)  # type: ignore[misc]
            with transaction(engine) as session:
                history = _until(began, page, "updated_at")
                new = sum(take_in(session, {kind: body}, origin="import") for body in history)
                _turn(session, places, name, page)
            yield Step(kind, len(page.rows), new)


def backfill_events(
    engine: Engine, gateway: Gateway, since: datetime, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Step]:
    """Take the events since an instant in; goes on where an earlier run of the same instant was interrupted.

    Raises:
        NotYet, NeedsAttention: a page cannot be read; what was taken in before is kept.
    """
    name = f"backfill {since.isoformat()}"
    with transaction(engine) as session:
        session.execute(_WATCH)
        places, began = _places(session, [name])
    while name in places:
        page = patiently(lambda: gateway.events(since, places[name]), sleep)
        with transaction(engine) as session:
            new = len(take_events(session, _until(began, page, "occurred_at"), origin="import").new)
            _turn(session, places, name, page)
        yield Step("event", len(page.rows), new)


def count_site(engine: Engine, gateway: Gateway, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Step]:
    """What an import would find, page by page; nothing is written."""
    for kind in KINDS:
        for page in _pages(lambda at, kind=kind: gateway.objects(kind, at), sleep):  # type: ignore[misc]
            yield Step(kind, len(page.rows), _unknown(engine, kind, page.rows))


def count_events(
    engine: Engine, gateway: Gateway, since: datetime, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Step]:
    """What a backfill would find, page by page; nothing is written."""
    for page in _pages(lambda at: gateway.events(since, at), sleep):
        with transaction(engine) as session:
            ids = [row.get("id") for row in page.rows]
            known = set(session.scalars(select(InboxEvent.id).where(InboxEvent.id.in_(ids))))
        yield Step("event", len(page.rows), len(set(ids) - known))


def _places(session: Session, names: Sequence[str]) -> tuple[dict[str, str | None], datetime]:
    """Where to go on in these lists that were not read to their end, and since when; if there is none, all begin."""
    under_way = select(Reading).where(Reading.name.in_(names), Reading.ended_at.is_(None))
    if not (found := session.scalars(under_way).all()):
        session.execute(_BEGIN, [{"name": name} for name in names])
        found = session.scalars(under_way.execution_options(populate_existing=True)).all()
    return {row.name: row.next_offset for row in found}, min(row.watermark for row in found)


def _until(began: datetime, page: Page, field: str) -> list[dict[str, Any]]:
    """What was so before the reading began."""
    return [body for body in page.rows if (body.get(field) or 0) <= began.timestamp()]


def _turn(session: Session, places: dict[str, str | None], name: str, page: Page) -> None:
    is_last = page.next_offset is None
    session.execute(_TURN, {"name": name, "next_offset": page.next_offset, "is_last": is_last})
    if is_last:
        del places[name]
    else:
        places[name] = page.next_offset


def _pages(read: Callable[[str | None], Page], sleep: Callable[[float], None]) -> Iterator[Page]:
    offset: str | None = None
    while True:
        page = patiently(lambda: read(offset), sleep)  # noqa: B023 (called at once)
        yield page
        if page.next_offset is None:
            return
        offset = page.next_offset


def patiently(read: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """What is read, after as many attempts as it takes within reason."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return read()
        except NotYet as reason:
            stated: float | None = getattr(reason, "retry_after", None)
            sleep(stated if stated is not None else 2.0**attempt)
    return read()


def _unknown(engine: Engine, kind: str, bodies: Sequence[dict[str, Any]]) -> int:
    """How many of these the mirror does not have as new as this."""
    model = MIRRORS[kind]
    with transaction(engine) as session:
        now = clock.now(session)
        listed = select(model.id, model.version).where(model.id.in_([body.get("id") for body in bodies]))
        known = {row.id: row.version for row in session.execute(listed)}
    return sum(_is_newer(kind, body, known, now) for body in bodies)


def _is_newer(kind: str, body: dict[str, Any], known: dict[str, int], now: datetime) -> bool:
    try:
        snapshot = Snapshot.read_from_api(kind, body, now)
    except NeedsAttention:
        return True  # its event will be parked, and say why
    return snapshot.id not in known or snapshot.version > known[snapshot.id]
