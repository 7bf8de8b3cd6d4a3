"""What goes wrong between the site and its receivers on purpose: by rate, or by a person's command.

Every decision depends on the seed and the event's id alone, so that a run can be had again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

# What a single sending may suffer. The first two fail and are retried as any failure is; the others reach the receiver
# under the id of an event that it has already taken, and must change nothing there.
CUT = "cut"
CREDENTIALS = "credentials"
V1 = "v1"
ALTERED = "altered"
SPOILED = (CUT, CREDENTIALS)
AFTERWARDS = (V1, ALTERED)
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 360, 1440, 2880))


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen to one event on its way."""

    dropped: bool = False
    late_by: timedelta = timedelta(0)
    copies: int = 0  # sent besides the one that is due
    again_by: timedelta = timedelta(0)  # how much later it is sent once more
    places: int = 0  # by how many others it is overtaken
    spoiled: str | None = None  # how its first sending fails
    afterwards: tuple[str, ...] = ()  # what is sent once it has been accepted
    starts_burst: bool = False

    def tricks(self) -> Iterator[tuple[str, str]]:
        """What is done, and in which measure, for the ledger."""
        if self.dropped:
            yield "drop", ""
            return
        if self.late_by:
            yield "delay", str(self.late_by)
        if self.copies:
            yield "duplicate", f"{self.copies + 1} times"
        if self.again_by:
            yield "again", str(self.again_by)
        if self.places:
            yield "reorder", f"up to {self.places} places later"
        if self.spoiled:
            yield self.spoiled, ""
        yield from ((trick, "") for trick in self.afterwards)
        if self.starts_burst:
            yield "burst", ""


NOTHING = Plan()


def _rate(meaning: str) -> float:
    value: float = field(default=0.0, metadata={"meaning": meaning})
    return value


@dataclass(frozen=True, slots=True)
class Chaos:
    """How often each thing goes wrong: the part of all events that suffer it, from 0 to 1."""

    seed: int = 1
    duplicate: float = _rate("sent two or three times")
    again: float = _rate("sent once more, a minute to two days of site time later")
    reorder: float = _rate("overtaken by up to 20 others that go at the same time")
    delay: float = _rate("sent a minute to two days of site time later")
    drop: float = _rate("never sent, though the site says it was")
    cut: float = _rate("the connection ends in the middle of the body; retried")
    credentials: float = _rate("sent with a wrong password; retried")
    v1: float = _rate("sent again as api_version v1")
    altered: float = _rate("sent again under the same id with another body")
    burst: float = _rate("it and all that follow within ten minutes of site time are held, then go at once")

    def __post_init__(self) -> None:
        for name in rates():
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name):g}: a rate is from 0 to 1")

    @classmethod
    def parse(cls, text: str, seed: int = 1) -> Chaos:
        """From text such as `duplicate=0.3,drop=0.1`.

        Raises:
            ValueError: naming what is wrong, and what there is.
        """
        given: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, rate = part.partition("=")
            if name not in rates():
                raise ValueError(f"{name!r} is nothing that can go wrong here; there is {', '.join(rates())}")
            try:
                given[name] = float(rate)
            except ValueError:
                raise ValueError(f"{part!r}: write a rate from 0 to 1, as in {name}=0.1") from None
        return cls(seed, **given)

    def plan(self, event_id: str) -> Plan:
        """What happens to this event, the same each time."""
        if not any(getattr(self, name) for name in rates()):
            return NOTHING

        def hit(name: str) -> bool:
            rate: float = getattr(self, name)
            return bool(rate) and self._dice(name, event_id) < rate

        def measure(name: str, count: int) -> int:
            return int(self._dice(f"how much {name}", event_id) * count)

        def delayed(name: str) -> timedelta:
            return DELAYS[measure(name, len(DELAYS))] if hit(name) else timedelta(0)

        if hit("drop"):
            return Plan(dropped=True)
        return Plan(
            late_by=delayed("delay"),
            copies=1 + measure("duplicate", 2) if hit("duplicate") else 0,
            again_by=delayed("again"),
            places=1 + measure("reorder", 20) if hit("reorder") else 0,
            spoiled=next((trick for trick in SPOILED if hit(trick)), None),
            afterwards=tuple(trick for trick in AFTERWARDS if hit(trick)),
            starts_burst=hit("burst"),
        )

    def _dice(self, what: str, event_id: str) -> float:
        digest = hashlib.blake2b(f"{self.seed} {what} {event_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def __str__(self) -> str:
        """As `parse` reads it."""
        return ",".join(f"{name}={getattr(self, name):g}" for name in rates() if getattr(self, name))


def rates() -> dict[str, str]:
    """Everything that can go wrong by rate, with what it means."""
    return _RATES


_RATES = {each.name: each.metadata["meaning"] for each in fields(Chaos) if each.metadata}


@dataclass(frozen=True, slots=True)
class Misdeed:
    """One thing that was done to an event, at an instant of the site's clock."""

    event_id: str
    trick: str
    measure: str
    at: datetime


class Ledger:
    """What chaos did to which event, whole: a test of reconciliation compares with it."""

    def __init__(self) -> None:
        self.misdeeds: list[Misdeed] = []
        self._by_event: dict[str, list[Misdeed]] = {}

    def add(self, event_id: str, trick: str, measure: str, at: datetime) -> None:
        misdeed = Misdeed(event_id, trick, measure, at)
        self.misdeeds.append(misdeed)
        self._by_event.setdefault(event_id, []).append(misdeed)

    def of(self, event_id: str) -> list[Misdeed]:
        return list(self._by_event.get(event_id, ()))

    def events(self, trick: str) -> list[str]:
        """The ids of the events that suffered this, in the order they did."""
        return [misdeed.event_id for misdeed in self.misdeeds if misdeed.trick == trick]

    @property
    def dropped(self) -> list[str]:
        return self.events("drop")

    def counts(self) -> dict[str, int]:
        """How often each thing was done; only what was done at all."""
        done = Counter(misdeed.trick for misdeed in self.misdeeds)
        return {trick: done[trick] for trick in rates() if done[trick]}
