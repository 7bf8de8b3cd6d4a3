"""What happens when: derivations by kind of object, handlers by event type, deliveries by kind of outbox row.

A module of this package registers what it has by decorating functions; there is no list to keep beside it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from models import Base

if TYPE_CHECKING:
    from .outbox import Delivery, Outcome
    from .world import World

Row = TypeVar("Row", bound=Base)
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Change:
    """What a merge did to one object: the row as it was (None: first seen) and as it is."""

    before: Base | None
    after: Base


_derivations: dict[type[Base], list[Callable[[World, Any, Change | None], None]]] = {}
_handlers: dict[str, Callable[[World, dict[str, Any]], None]] = {}
_deliveries: dict[tuple[str, str | None], Callable[[Delivery], Outcome]] = {}


def derives(model: type[Base]) -> Callable[[F], F]:
    """Derive something from each subject of this kind: `(world, row, change)`, in the order of modules and lines.

    `change` is None where the subject was touched through another object; `change.before` is None where it is new.
    The function is returned unchanged, so a test calls it directly.
    """

    def register(function: F) -> F:
        _derivations.setdefault(model, []).append(function)
        return function

    return register


def on(event_type: str) -> Callable[[F], F]:
    """Handle an event type that says what no snapshot shows: `(world, content)`. One handler a type."""

    def register(function: F) -> F:
        if event_type in _handlers:
            raise ValueError(f"{event_type} is handled by {_handlers[event_type].__qualname__} already")
        _handlers[event_type] = function
        return function

    return register


def delivers(kind: str, name: str | None = None) -> Callable[[F], F]:
    """Deliver outbox rows of this kind, or of this kind and name. Runs outside any transaction; safe to repeat."""

    def register(function: F) -> F:
        if (kind, name) in _deliveries:
            raise ValueError(
                f"{' '.join(filter(None, (kind, name)))} is delivered by {_deliveries[kind, name].__qualname__} already"
            )
        _deliveries[kind, name] = function
        return function

    return register


@cache
def load() -> None:
    """Import every module of this package, so that all have registered; derivations stand in the modules' order.

    Whoever imports some of them first, and in which order, must change nothing.
    """
    package = importlib.import_module(__package__)
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{__package__}.{module}")
    for functions in _derivations.values():
        functions.sort(key=lambda function: function.__module__)  # stable: lines keep their order


def derivations() -> dict[type[Base], list[Callable[[World, Any, Change | None], None]]]:
    load()
    return _derivations


def handler_of(event_type: str | None) -> Callable[[World, dict[str, Any]], None] | None:
    load()
    return _handlers.get(event_type or "")


def handlers() -> dict[str, Callable[[World, dict[str, Any]], None]]:
    load()
    return _handlers


def deliveries() -> dict[tuple[str, str | None], Callable[[Delivery], Outcome]]:
    load()
    return _deliveries


def delivery_of(kind: str, name: str) -> Callable[[Delivery], Outcome] | None:
    load()
    return _deliveries.get((kind, name)) or _deliveries.get((kind, None))
