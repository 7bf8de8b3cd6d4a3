"""What was done to a site, written down as it is done: done again in order, it brings the site back after a restart.

A site does the same when the same is done to it at the same instants, down to the ids. So a line holds the instant,
what was done, and how far the site's events went afterwards: a site that has learnt to do otherwise since is found out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .site import Site

MOVED = "clock"  # the kind of a line that says only how far the clock has come


class Strayed(Exception):
    """What the journal says does not lead where it led before."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done. `kind` says who knows how to do it again, with `what`."""

    at: datetime
    kind: str
    what: list[Any]
    events: int
    last_event: str | None


class Journal:
    """A file that grows by one line for everything that was done to a site."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site: Site | None = None  # whose doings are written down; none while they are done again

    def lines(self) -> Iterator[Line]:
        """Everything that was written down. A last line that is not whole was never heard of by anybody."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for text in file:
                if text.endswith(b"\n"):
                    at, *rest = json.loads(text)
                    yield Line(datetime.fromisoformat(at), *rest)

    def begin(self, site: Site) -> None:
        """Write down from now on what is done to this site."""
        self._drop_what_is_not_whole()
        self.site = site

    def note(self, kind: str, *what: Any) -> None:
        """Write one line, at the site's now. To be called under the site's lock, before anybody can hear of it."""
        if self.site is None:
            return
        events, last = _standing(self.site)
        line = json.dumps([self.site.now.isoformat(), kind, what, events, last], ensure_ascii=False)
        with os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(line + "\n")

    def again(self, site: Site, **doers: Callable[..., object]) -> dict[str, int]:
        """Do everything again, each thing at its instant, and say how much of each kind that was.

        Raises:
            Strayed: the site does otherwise today.
        """
        done = dict.fromkeys(doers, 0)
        for number, line in enumerate(self.lines(), start=1):
            if line.at > site.now or line.kind == MOVED:  # what is due at an instant may come after what is done at it
                site.advance_to(line.at)
            if line.kind in doers:
                doers[line.kind](*line.what)
                done[line.kind] += 1
            if _standing(site) != (line.events, line.last_event):
                raise Strayed(
                    f"line {number} of {self.path} ({line.kind}) leads elsewhere than it did when it was written"
                )
        return done

    def _drop_what_is_not_whole(self) -> None:
        if self.path.exists():
            content = self.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(self.path, whole)


def _standing(site: Site) -> tuple[int, str | None]:
    """How far a site's events go: how many there are, and the last one's id."""
    records = site.event_records
    return len(records), records[-1].id if records else None
