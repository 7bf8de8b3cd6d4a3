"""What a chapter of the tale is told with: the world outside, and what can be asked of the product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator import Site
from simulator.api.traffic import Limits
from tests.builders import Body

NOBODY = "nobody@test1234.example"  # there is no such mailbox


@dataclass(frozen=True)
class Ask:
    """Something that is asked of the product. What a person did, they look at before they do it again: `undone`."""

    what: str
    given: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    undone: str | None = None  # a question to the database: is it still to be done?


WORK = Ask("work")


@dataclass(frozen=True)
class Chapter:
    """A part of the tale: what happens outside between one thing asked of the product and the next."""

    name: str
    told: Callable[[Scene], Iterator[Ask]]
    environ: Mapping[str, str] = field(default_factory=dict)


class Scene:
    """What a chapter is told with."""

    def __init__(
        self, site: Site, limits: Limits, rows: Callable[..., list[Any]], time_goes_by: Callable[[], None]
    ) -> None:
        """`rows` asks the database; `time_goes_by` ends every lease and pause."""
        self.site, self.limits, self.rows, self.time_goes_by = site, limits, rows, time_goes_by
        self._told = 0

    def news(self) -> Ask:
        """Chargebee's webhooks of what happened since the last ones, at the time of it."""
        self.now(self.site.now)
        bodies = list(self.site.events)[self._told :]
        self._told += len(bodies)
        return post(*bodies)

    def silence(self) -> None:
        """No webhook tells of what happened since the last ones."""
        self.now(self.site.now)
        self._told = len(self.site.events)

    def now(self, instant: datetime) -> None:
        """The business clock stands there, and goes on."""
        self.rows(
            "insert into business_clock (only_row, ahead) values (true, %s - now())"
            " on conflict (only_row) do update set ahead = excluded.ahead",
            instant,
        )


def post(*bodies: Body, to: str = "/webhooks/chargebee") -> Ask:
    return Ask("post", [list(bodies), to])


def task(name: str) -> Ask:
    return Ask("task", [name])


def command(*arguments: str, undone: str | None = None) -> Ask:
    return Ask("command", arguments, undone=undone)
