"""`quittance events`: webhooks as they came in, what became of them, and doing them again."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import click
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from models import AuditEntry, InboxEvent
from worker.settings import Settings

from . import shapes
from .database import changing, looking, ring, whoever_runs_this
from .failures import Problem
from .import_ import dry_run, instant_of, reading, since, told
from .output import (
    Column,
    as_json,
    called,
    counted,
    heading,
    limited,
    note,
    note_limit,
    note_shortened,
    one_id,
    say,
    say_facts,
    say_json,
    say_table,
    shortens,
    shown_body,
)

STATUSES = ("pending", "applied", "ignored", "parked")
LOOK_BACK = 20_000  # events; a rare type does not make the database read its whole history
BATCH = 1_000


@click.group()
def command() -> None:
    """Webhooks as they came in; replay them."""


@command.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Those with this status only.")
@click.option("--type", "event_type", metavar="TYPE", help="Those of this type only, such as invoice_generated.")
@limited
@as_json
def list_(status: str | None, event_type: str | None, limit: int, as_json: bool) -> None:
    """The newest events first."""
    wanted = select(InboxEvent).order_by(InboxEvent.seq.desc()).limit(limit + 1)
    if status:
        wanted = wanted.where(InboxEvent.status == status)
    if event_type:
        wanted = wanted.where(InboxEvent.event_type == event_type)
    with looking(Settings.read()) as session:
        last_unseen = None
        if event_type or status in ("applied", "ignored"):  # no index finds these: the newest are looked through
            newest = select(InboxEvent.seq).order_by(InboxEvent.seq.desc()).offset(LOOK_BACK).limit(1)
            last_unseen = session.scalar(newest)
            wanted = wanted.where(InboxEvent.seq > (last_unseen or 0))
        found = [shapes.event(row) for row in session.scalars(wanted)]
    rows = found[:limit]
    if as_json:
        say_json({"events": rows})
    else:
        columns = [
            Column("status"),
            Column("received (UTC)", whole=True, least=16),
            Column("type", least=15),
            Column("event", whole=True, shortened=True),
        ]
        cells = [(row["status"], row["received_at"], row["event_type"], row["id"]) for row in rows]
        say_table(columns, cells, notes=[row["reason"] for row in rows], empty="No such events.")
        if shortens(columns, cells):
            note_shortened()
    if len(found) > limit:
        note_limit(limit)
    elif last_unseen is not None:
        note(f"Only the newest {LOOK_BACK} events were looked through.")


@command.command()
@one_id
@as_json
def show(id: str, as_json: bool) -> None:
    """One event, with its body."""
    with looking(Settings.read()) as session:
        row = session.get(InboxEvent, id)
        if row is None:
            raise Problem(f"no event {id} has come in; {called('events list')} shows those that have")
        facts, body = shapes.event(row), _body(row.raw)
    if as_json:
        say_json({"event": facts, "body": body})
        return
    say_facts({**facts, "customer_ids": ", ".join(facts["customer_ids"])})
    heading("Body")
    say(shown_body(body) if body is not None else "It is not kept any more.")


def _body(raw: bytes | None) -> Any:
    """The body as JSON; as text where it is none; None where it is not kept any more."""
    if raw is None:
        return None
    try:
        return json.loads(raw, parse_constant=str)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--parked", is_flag=True, help="Every event that is parked.")
def replay(ids: tuple[str, ...], parked: bool) -> None:
    """Apply events again, through the same door. What they brought already is not done twice."""
    if bool(ids) == parked:
        raise click.UsageError("Name the events to replay, or say --parked.")
    settings = Settings.read()
    count = _replay_parked(settings) if parked else _replay_these(settings, list(dict.fromkeys(ids)))
    say(f"{counted(count, 'event')} to be applied again.")
    if count:
        ring(settings, "events")


def _replay_these(settings: Settings, ids: list[str]) -> int:
    """All of them or, where one cannot be, none."""
    with changing(settings) as session:
        known = select(InboxEvent.id, InboxEvent.status, InboxEvent.raw.is_(None)).where(InboxEvent.id.in_(ids))
        found = {id: (status, emptied) for id, status, emptied in session.execute(known)}
        problems = [f"no event {id} has come in" for id in ids if id not in found]
        problems += [f"the body of {id} is not kept any more" for id in ids if found.get(id, ("", False))[1]]
        if problems:
            raise Problem("; ".join(problems) + ". Nothing was replayed.")
        done = _again(session, ids)
    for id in ids:
        if id not in done:
            note(f"{id} is pending already: it is applied by itself.")
    return len(done)


def _replay_parked(settings: Settings) -> int:
    """In batches, oldest first, up to the one that was the newest when it began: one that parks again stays parked."""
    count = 0
    with changing(settings) as session:
        newest = session.scalar(
            select(InboxEvent.seq).where(InboxEvent.status == "parked").order_by(InboxEvent.seq.desc()).limit(1)
        )
    place = 0
    while newest is not None and place < newest:
        with changing(settings) as session:
            batch = select(InboxEvent.id, InboxEvent.seq).where(
                InboxEvent.status == "parked", InboxEvent.seq > place, InboxEvent.seq <= newest
            )
            found = session.execute(batch.order_by(InboxEvent.seq).limit(BATCH)).all()
            if not found:
                break
            place = found[-1].seq
            count += len(_again(session, [row.id for row in found]))
    return count


def _again(session: Session, ids: list[str]) -> set[str]:
    """Make these pending, with an audit entry each; those that were so already, or have no body, are left alone."""
    known = select(InboxEvent.id, InboxEvent.status).where(InboxEvent.id.in_(ids))
    before = {row.id: row.status for row in session.execute(known)}
    pending = (
        update(InboxEvent)
        .where(InboxEvent.id.in_(ids), InboxEvent.status != "pending", InboxEvent.raw.is_not(None))
        .values(status="pending", starts=0, due_at=text("now()"), reason=None, ended_at=None)
        .returning(InboxEvent.id)
        .execution_options(synchronize_session=False)
    )
    done = set(session.scalars(pending))
    entries = [
        {
            "actor": whoever_runs_this(),
            "event_id": id,
            "object_type": "event",
            "object_id": id,
            "before": {"status": before[id]},
            "after": {"status": "pending", "by": "quittance events replay"},
        }
        for id in sorted(done)
    ]
    if entries:
        session.execute(insert(AuditEntry), entries)
    return done


@command.command()
@since(required=True)
@dry_run
@as_json
def backfill(since: date | datetime, dry_run: bool, as_json: bool) -> None:
    """Bring in the events that Chargebee has since a date.

    They are merged and derived, and nobody is told of them. Interrupted, it goes on where it stopped; it may be
    repeated. How far back Chargebee's list of events reaches is its own affair: `import` brings in all that is there.
    """
    settings = Settings.read()
    with reading(settings) as (engine, gateway):
        from tasks import imports

        read = imports.count_events if dry_run else imports.backfill_events
        told(settings, read(engine, gateway, instant_of(since, settings)), dry_run=dry_run, as_json=as_json)
