"""`quittance findings`: what does not add up, told once however often it is seen."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy import insert, or_, select

from models import AuditEntry, Finding, clock
from worker.settings import Settings

from . import shapes
from .database import changing, looking, whoever_runs_this
from .failures import Problem
from .output import (
    Column,
    as_json,
    called,
    counted,
    instant,
    limited,
    note_limit,
    note_shortened,
    say,
    say_json,
    say_table,
    shortens,
)


@click.group()
def command() -> None:
    """What does not add up."""


@command.command("list")
@click.option("--all", "all_", is_flag=True, help="Also those that were acknowledged.")
@limited
@as_json
def list_(all_: bool, limit: int, as_json: bool) -> None:
    """Findings that nobody has acknowledged, the one that was seen last on top."""
    wanted = select(Finding).order_by(Finding.last_seen_at.desc(), Finding.id.desc()).limit(limit + 1)
    with looking(Settings.read()) as session:
        if not all_:
            until = Finding.acknowledged_until
            wanted = wanted.where(or_(until.is_(None), until <= clock.now(session)))
        found = [shapes.finding(row) for row in session.scalars(wanted)]
    rows = found[:limit]
    if as_json:
        say_json({"findings": rows})
    else:
        columns = [
            Column("id", right=True),
            Column("severity"),
            Column("kind"),
            Column("object", whole=True, shortened=True),
            Column("last seen (UTC)", whole=True),
            Column("times", right=True),
        ]
        cells = [
            (
                row["id"],
                row["severity"],
                row["kind"],
                f"{row['object_type']} {row['object_id']}",
                row["last_seen_at"],
                row["times"],
            )
            for row in rows
        ]
        say_table(columns, cells, notes=[row["detail"] for row in rows], empty="Everything adds up.")
        if shortens(columns, cells):
            note_shortened()
    if len(found) > limit:
        note_limit(limit)


@command.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1, 2**63 - 1), metavar="ID...")
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, metavar="N", help="For so long.")
def acknowledge(ids: tuple[int, ...], days: int) -> None:
    """Say that these were looked at: they are neither listed nor mailed about until then, seen again or not."""
    with changing(Settings.read()) as session:
        until = clock.now(session) + timedelta(days=days)
        found = {row.id: row for row in session.scalars(select(Finding).where(Finding.id.in_(ids)).with_for_update())}
        if missing := sorted(set(ids) - found.keys()):
            numbers = ", ".join(map(str, missing))
            raise Problem(f"no finding has the id {numbers}; see: {called('findings list')}. None was acknowledged.")
        entries = [
            {
                "actor": whoever_runs_this(),
                "event_id": None,
                "object_type": "finding",
                "object_id": f"{row.kind}:{row.object_type}:{row.object_id}",
                "before": {"acknowledged_until": instant(row.acknowledged_until)},
                "after": {"acknowledged_until": instant(until), "detail": row.detail},
            }
            for row in found.values()
        ]
        session.execute(insert(AuditEntry), entries)
        for row in found.values():
            row.acknowledged_until = until
    say(f"{counted(len(found), 'finding')} acknowledged until {until:%Y-%m-%d}.")
