"""`quittance emails`: what was told to customers, and what is still to be."""

from __future__ import annotations

import click

from .outbox import STATES, list_rows
from .output import as_json, limited


@click.group()
def command() -> None:
    """Mail: to come, sent, held."""


@command.command("list")
@click.option("--state", type=click.Choice(STATES), help="Those in this state only.")
@limited
@as_json
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """E-mails, the newest first. A held one may have arrived: a person decides (`outbox release`)."""
    list_rows("emails", [state] if state else STATES, kind="email", limit=limit, as_json=as_json)
