"""`quittance outbox`: mail, calls and callbacks that have not left, and letting them go."""

from __future__ import annotations

from collections.abc import Sequence

import click
from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention
from models import AuditEntry, Finding, OutboxRow
from worker.settings import Settings

from . import shapes
from .database import changing, looking, ring, whoever_runs_this
from .failures import Problem
from .output import (
    Column,
    as_json,
    called,
    harmless,
    heading,
    limited,
    note,
    note_limit,
    say,
    say_facts,
    say_json,
    say_table,
)

STATES = ("new", "sending", "sent", "failed", "held", "suppressed")
UNDELIVERED = ("new", "sending", "failed", "held")
RELEASABLE = ("failed", "held", "suppressed")


@click.group()
def command() -> None:
    """What could not be delivered yet; show it, release it."""


@command.command("list")
@click.option("--state", type=click.Choice(STATES), help="Those in this state only.")
@limited
@as_json
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """What has not been delivered, the newest first."""
    empty = "Nothing." if state else f"Nothing waits. What left: {called('outbox list --state sent')}"
    list_rows("outbox", [state] if state else UNDELIVERED, limit=limit, as_json=as_json, empty=empty)


def list_rows(
    noun: str,
    states: Sequence[str],
    *,
    limit: int,
    as_json: bool,
    kind: str | None = None,
    empty: str = "Nothing.",
) -> None:
    """Print the newest rows in these states, of one kind or all."""
    wanted = select(OutboxRow).order_by(OutboxRow.id.desc()).limit(limit + 1)
    if tuple(states) != STATES:
        # One by one, for each state of what is not delivered has an index of its own.
        wanted = wanted.where(or_(*(OutboxRow.state == state for state in states)))
    if kind:
        wanted = wanted.where(OutboxRow.kind == kind)
    with looking(Settings.read()) as session:
        found = [shapes.outbox_row(row) for row in session.scalars(wanted)]
    rows = found[:limit]
    if as_json:
        say_json({noun: rows})
    else:
        columns = [Column("state", whole=True), Column("key", whole=True), Column("tries", right=True)]
        cells = [(row["state"], row["key"], row["attempts"]) for row in rows]
        say_table(columns, cells, notes=[shapes.to_whom_and_why(row) for row in rows], empty=empty)
    if len(found) > limit:
        note_limit(limit)


@command.command()
@click.argument("key", metavar="KEY")
@as_json
def show(key: str, as_json: bool) -> None:
    """What is known of one mail, call or callback; of a write to Chargebee, who asked for it and each call of it."""
    with looking(Settings.read()) as session:
        row = session.scalar(select(OutboxRow).where(OutboxRow.key == key))
        if row is None:
            raise Problem(harmless(f"nothing in the outbox has the key {key}; see: {called('outbox list')}"))
        shape = shapes.outbox_row(row) | {name: row.payload.get(name) for name in ("by", "calls")}
    if as_json:
        say_json({"outbox": shape})
        return
    facts = {name.replace("_", " "): value for name, value in shape.items() if value is not None and name != "calls"}
    say_facts(facts)
    if calls := shape["calls"]:
        heading("Calls begun")
        columns = [Column("at (UTC)", whole=True), Column("call"), Column("of"), Column("idempotency key")]
        say_table(columns, [(each["at"], each["action"], each["id"], each["key"]) for each in calls])


@command.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(keys: tuple[str, ...], yes: bool) -> None:
    """Deliver again what is held, failed or suppressed. A held mail may have arrived already: it would arrive twice."""
    settings = Settings.read()
    wanted = list(dict.fromkeys(keys))
    with looking(settings) as session:
        rows = {row.key: row for row in session.scalars(select(OutboxRow).where(OutboxRow.key.in_(wanted)))}
    problems = [f"nothing in the outbox has the key {key}" for key in wanted if key not in rows]
    problems += [f"{key} is {row.state}" for key, row in rows.items() if row.state not in RELEASABLE]
    if problems:
        raise Problem("; ".join(problems) + ". Nothing was released.")
    if not yes:
        for row in rows.values():
            told = ", ".join(each for each in (f"to {row.recipient}" if row.recipient else "", row.reason) if each)
            note(harmless(f"{row.key} is {row.state}" + (f" ({told})" if told else "")))
        click.confirm(f"Deliver {'it' if len(rows) == 1 else f'these {len(rows)}'} again?", abort=True, err=True)
    with changing(settings) as session:
        go = (
            update(OutboxRow)
            .where(OutboxRow.key.in_(wanted), OutboxRow.state.in_(RELEASABLE))
            .values(
                state="new",
                reason=None,
                due_at=text("now()"),
                lease_until=None,
                lease_token=OutboxRow.lease_token + 1,  # whoever was frozen over it finds its own stale
                attempts=0,
                waiting_since=text("now()"),
                ended_at=None,
            )
            .returning(OutboxRow.key, OutboxRow.queue)
            .execution_options(synchronize_session=False)
        )
        released = {row.key: row.queue for row in session.execute(go)}
        _one_write_each(session, [rows[key] for key in released])
        entries = [
            {
                "actor": whoever_runs_this(),
                "event_id": None,
                "object_type": rows[key].kind,
                "object_id": key,
                "before": {"state": rows[key].state, "reason": rows[key].reason},
                "after": {"state": "new", "by": "quittance outbox release"},
            }
            for key in released
        ]
        if entries:
            session.execute(insert(AuditEntry), entries)
        seen_to = (Finding.kind == "delivery_failed") & Finding.object_id.in_(released)
        session.execute(delete(Finding).where(seen_to))
    say(f"{len(released)} released.")
    if released:
        ring(settings, *sorted(set(released.values())))


def _one_write_each(session: Session, rows: Sequence[OutboxRow]) -> None:
    """Of the writes to Chargebee that are asked for anew, none may meet another of the same object."""
    from tasks import writes

    for row in rows:
        if row.name in writes.WRITES:
            try:
                writes.must_be_alone(session, row.name, row.object_id, row.key)
            except NeedsAttention as reason:
                raise Problem(harmless(f"{reason}. Nothing was released.")) from None
