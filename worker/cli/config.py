"""`quittance config`: the settings in effect, without their secrets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import click

from worker.settings import Setting, Settings, table

from .output import Column, as_json, say_json, say_table

HIDDEN = "***"


@click.group()
def command() -> None:
    """Settings as they are in effect."""


@command.command()
@as_json
def show(as_json: bool) -> None:
    """Every setting with its value; secrets are masked."""
    rows = [
        {"name": line.name, "value": shown(line, value), "secret": line.secret, "meaning": line.meaning}
        for line, value in effective(Settings.read())
    ]
    if as_json:
        say_json({"settings": rows})
        return
    columns = [Column("setting", whole=True, colours={}), Column("value", colours={})]
    say_table(columns, [(row["name"], row["value"]) for row in rows])


def effective(settings: Settings) -> Iterator[tuple[Setting, Any]]:
    """Each line of the table of settings with its value."""
    values: list[Any] = []
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            values += [getattr(value, part.name) for part in dataclasses.fields(value)]
        else:
            values.append(value)
    return zip(table(), values, strict=True)


def shown(setting: Setting, value: Any) -> str | None:
    """A value as text; None where there is none. Of a secret URL its host is shown, of credentials the users."""
    if value is None or value == "" or value == () or value == frozenset():
        return None
    if setting.name == "WEBHOOK_CREDENTIALS":
        return ", ".join(f"{user}:{HIDDEN}" for user, _ in value)
    if setting.secret:
        return _url(value) if isinstance(value, str) and "://" in value else HIDDEN
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 86400:g} days"
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value)) if isinstance(value, frozenset) else map(str, value))
    return str(value)


def _url(url: str) -> str:
    """The URL with its password, and whatever its parameters say, masked."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0] + f":{HIDDEN}" if ":" in user else user
    query = re.sub(r"=[^&]*", f"={HIDDEN}", parts.query)
    return parts._replace(netloc=f"{user}{at}{host}", query=query, fragment="").geturl()
