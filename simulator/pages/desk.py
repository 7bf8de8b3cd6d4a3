"""What the pages stand on: the simulation, the deeds that were done from them, and who is told of each."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from ..simulation import Simulation
from ..site import Site
from ..state import Body, Refused
from .deeds import DEEDS, Deed, Done
from .forms import read
from .show import Show

REMEMBERED = 50  # deeds whose sentences can still be shown
Form = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Told:
    """A deed that was done, and the events of the site that it made: those from place `first` to before `end`."""

    number: int
    deed: str
    done: Done
    first: int
    end: int


class Desk:
    """A simulation with people at it.

    `effects` says in words what a receiver made of an event: the site cannot know. `keep` is called with each deed
    that must be done again to bring the site back, before anybody can hear of it; `moved` when the clock may have
    moved. While `closed`, nothing can be done from the pages.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        merchant: str = "Logiciels Boréal inc.",
        effects: Callable[[str], Iterable[str]] | None = None,
        keep: Callable[[str, str, Form], object] = lambda deed, id, form: None,
        moved: Callable[[], object] = lambda: None,
    ) -> None:
        self.simulation = simulation
        self.merchant = merchant
        self.effects = effects
        self.keep = keep
        self.moved = moved
        self.closed = False
        self._told: OrderedDict[int, Told] = OrderedDict()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def site(self) -> Site:
        return self.simulation.site

    def do(self, deed: Deed, id: str, form: MultiDict[str, str], show: Show) -> Told:
        """Do what a form asks, and send what follows from it.

        Raises:
            Unreadable: some fields cannot be read.
            Refused: the site will not do it; nothing has changed.
        """
        with self.site.lock:
            values = read(deed.fields, form, self.site, show, self.subject(deed.kind, id))
            first = len(self.site.event_records)
            if deed.reach == "site":
                done = deed.act(self.simulation, id, values)
                self.keep(deed.name, id, form.to_dict(flat=False))
        if deed.reach != "site":  # the simulation is not to be asked under the site's lock
            done = deed.act(self.simulation, id, values)
        if deed.reach == "settings":
            with self.site.lock:
                self.keep(deed.name, id, form.to_dict(flat=False))
        if deed.reach == "moment":
            self.moved()
        self.simulation.send_due()
        return self._remember(deed, done, first)

    def again(self, name: str, id: str, form: Form) -> None:
        """Do a deed again that was kept. Nothing is sent."""
        deed = DEEDS[name]
        given: MultiDict[str, str] = MultiDict(form)
        show = Show("fr", self.site.zone)
        deed.act(self.simulation, id, read(deed.fields, given, self.site, show, self.subject(deed.kind, id)))

    def subject(self, kind: str, id: str) -> Body:
        """What a deed of this kind is done to, for the fields of its form.

        Raises:
            Refused: there is no such object.
        """
        if kind in ("customer", "subscription", "invoice"):
            return living(self.site, kind, id)
        if kind == "event":
            return self.site.event(id)
        if kind == "webhooks":
            return {"endpoints": self.simulation.endpoints, "chaos": self.simulation.chaos}
        if kind == "clock":
            return {"mode": self.simulation.clock_mode, "factor": self.simulation.factor}
        return {}

    def told(self, number: int) -> Told | None:
        """The deed of that number, while it is remembered."""
        with self._lock:
            return self._told.get(number)

    def latest(self, count: int) -> list[Told]:
        """What was done last, the newest first."""
        with self._lock:
            return list(reversed(self._told.values()))[:count]

    def _remember(self, deed: Deed, done: Done, first: int) -> Told:
        with self._lock:
            told = Told(next(self._numbers), deed.name, done, first, len(self.site.event_records))
            self._told[told.number] = told
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            return told


def living(site: Site, kind: str, id: str) -> Body:
    """An object that is not deleted.

    Raises:
        Refused: there is none.
    """
    body = site.current(kind, id)
    if body["deleted"]:
        raise Refused(f"{id} not found", code="resource_not_found", status=404)
    return body
