"""`quittance findings`: what does not add up, told once however often it is seen."""

from __future__ import annotations

import click
from sqlalchemy import select

from models import Finding
from worker.settings import Settings

from . import shapes
from .database import looking
from .output import Column, as_json, limited, note_limit, note_shortened, say_json, say_table, shortens


@click.group()
def command() -> None:
    """What does not add up."""


@command.command("list")
@limited
@as_json
def list_(limit: int, as_json: bool) -> None:
    """Findings, the one that was seen last on top."""
    wanted = select(Finding).order_by(Finding.last_seen_at.desc(), Finding.id.desc()).limit(limit + 1)
    with looking(Settings.read()) as session:
        found = [shapes.finding(row) for row in session.scalars(wanted)]
    rows = found[:limit]
    if as_json:
        say_json({"findings": rows})
    else:
        columns = [
            Column("severity"),
            Column("kind"),
            Column("object", whole=True, shortened=True),
            Column("last seen (UTC)", whole=True),
            Column("times", right=True),
        ]
        cells = [
            (
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
