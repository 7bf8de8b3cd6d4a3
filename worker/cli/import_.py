"""`quittance import`: the first day of an existing site."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from worker.settings import Settings

from .database import connected, ring
from .failures import Problem
from .output import as_json, counted, note, say, say_json

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gateway.client import Gateway
    from tasks.imports import Step

NOUNS = {"payment_source": "payment source", "credit_note": "credit note"}
PAGES_A_LINE = 10

dry_run = click.option("--dry-run", is_flag=True, help="Count only; nothing is written.")


@click.command()
@dry_run
@as_json
def command(dry_run: bool, as_json: bool) -> None:
    """Bring in everything that an existing Chargebee site has.

    Customers, payment sources, subscriptions, invoices, transactions and credit notes, read from the API within its
    limits. Nobody is told of what happened before. Interrupted, it goes on where it stopped; it may be repeated.
    """
    settings = Settings.read()
    with reading(settings) as (engine, gateway):
        from tasks import imports

        steps = imports.count_site(engine, gateway) if dry_run else imports.import_site(engine, gateway)
        told(settings, steps, dry_run=dry_run, as_json=as_json)


def since(*, required: bool) -> Callable[[Any], Any]:
    """An option: a date, or an instant with its zone."""

    def parse(ctx: click.Context, param: click.Parameter, value: str | None) -> date | datetime | None:
        if value is None:
            return None
        with suppress(ValueError):
            return date.fromisoformat(value)
        with suppress(ValueError):
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is not None:
                return instant
        raise click.BadParameter("it is neither 2026-01-31 nor 2026-01-31T15:00:00Z", ctx, param)

    said = "2026-01-31, in the site's time zone, or 2026-01-31T15:00:00Z."
    return click.option("--since", required=required, metavar="DATE", callback=parse, help=said)


def instant_of(since: date | datetime, settings: Settings) -> datetime:
    """The instant, UTC; of a date, when it begins where the site is."""
    if not isinstance(since, datetime):
        since = datetime.combine(since, time.min, ZoneInfo(settings.site_timezone))
    return since.astimezone(UTC)


@contextmanager
def reading(settings: Settings) -> Iterator[tuple[Engine, Gateway]]:
    """A database and an API for a long reading, which waits for its turn as long as it takes."""
    from billing.errors import NeedsAttention, NotYet
    from tasks.couriers import reader_of
    from worker import log

    log.configure(settings, level=logging.ERROR)
    with connected(settings.database_url) as engine:
        gateway = reader_of(settings, engine, patience=None)
        if gateway is None:
            raise Problem("no Chargebee API is configured; set CHARGEBEE_SITE and CHARGEBEE_API_KEY")
        try:
            yield engine, gateway
        except NotYet as reason:
            raise Problem(f"{reason}. What was read is kept; run this again.") from None
        except NeedsAttention as reason:
            raise Problem(f"{reason}. What was read is kept.") from None


def told(settings: Settings, steps: Iterator[Step], *, dry_run: bool, as_json: bool) -> None:
    """Read to the end and tell how it goes, on standard error; then what it came to, and ring for it."""
    listed, new = Counter[str](), Counter[str]()
    for kind, of_kind in groupby(steps, key=lambda step: step.kind):
        for step in _shown(kind, of_kind):
            listed[kind] += step.listed
            new[kind] += step.new
            if step.new and not dry_run and sum(new.values()) == step.new:
                ring(settings, "events")  # workers begin while more is read
    if any(new.values()) and not dry_run:
        ring(settings, "events")
    if as_json:
        say_json({"dry_run": dry_run, "listed": dict(listed), "new": dict(new)})
        return
    for kind in listed:
        would_be = "would be new" if dry_run else "new"
        say(f"{counted(listed[kind], NOUNS.get(kind, kind))}, {new[kind]} {would_be}")
    if not listed:
        say("Nothing to read.")


def _shown(kind: str, steps: Iterator[Step]) -> Iterator[Step]:
    """The same steps, shown as they come: a bar on a terminal, else a line every now and then."""
    name = NOUNS.get(kind, kind) + "s"
    if sys.stderr.isatty():
        yield from _with_a_bar(name, steps)
        return
    seen = 0
    for pages, step in enumerate(steps, start=1):
        seen += step.listed
        if pages % PAGES_A_LINE == 0:
            note(f"{name}: {seen} so far")
        yield step


def _with_a_bar(name: str, steps: Iterator[Step]) -> Iterator[Step]:
    """How many there are is not known before: the bar counts objects."""
    found: list[Step] = []

    def objects() -> Iterator[None]:
        for step in steps:
            found.append(step)
            yield from [None] * step.listed

    with click.progressbar(objects(), label=name, show_pos=True, show_eta=False, file=sys.stderr) as bar:
        for _ in bar:
            yield from _emptied(found)
    yield from _emptied(found)


def _emptied(found: list[Step]) -> list[Step]:
    steps = found[:]
    found.clear()
    return steps
