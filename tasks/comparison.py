"""Once a night the mirror is compared with what Chargebee says: live subscriptions, open invoices, customers.

Some changes make no event at all (whoever makes them may switch events off). What differs is merged through the same
door as webhooks, and is a finding. What the mirror has as live and Chargebee lists no more is asked for one by one;
what is not there at all becomes a tombstone. Each page is committed with the place of the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from billing.errors import NeedsAttention, NotYet
from billing.followups import OWING
from billing.seats import LIVE
from gateway.client import Gateway
from gateway.errors import ProviderRefused
from gateway.events import Snapshot
from models import Finding, ListedObject, Reading, clock
from models.base import MirrorRow
from models.session import transaction

from . import findings
from .imports import patiently
from .inbox import take_in
from .provider import read_content
from .reconcile import LEASE, put_off
from .slots import take_slot
from .world import MIRRORS

# Of each kind, the statuses that are compared; none: whatever its status. The others do not change any more.
STATUSES: Mapping[str, tuple[str, ...]] = {
    "customer": (),
    "subscription": ("future", *sorted(LIVE), "paused"),
    "invoice": tuple(sorted(OWING)),
}
GRACE = timedelta(minutes=10)  # what changed so lately may be on its way here
NIGHT = timedelta(days=1)
NIGHTFALL = timedelta(hours=8)  # UTC: the small hours in Montréal
FEW = 10  # that are asked for one by one before others get their turn
MANY = 20  # so many that are gone at once, and more than a tenth of all: rather another site than the truth

log = structlog.get_logger(__name__)

_BEGIN = text("""
    insert into readings (name, watermark, since, due_at) values (:name, business_now(), :since, now())
    on conflict (name) do update set watermark = business_now(), since = :since, due_at = now(),
      next_offset = null, seeking = false, ended_at = null, problem = null
""")
_CLAIM = text("""
    update readings set due_at = now() + :lease where name = :name and due_at <= now() and ended_at is null
    returning name
""")


@dataclass(frozen=True, slots=True)
class Step:
    """What was looked at, and how much of it the mirror had otherwise."""

    kind: str
    listed: int
    different: int


def compare_now(
    engine: Engine, gateway: Gateway, *, since: datetime | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Step]:
    """Compare everything, step by step; with `since`, only what Chargebee changed after it.

    Raises:
        NotYet, NeedsAttention: Chargebee cannot be asked; what was found before is kept, the workers go on with it.
    """
    with transaction(engine) as session:
        _begin(session, since)
    for kind in STATUSES:
        while step := patiently(lambda kind=kind: _step(engine, gateway, kind), sleep):  # type: ignore[misc]
            yield step


def compare_when_due(engine: Engine, gateway: Gateway, *, seconds: float, ring: Callable[[], None]) -> int:
    """Compare for so many seconds, if it is night or last night's comparison is not done; how many differed.

    The first night of an installation is left out: what it has not imported yet is no difference.
    """
    until, different = time.monotonic() + seconds, 0
    with transaction(engine) as session:
        if take_slot(session, "comparison", NIGHT, after=NIGHTFALL):
            is_first = session.get(Reading, _name("customer")) is None
            _begin(session, None)
            if is_first:
                ended = update(Reading).where(Reading.name.in_(map(_name, STATUSES)))
                session.execute(ended.values(due_at=None, ended_at=func.business_now()))
    for kind in STATUSES:
        while time.monotonic() < until and _is_ours(engine, kind):
            try:
                step = _step(engine, gateway, kind)
            except (NotYet, NeedsAttention) as reason:
                log.warning("the mirror could not be compared", kind=kind, reason=str(reason))
                put_off(engine, _name(kind), reason)
                return different
            if step and step.different:
                different += step.different
                ring()
    return different


def _name(kind: str) -> str:
    return f"compare {kind}"


def _begin(session: Session, since: datetime | None) -> None:
    session.execute(text("delete from listed_objects"))
    session.execute(_BEGIN, [{"name": _name(kind), "since": since} for kind in STATUSES])


def _is_ours(engine: Engine, kind: str) -> bool:
    """Has this list something to read now? Then nobody else does it for a while."""
    with transaction(engine) as session:
        return session.execute(_CLAIM, {"name": _name(kind), "lease": LEASE}).first() is not None


def _step(engine: Engine, gateway: Gateway, kind: str) -> Step | None:
    """A page of the list, or what is not on it; None: this kind is done."""
    with transaction(engine) as session:
        reading = session.get_one(Reading, _name(kind))
        session.expunge(reading)
    if reading.ended_at is not None:
        return None
    return _seek(engine, gateway, kind, reading) if reading.seeking else _page(engine, gateway, kind, reading)


def _page(engine: Engine, gateway: Gateway, kind: str, reading: Reading) -> Step:
    page = gateway.objects(
        kind, reading.next_offset, updated_after=reading.since, statuses=STATUSES[kind], deleted=False
    )
    is_last = page.next_offset is None
    with transaction(engine) as session:
        if page.rows:
            listed = [{"kind": kind, "id": body["id"]} for body in page.rows]
            session.execute(insert(ListedObject).on_conflict_do_nothing(), listed)
        different = _merge(session, kind, [{kind: body} for body in page.rows])
        turn: dict[str, Any] = {"next_offset": page.next_offset, "seeking": is_last, "due_at": func.now()}
        if is_last and reading.since is not None:  # only a whole list says what is not on it
            turn = {"next_offset": None, "due_at": None, "ended_at": func.business_now()}
        session.execute(update(Reading).where(Reading.name == reading.name).values(**turn))
    return Step(kind, len(page.rows), different)


def _merge(session: Session, kind: str, contents: Sequence[dict[str, Any]]) -> int:
    """Take in what the mirror has otherwise, and note it; how much that is."""
    model, now, different = MIRRORS[kind], clock.now(session), 0
    ids = [content[kind]["id"] for content in contents]
    stored = {row.id: row for row in session.scalars(select(model).where(model.id.in_(ids)))}
    for content in contents:
        body = content[kind]
        snapshot = _snapshot(session, kind, body, now)
        changed_at = datetime.fromtimestamp(body.get("updated_at") or now.timestamp(), UTC)
        if snapshot is None or changed_at > now - GRACE:
            continue
        row = stored.get(snapshot.id)
        if (told := _difference(snapshot, row, now)) is None:
            continue
        if row and row.deleted:
            _raise_again(session, model, row)
        different += 1
        log.warning("the mirror differs from Chargebee", kind=kind, id=snapshot.id)
        # One that was counted as deleted is live again from now on, however old its last change is.
        take_in(session, content, happened_at=now if row and row.deleted else changed_at, again=True)
        words = f"{kind} {snapshot.id} {told}; what Chargebee says was merged"
        _note(session, "mirror_differs" if row else "mirror_lacks", kind, snapshot.id, words)
    return different


def _raise_again(session: Session, model: type[MirrorRow], row: MirrorRow) -> None:
    """Let what lives at Chargebee be greater than the tombstone here, which may be of the same version and then wins.

    It was buried while the API was that of another site, or Chargebee brought it back.
    """
    stands = (model.id == row.id) & (model.version == row.version) & model.deleted
    session.execute(
        update(model).where(stands).values(version=row.version - 1).execution_options(synchronize_session=False)
    )


def _snapshot(session: Session, kind: str, body: dict[str, Any], now: datetime) -> Snapshot | None:
    try:
        return Snapshot.read_from_api(kind, body, now)
    except NeedsAttention as reason:
        _note(session, "not_understood", kind, body["id"], str(reason))
        return None


def _difference(snapshot: Snapshot, row: MirrorRow | None, now: datetime) -> str | None:
    """In which columns the mirror has an object otherwise, in words; None: it does not, or knows something newer."""
    if row is None:
        return "was not in the mirror"
    if snapshot.version < row.version:
        return None
    if row.deleted:  # lately: it may have gone while the page was on its way
        return "counted as deleted in the mirror" if row.tie_at <= now - GRACE else None
    names = [name for name, value in snapshot.fields.items() if getattr(row, name) != value]
    if names:
        return f"had other values in the mirror ({', '.join(names)})"
    return "was older in the mirror" if snapshot.version > row.version else None


def _note(session: Session, finding: str, kind: str, id: str, words: str, severity: str = "warning") -> None:
    told = Finding(kind=finding, severity=severity, object_type=kind, object_id=id, detail=words)
    findings.note(session, [told])


# ---- what is not on the list -----------------------------------------------------------------------------------------


def _seek(engine: Engine, gateway: Gateway, kind: str, reading: Reading) -> Step:
    """Ask for a few of those that the mirror has as live and that were not on the list; the last time it is done."""
    with transaction(engine) as session:
        unlisted = _unlisted(session, kind, reading)
        if not unlisted or _is_another_site(session, kind, len(unlisted)):
            done = update(Reading).where(Reading.name == reading.name)
            session.execute(done.values(due_at=None, seeking=False, ended_at=func.business_now()))
            return Step(kind, 0, 0)
    few = unlisted[:FEW]
    different = sum(_look_for(engine, gateway, kind, id) for id in few)
    with transaction(engine) as session:
        session.execute(update(Reading).where(Reading.name == reading.name).values(due_at=func.now()))
    return Step(kind, len(few), different)


def _unlisted(session: Session, kind: str, reading: Reading) -> list[str]:
    model = MIRRORS[kind]
    listed = select(ListedObject.id).where(ListedObject.kind == kind, ListedObject.id == model.id).exists()
    began = int(reading.watermark.timestamp()) * 1000  # what changed since may have been on no page
    wanted = select(model.id).where(~model.deleted, model.version < began, ~listed)
    if STATUSES[kind]:
        wanted = wanted.where(model.status.in_(STATUSES[kind]))  # type: ignore[attr-defined]
    return list(session.scalars(wanted.order_by(model.id)))


def _is_another_site(session: Session, kind: str, unlisted: int) -> bool:
    """Is what Chargebee lists so far from the mirror that the API is rather that of another site?"""
    known = _known(session, kind)
    if unlisted <= MANY or unlisted <= (known + unlisted) / 10:
        return False
    words = (
        f"{unlisted} {kind}s of the mirror are not listed by Chargebee, {known} are: nothing was done; check that "
        "CHARGEBEE_SITE is the site whose webhooks come in here"
    )
    _note(session, "mirror_is_of_another_site", "site", kind, words, "error")
    return True


def _look_for(engine: Engine, gateway: Gateway, kind: str, id: str) -> int:
    """Read one, merge what differs; 1 if something did."""
    content: dict[str, Any] | None
    try:
        content = read_content(gateway, kind, id)
    except ProviderRefused as refused:
        if refused.status != 404:
            raise
        content = None
    with transaction(engine) as session:
        session.execute(insert(ListedObject).values(kind=kind, id=id, listed=False).on_conflict_do_nothing())
        if content is not None:
            return _merge(session, kind, [content])
        return _bury(session, kind, id)


def _bury(session: Session, kind: str, id: str) -> int:
    """Chargebee has no such object: the last that is known of it, deleted, goes through the door."""
    if not _known(session, "customer"):  # not one customer of ours was listed
        words = f"{kind} {id} is not in Chargebee, and none of our customers is; nothing was done: check CHARGEBEE_SITE"
        _note(session, "gone_from_chargebee", kind, id, words, "error")
        return 0
    model = MIRRORS[kind]
    row = session.scalars(select(model).where(model.id == id).options(undefer(model.snapshot))).one()
    take_in(session, {kind: row.snapshot | {"deleted": True}}, happened_at=clock.now(session), again=True)
    _note(session, "gone_from_chargebee", kind, id, f"{kind} {id} is not in Chargebee any more; it counts as deleted")
    return 1


def _known(session: Session, kind: str) -> int:
    """How many of those that were listed the mirror has."""
    model = MIRRORS[kind]
    both = select(func.count()).select_from(ListedObject).join(model, model.id == ListedObject.id)
    return session.scalar(both.where(ListedObject.kind == kind, ListedObject.listed)) or 0
