"""`quittance db`: the schema of the database, by the migrations that come with this version."""

from __future__ import annotations

from importlib import resources
from typing import Any

import click
from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from worker.settings import read_database_url

from . import rights
from .database import connected
from .failures import Problem
from .output import as_json, called, say, say_facts, say_json


@click.group()
def command() -> None:
    """The schema of the database."""


@command.command()
def upgrade() -> None:
    """Bring the schema to what this version works with. Safe to run again."""
    database_url = read_database_url()
    with connected(database_url) as engine:
        before = current(engine)
    if before == head():
        say(f"The schema is at {before} already.")
    else:
        try:
            alembic.upgrade(_config(database_url), "head")
        except CommandError as refused:
            raise Problem(f"{refused}: the database was made by a newer version; run that one") from refused
        say(f"The schema is at {head()}" + (f" now, it was at {before}." if before else " now, it was empty."))
    # Where nothing was new as well: what granted after the last upgrade may have been ended before it did.
    with connected(database_url) as engine, engine.begin() as connection:
        for role in rights.served(connection):
            rights.grant(connection, role)
            say(f"Role {role} may use what is new.")


@command.command()
@click.argument("role")
def grant(role: str) -> None:
    """Let a second role run everything but the schema: it adds to the ledgers, and can change nothing there.

    Run it as the role that owns the tables, once: `db upgrade` grants what a later version adds. DATABASE_URL of
    every process then names the second role, and that of `db upgrade` the owner.
    """
    with connected(read_database_url()) as engine, engine.begin() as connection:
        try:
            ledgers = rights.grant(connection, role)
        except rights.Pointless as reason:
            raise Problem(str(reason)) from None
    say(f"Role {role} may read and write every table, and only add to {', '.join(ledgers)}.")


@command.command()
@as_json
def status(as_json: bool) -> None:
    """Where the schema is, and where this version wants it."""
    with connected(read_database_url()) as engine:
        facts: dict[str, Any] = {"current": current(engine), "head": head()}
    facts["at_head"] = facts["current"] == facts["head"]
    if as_json:
        say_json(facts)
        return
    told = "at head" if facts["at_head"] else "behind"
    say_facts({"current": facts["current"] or "none", "head": facts["head"], "state": told})
    if not facts["at_head"]:
        say(f"Run: {called('db upgrade')}")


def current(engine: Engine) -> str | None:
    """The revision the database is at; None where it is empty."""
    with engine.connect() as connection:
        return ", ".join(sorted(MigrationContext.configure(connection).get_current_heads())) or None


def head() -> str:
    """The revision this version works with."""
    return ", ".join(sorted(ScriptDirectory.from_config(_config()).get_heads()))


def _config(database_url: str = "") -> Config:
    config = Config(str(resources.files("migrations") / "alembic.ini"))
    config.attributes["url"] = database_url
    return config
