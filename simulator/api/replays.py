"""Idempotency keys: the answer to a POST is kept for thirty minutes of the site's time, and given again.

A refusal is kept like any other answer, so that a caller who tries again under the same key hears it again: whether
the provider does so is not documented, and this is the harder way. What came at a bad moment (429, or a fault that
struck before anything was done) leaves the key free.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response

from ..state import Refused
from .errors import wrong

LIVES = timedelta(minutes=30)
KEPT = 10_000
HEADER = "chargebee-idempotency-key"
REPLAYED = "chargebee-idempotency-replayed"


@dataclass(frozen=True, slots=True)
class Kept:
    request: bytes
    at: datetime
    status: int
    body: bytes


class Replays:
    """The answers given lately, by key: at most 10,000, of which the oldest goes first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def once(self, key: str | None, request: bytes) -> Iterator[Turn]:
        """The turn of one request: its earlier answer, if there is one, or the place to keep the one it gets."""
        turn = Turn()
        if key is None:
            yield turn
            return
        if not 1 <= len(key) <= 100:
            raise wrong(HEADER, "should be 1 to 100 characters long")
        with self._lock:
            turn.earlier = self._find(key, request)
            if turn.earlier is None:
                self._running.add(key)
        try:
            yield turn
        finally:
            with self._lock:
                if turn.earlier is None:
                    self._running.discard(key)
                if turn.answer is not None:
                    self._keep(key, request, turn.answer)

    def _find(self, key: str, request: bytes) -> Response | None:
        if key in self._running:
            raise Refused(
                f"a request with the idempotency key {key} is still being carried out: try again",
                code="lock_timeout",
                status=429,
            )
        kept = self._kept.get(key)
        if kept is None or self._now() - kept.at >= LIVES:
            return None
        if kept.request != request:
            raise Refused(
                f"the idempotency key {key} was used for another request: a new request needs a new key",
                code="unable_to_process_request",
                status=422,
            )
        return Response(kept.body, kept.status, {REPLAYED: "true"}, mimetype="application/json")

    def _keep(self, key: str, request: bytes, answer: Response) -> None:
        self._kept.pop(key, None)
        self._kept[key] = Kept(request, self._now(), answer.status_code, answer.get_data())
        while len(self._kept) > KEPT or self._now() - next(iter(self._kept.values())).at >= LIVES:
            self._kept.popitem(last=False)


class Turn:
    """One request under an idempotency key: what was answered before, or what is to be kept."""

    earlier: Response | None = None
    answer: Response | None = None
