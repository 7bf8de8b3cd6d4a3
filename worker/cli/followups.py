"""`quittance followups`: what finance has to chase, as the worker sees it."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import Select, select

from models import Customer, Followup
from worker.settings import Settings

from .database import looking
from .output import Column, as_json, limited, note_limit, say_json, say_table
from .shapes import Shapes, display


@click.group()
def command() -> None:
    """Cheques and wires to chase."""


@command.command("list")
@click.option("--all", "closed_too", is_flag=True, help="The closed ones too, the newest first.")
@limited
@as_json
def list_(closed_too: bool, limit: int, as_json: bool) -> None:
    """Open follow-ups, the one that was due first on top; days late on today's date in the site's zone."""
    settings = Settings.read()
    with looking(settings) as session:
        shapes = Shapes.of(settings, session)
        asked = session.execute(wanted(closed_too, limit + 1))
        found = [shapes.followup(row) | {"company": company} for row, company in asked]
    rows: list[dict[str, Any]] = found[:limit]
    if as_json:
        say_json({"followups": rows})
    else:
        columns = [
            Column("invoice", whole=True),
            Column("customer"),
            Column("state"),
            Column("balance", right=True, whole=True),
            Column("due on", whole=True),
            Column("late", right=True),
            Column("bucket", whole=True),
        ]
        cells = [
            (
                row["invoice_id"],
                row["company"] or row["customer_id"],
                row["state"],
                display(row["balance"]),
                row["due_on"],
                row["days_late"],
                row["bucket"],
            )
            for row in rows
        ]
        notes = [row["closed_reason"] for row in rows]
        say_table(columns, cells, notes=notes, empty="No follow-ups." if closed_too else "Nothing to chase.")
    if len(found) > limit:
        note_limit(limit)


def wanted(closed_too: bool, limit: int) -> Select[Followup, str | None]:
    """The question for so many follow-ups with the names of their customers."""
    rows = select(Followup, Customer.company).outerjoin(Customer, Customer.id == Followup.customer_id).limit(limit)
    if closed_too:
        return rows.order_by(Followup.opened_at.desc(), Followup.invoice_id)
    return rows.where(Followup.open).order_by(Followup.due_on, Followup.invoice_id)
