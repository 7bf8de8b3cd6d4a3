"""`quittance clock`: the business clock, which only development moves. Help lists it in development."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import delete, insert

from models import AuditEntry, BusinessClock, clock
from worker.settings import Settings

from .database import changing, looking, whoever_runs_this
from .failures import Problem
from .output import instant, say


def _instant(ctx: click.Context, param: click.Parameter, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write it as 2021-02-15T14:30:00Z; without a zone it is UTC", ctx, param) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group()
def command() -> None:
    """The business clock: what is due, how late something is."""


@command.command("move-to")
@click.argument("moment", metavar="INSTANT", callback=_instant)
def move_to(moment: datetime) -> None:
    """Set the business clock, which then goes on from there. In development only."""
    settings = Settings.read()
    try:
        with changing(settings) as session:
            clock.move_to(session, moment, env=settings.env)
    except PermissionError as refused:
        raise Problem(str(refused)) from refused
    with looking(settings) as session:
        say(f"The business clock is at {instant(clock.now(session))}.")


@command.command()
def reset() -> None:
    """Let the business clock be the database's own again."""
    with changing(Settings.read()) as session:
        row = session.get(BusinessClock, True)
        if row is not None:
            session.execute(delete(BusinessClock))
            entry = {
                "actor": whoever_runs_this(),
                "object_type": "business_clock",
                "object_id": "clock",
                "before": {"ahead_seconds": row.ahead.total_seconds()},
                "after": None,
            }
            session.execute(insert(AuditEntry), [entry])
    say("The business clock is the database's.")
