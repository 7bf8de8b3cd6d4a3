"""`quittance reconcile`: what webhooks did not bring."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import date, datetime

import click

from tasks import comparison, reconcile
from worker.settings import Settings

from .database import looking, ring
from .import_ import instant_of, reading, since
from .output import Column, as_json, called, cell, counted, heading, note, say, say_facts, say_json, say_table


@click.group()
def command() -> None:
    """What webhooks did not bring: look for it, count it."""


@command.command()
@as_json
def events(as_json: bool) -> None:
    """Read Chargebee's list of events now, from where it was last read.

    The workers do the same every ten minutes. What no webhook had brought is taken in as if it had; safe to repeat.
    """
    settings = Settings.read()
    with reading(settings) as (engine, gateway):
        listed = reconcile.reconcile_now(engine, gateway, ring=lambda: None)
    if listed.new:
        ring(settings, "events")
    if as_json:
        say_json({"events": listed.events, "new": listed.new})
    else:
        say(f"{counted(listed.events, 'event')} looked at, {listed.new} of them new.")


@command.command()
@since(required=False)
@as_json
def objects(since: date | datetime | None, as_json: bool) -> None:
    """Compare the mirror with Chargebee now: live subscriptions, open invoices, customers.

    The workers do the same every night. What differs is merged, and becomes a finding. With --since only what changed
    after it is compared, which is quicker and does not see what is gone.
    """
    settings = Settings.read()
    listed, different = Counter[str](), Counter[str]()
    with reading(settings) as (engine, gateway):
        after = instant_of(since, settings) if since else None
        for step in comparison.compare_now(engine, gateway, since=after):
            listed[step.kind] += step.listed
            different[step.kind] += step.different
    if any(different.values()):
        ring(settings, "events")
    if as_json:
        say_json({"listed": dict(listed), "different": dict(different)})
        return
    for kind in listed:
        say(f"{counted(listed[kind], kind)} looked at, {different[kind]} different")
    if any(different.values()):
        note(f"{called('findings list')} shows what differed.")


@command.command()
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True, metavar="N", help="So many days.")
@as_json
def report(days: int, as_json: bool) -> None:
    """How many webhooks were missed this week, by day and type.

    An event counts that was found on Chargebee's list and whose webhook did not come within ten minutes after.
    """
    with looking(Settings.read()) as session:
        found = reconcile.report(session, days=days)
    if as_json:
        say_json({"days": days} | asdict(found))
        return
    say_facts(
        {
            f"missed in {counted(days, 'day')}": found.missed,
            "of these came late": found.late,
            "may still come": found.waiting,
            "list read up to (UTC)": found.watermark,
            "last read to its end (UTC)": found.read_at,
        }
    )
    if found.problem:
        note(f"The last page could not be read: {cell(found.problem)}")
    if found.watermark is None:
        note(f"The list of events was never read: a worker does it where an API is configured ({called('doctor')}).")
    for title, counts in (("day", found.by_day), ("type", found.by_type)):
        if counts:
            heading(f"By {title}")
            say_table([Column(title, whole=True), Column("missed", right=True)], list(counts.items()))
