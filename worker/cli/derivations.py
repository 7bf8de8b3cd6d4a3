"""`quittance derivations`: what happens to a subject, and in what order, on one screen."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import click

from tasks import registry

from .output import Column, as_json, heading, say_json, say_table

Line = dict[str, str]


@click.command()
@as_json
def command(as_json: bool) -> None:
    """What follows from each kind of object, in order; events with a handler of their own; who delivers what."""
    derived = {
        model.__tablename__.removesuffix("s"): [_line(each) for each in functions]
        for model, functions in registry.derivations().items()
    }
    handled = {event_type: _line(handler) for event_type, handler in sorted(registry.handlers().items())}
    delivered = {
        " ".join(filter(None, key)): _line(delivery)
        for key, delivery in sorted(registry.deliveries().items(), key=lambda each: (each[0][0], each[0][1] or ""))
    }
    if as_json:
        say_json({"derivations": derived, "handlers": handled, "deliveries": delivered})
        return
    for kind, lines in derived.items():
        _print(kind.replace("_", " ").capitalize(), {str(place): line for place, line in enumerate(lines, start=1)})
    if handled:
        _print("Events that say what no object shows", handled)
    _print("Deliveries, by what the outbox holds", delivered)


def _line(function: Callable[..., Any]) -> Line:
    return {
        "name": f"{function.__module__}.{function.__qualname__}",
        "does": (inspect.getdoc(function) or "").partition("\n")[0],
    }


def _print(title: str, lines: Mapping[str, Line]) -> None:
    heading(title)
    columns = [Column("", whole=True), Column("what", whole=True)]
    cells = [(first, line["name"].removeprefix("tasks.")) for first, line in lines.items()]
    say_table(columns, cells, notes=[line["does"] for line in lines.values()])
