"""`quittance cancellations`: when subscriptions end, or were to; ends scheduled, withdrawn, carried out."""

from __future__ import annotations

from datetime import datetime

import click
from sqlalchemy import select

from billing.errors import NeedsAttention, NotYet
from models import Cancellation, clock
from models.session import transaction
from worker.settings import Settings

from . import shapes
from .asking import ask_for, intend, reading, unasked
from .database import looking
from .failures import Problem
from .output import Column, as_json, harmless, limited, note, note_limit, say, say_json, say_table


@click.group()
def command() -> None:
    """Ends of subscriptions: to come, carried out, withdrawn; schedule or withdraw one."""


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


# ---- asked for here, written to Chargebee ----------------------------------------------------------------------------


@command.command()
@click.argument("subscription")
@click.option("--on", type=click.DateTime(("%Y-%m-%d",)), metavar="DATE", help="The last day of it.")
@click.option("--at-term-end", is_flag=True, help="The end of the running term: so it is if nothing is given.")
@click.option("--reason", metavar="CODE", help="A reason code of Chargebee's.")
@unasked
def schedule(subscription: str, on: datetime | None, at_term_end: bool, reason: str | None, yes: bool) -> None:
    """Have Chargebee end a subscription, at the end of its term or with a day to come."""
    from tasks import requests

    if on and at_term_end:
        raise click.UsageError("--on or --at-term-end: one of them.")
    day = on.date() if on else None
    ask_for(
        lambda gateway, rules, now: requests.schedule_cancellation(
            gateway, rules, now, subscription, on=day, reason=reason
        ),
        yes=yes,
    )


@command.command()
@click.argument("subscription")
@unasked
def withdraw(subscription: str, yes: bool) -> None:
    """Keep a subscription that was to end."""
    from tasks import requests

    ask_for(lambda gateway, rules, _: requests.withdraw_cancellation(gateway, rules, subscription), yes=yes)


@command.command()
@click.option("--on", type=click.DateTime(("%Y-%m-%d",)), metavar="DATE", required=True, help="The date of the ends.")
@unasked
def run(on: datetime, yes: bool) -> None:
    """Carry out what was to end on a date, has come, and was not carried out by Chargebee.

    Chargebee does so itself, so there is nothing to run unless it failed to. None is run early.
    """
    from tasks import requests

    due = select(Cancellation.subscription_id).where(
        Cancellation.state == "scheduled", Cancellation.effective_on == on.date()
    )
    failed = False
    with reading() as (settings, engine, gateway, rules):
        with transaction(engine) as session:
            now, ids = clock.now(session), sorted(session.scalars(due))
        for id in ids:
            try:
                intend(settings, engine, requests.run_cancellation(gateway, rules, now, id), yes=yes)
            except (NeedsAttention, NotYet) as reason:
                failed = True
                note(harmless(f"{reason}."))
    if not ids:
        say(f"Nothing is left to be carried out of {on.date()}.")
    if failed:
        raise Problem("not all of them were queued")
