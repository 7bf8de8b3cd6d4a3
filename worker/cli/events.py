"""`quittance events`: webhooks as they came in, what became of them, and doing them again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import click
from sqlalchemy import Engine, select

from billing.errors import NeedsAttention
from models import InboxEvent
from models.session import transaction
from tasks import replay as replay_
from tasks.replay import Selection, Tally
from worker.settings import Settings

from . import rehearsal, shapes
from .database import changing, connected, looking, ring, whoever_runs_this
from .failures import Problem
from .import_ import dry_run, instant_of, reading, since, told
from .output import (
    Column,
    as_json,
    called,
    counted,
    harmless,
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
UNASKED = 50  # events that are applied again without a question


@click.group()
def command() -> None:
    """Webhooks as they came in; replay them, or set aside what cannot be applied."""


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
@since(required=False)
@click.option("--type", "event_type", metavar="TYPE", help="Those of this type, such as invoice_generated.")
@click.option("--parked", is_flag=True, help="Those that are parked.")
@click.option("--dry-run", is_flag=True, help="Show what would change, row by row; nothing is written.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="So many rows are shown."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def replay(
    ids: tuple[str, ...],
    since: date | datetime | None,
    event_type: str | None,
    parked: bool,
    dry_run: bool,
    limit: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Apply events again, through the same door. What they brought already is not done twice.

    Name them, or say which: received --since, of a --type, --parked, or all of these together. Who is told of what
    follows is decided by when an event was received the first time; no mail goes twice.
    """
    if bool(ids) == bool(since or event_type or parked):
        raise click.UsageError("Name the events to replay, or say which: --since, --type, --parked.")
    settings = Settings.read()
    unique = tuple(dict.fromkeys(ids))
    selection = Selection(unique, instant_of(since, settings) if since else None, event_type, parked)
    with connected(settings.database_url) as engine:
        if unique:
            _must_be_known(engine, unique)
        if dry_run:
            rehearsal.show(engine, settings, selection, limit=limit, as_json=as_json)
            return
        if not (yes or unique):
            _ask(engine, selection)
        tally = _watched("made due", replay_.replay(engine, selection, by=whoever_runs_this()))
    if tally.able:
        ring(settings, "events")
    if as_json:
        say_json({"dry_run": False, "replayed": tally.able, "pending": tally.pending, "emptied": tally.emptied})
    else:
        say(f"{counted(tally.able, 'event')} to be applied again.")
        if tally.able > replay_.BATCH:
            note(f"They are taken up within {tally.able // replay_.A_SECOND} s, so that what comes in need not wait.")
        if tally.able:
            after = f"explain event {unique[0]}" if len(unique) == 1 else "events list --status parked"
            note(f"What comes of it: {called(after)}")
    rehearsal.note_left(tally)


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--reason", required=True, help="Why nothing of it is missing: kept with it, and in the audit.")
def ignore(ids: tuple[str, ...], reason: str) -> None:
    """Set parked events aside that can never be applied. `events replay` takes one up again."""
    if not (reason := reason.strip()):
        raise click.UsageError("Say why: --reason is empty.")
    unique = tuple(dict.fromkeys(ids))
    with changing(Settings.read()) as session:
        try:
            replay_.ignore(session, unique, reason, by=whoever_runs_this())
        except NeedsAttention as problem:
            raise Problem(harmless(f"{problem}. Nothing was set aside.")) from None
    say(f"{counted(len(unique), 'event')} set aside.")


def _must_be_known(engine: Engine, ids: tuple[str, ...]) -> None:
    with transaction(engine) as session:
        try:
            replay_.must_be_known(session, ids)
        except NeedsAttention as reason:
            raise Problem(f"{reason}. Nothing was replayed.") from None


def _ask(engine: Engine, selection: Selection) -> None:
    """Ask before more than fifty events are applied again."""
    tally = _watched("counted", replay_.count(engine, selection))
    if tally.able > UNASKED:
        note(f"{called('events replay .. --dry-run')} shows what it would change.")
        click.confirm(f"Apply {counted(tally.able, 'event')} again?", abort=True, err=True)


def _watched(what: str, tallies: Iterable[Tally]) -> Tally:
    """The last of these, with a line on standard error at every ten thousandth event."""
    tally, told = Tally(), 0
    for tally in tallies:
        if tally.able // 10_000 > told:
            told = tally.able // 10_000
            note(f"{tally.able} events {what} so far")
    return tally


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
