"""`quittance drain`: everything that is due, worked off in the foreground."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace

import click

from emails.senders import ConsoleSender
from tasks import clock
from tasks.couriers import couriers_of
from worker import log
from worker.settings import Settings

from .database import connected
from .output import as_json, counted, say, say_json


@click.command()
@as_json
def command(as_json: bool) -> None:
    """Work off everything that is due, here, and exit.

    Applies events, carries cancellations out, sends mail and makes calls, as the workers do and safely beside them.
    What waits for a later attempt is left to it.
    """
    settings = Settings.read()
    log.configure(settings, level=logging.WARNING)
    with connected(settings.database_url) as engine:
        couriers = couriers_of(settings, engine)
        if isinstance(couriers.sender, ConsoleSender):  # standard output is for the answer
            couriers = replace(couriers, sender=ConsoleSender(sys.stderr))
        done = clock.drain(engine, couriers)
    if as_json:
        say_json(done)
        return
    say(
        f"{counted(done['events'], 'event')} applied, "
        f"{counted(done['cancellations'], 'due cancellation')} looked at, "
        f"{counted(done['deliveries'], 'delivery', 'deliveries')} attempted."
    )
