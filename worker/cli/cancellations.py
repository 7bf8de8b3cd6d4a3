"""`quittance cancellations`: when subscriptions end, or were to."""

from __future__ import annotations

import click
from sqlalchemy import select

from models import Cancellation, clock
from worker.settings import Settings

from . import shapes
from .database import looking
from .output import Column, as_json, limited, note_limit, say_json, say_table


@click.group()
def command() -> None:
    """Ends of subscriptions: to come, carried out, withdrawn."""


@command.command("list")
@click.option("--due", is_flag=True, help="Only those whose instant has come and that are still to be carried out.")
@limited
@as_json
def list_(due: bool, limit: int, as_json: bool) -> None:
    """Cancellations, the latest end first."""
    wanted = select(Cancellation).order_by(Cancellation.effective_at.desc(), Cancellation.subscription_id)
    with looking(Settings.read()) as session:
        if due:
            wanted = wanted.where(Cancellation.state == "scheduled", Cancellation.effective_at <= clock.now(session))
        found = [shapes.cancellation(row) for row in session.scalars(wanted.limit(limit + 1))]
    rows = found[:limit]
    if as_json:
        say_json({"cancellations": rows})
    else:
        columns = [
            Column("subscription", whole=True),
            Column("ends (UTC)", whole=True),
            Column("on", whole=True),
            Column("state"),
            Column("by"),
        ]
        cells = [
            (row["subscription_id"], row["effective_at"], row["effective_on"], row["state"], row["executed_by"])
            for row in rows
        ]
        say_table(columns, cells, notes=[row["reason"] for row in rows], empty="None is due." if due else "None.")
    if len(found) > limit:
        note_limit(limit)
