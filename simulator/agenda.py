"""What will happen by itself, and when, in order."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from .versions import Key


class Due(NamedTuple):
    """One thing that will happen by itself. At one instant the lower rank goes first, then the lesser id."""

    at: int  # epoch seconds
    rank: int


class Agenda:
    """For each object the one thing that will happen to it next."""

    def __init__(self) -> None:
        self._due: dict[Key, Due] = {}
        self._heap: list[tuple[int, int, str, str]] = []

    def plan(self, key: Key, due: Due | None) -> None:
        """Say what will happen to an object, in place of what was said before; None for nothing."""
        if due == self._due.get(key):
            return
        if due is None:
            del self._due[key]
            return
        self._due[key] = due
        heapq.heappush(self._heap, (*due, key[1], key[0]))

    def first(self) -> tuple[Due, Key] | None:
        """What comes first, and to which object."""
        while self._heap:
            at, rank, id, kind = self._heap[0]
            if self._due.get((kind, id)) == (at, rank):
                return Due(at, rank), (kind, id)
            heapq.heappop(self._heap)  # it was planned otherwise since
        return None

    def coming(self, count: int) -> list[tuple[Due, Key]]:
        """What comes first, the next `count` things, in order."""
        planned = ((*due, id, kind) for (kind, id), due in self._due.items())
        return [(Due(at, rank), (kind, id)) for at, rank, id, kind in heapq.nsmallest(count, planned)]
