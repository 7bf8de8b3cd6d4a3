"""Asking for a write to Chargebee: read live, say in one sentence what will happen, and write the intent down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click
from sqlalchemy import Engine

from billing.errors import NeedsAttention, NotYet
from models import clock
from models.session import transaction
from worker.settings import Settings

from .database import connected, ring, whoever_runs_this
from .failures import Problem
from .output import called, harmless, say

if TYPE_CHECKING:
    from gateway.client import Gateway
    from tasks.requests import Request
    from tasks.world import Rules

Ask = Callable[["Gateway", "Rules", datetime], "Request"]

unasked = click.option("--yes", is_flag=True, help="Do not ask.")


def ask_for(request: Ask, *, yes: bool) -> None:
    """Have a request decided, agreed to, and written down for the workers.

    Raises:
        Problem: it cannot be; nothing was written.
    """
    with reading() as (settings, engine, gateway, rules):
        intend(settings, engine, request(gateway, rules, _now(engine)), yes=yes)


@contextmanager
def reading() -> Iterator[tuple[Settings, Engine, Gateway, Rules]]:
    """What a request is decided with. What forbids it is told as a problem of whoever asks."""
    from tasks.couriers import reader_of, rules_of

    settings = Settings.read()
    with connected(settings.database_url) as engine:
        gateway = reader_of(settings, engine, patience=10)
        if gateway is None:
            raise Problem("no Chargebee API is configured; set CHARGEBEE_SITE and CHARGEBEE_API_KEY, then ask again")
        try:
            yield settings, engine, gateway, rules_of(settings)
        except (NeedsAttention, NotYet) as reason:
            raise Problem(harmless(f"{reason}. Nothing was written.")) from reason


def intend(settings: Settings, engine: Engine, request: Request, *, yes: bool) -> None:
    from tasks import writes

    if yes:
        say(harmless(request.says))
    else:
        click.confirm(harmless(f"{request.says} Do it?"), abort=True, err=True)
    with transaction(engine) as session:
        key = writes.intend(session, request, by=whoever_runs_this()).key
    ring(settings, "provider")
    say(harmless(f"It is queued. What became of it: {called(f'outbox show {key}')}"))


def _now(engine: Engine) -> datetime:
    with transaction(engine) as session:
        return clock.now(session)
