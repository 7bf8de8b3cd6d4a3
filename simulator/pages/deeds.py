"""What a person can do to the site from its pages: how a deed is described, and which are offered when.

A deed is one POST. Its words (`deed.NAME`, `hint.NAME`, `done.NAME`) stand in the catalogue; the deeds themselves in
customers.py, subscriptions.py, invoices.py and clock.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..simulation import Simulation
from ..site import Site
from ..state import Body
from .forms import Field, Values
from .show import Fact

# What a deed touches: objects of the site, or settings of the simulation (both are done again when the site is brought
# back from its journal), or only this moment: the clock, and webhooks on their way.
Reach = Literal["site", "settings", "moment"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a deed did: the facts of its sentence, and the object whose page is shown next.

    `also` are sentences of the catalogue that come after it, with the same facts.
    """

    kind: str
    id: str
    facts: dict[str, Fact] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a person can do to an object of a kind; a kind of its own where it needs no object, as `new`."""

    name: str
    kind: str
    act: Callable[[Simulation, str, Values], Done]
    fields: tuple[Field, ...] = ()
    offered: Callable[[Site, Body], bool] = lambda site, body: True
    final: bool = False  # it takes something away: shown apart from the others
    reach: Reach = "site"


DEEDS: dict[str, Deed] = {}
SiteAct = Callable[[Site, str, Values], Done]


def on_site(act: SiteAct) -> Callable[[Simulation, str, Values], Done]:
    """A deed that needs nothing but the site."""
    return lambda simulation, id, values: act(simulation.site, id, values)


def add(deed: Deed) -> None:
    """Put a deed on the pages."""
    if deed.name in DEEDS:
        raise ValueError(f"two deeds are called {deed.name}")
    DEEDS[deed.name] = deed


def offered(site: Site, kind: str, body: Body) -> list[Deed]:
    """What can be done to an object as it now stands, what takes something away last."""
    found = [deed for deed in DEEDS.values() if deed.kind == kind and deed.offered(site, body)]
    return sorted(found, key=lambda deed: deed.final)


def choice(name: str, *values: str, default: str | None = None) -> Field:
    """A choice among values whose words are `option.NAME.VALUE`."""
    return Field(
        name,
        "choice",
        required=True,
        options=lambda site, show, body: [(value, show.words(f"option.{name}.{value}")) for value in values],
        default=lambda site, show, body: default or values[0],
    )
