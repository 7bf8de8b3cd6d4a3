"""What keeps callers from a site: how many requests a minute and at once, and another write on the same customer.

Limits count real time: they are the network's, and callers wait for them in real time whatever the site's clock does.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..state import Refused


class TooMany(Refused):
    """A limit of requests is reached; `retry_after` says for how many seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message, code="api_request_limit_exceeded", status=429)
        self.retry_after = retry_after


class Limits:
    """How many requests a site takes: 150 a minute, as a test site, and so many at once. Both may be set at any time.

    A minute begins with the first request after the last one was over, as a fixed window: which kind the provider has
    is not documented. How many requests it takes at once is not either; ten are few enough to be met.
    """

    def __init__(
        self, per_minute: int = 150, at_once: int = 10, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self.at_once = at_once
        self._clock = clock
        self._lock = threading.Lock()
        self._minute_began = -60.0
        self._seen = 0
        self._running = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request while it lasts, or refuse it."""
        self._begin()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _begin(self) -> None:
        with self._lock:
            now = self._clock()
            if now - self._minute_began >= 60:
                self._minute_began, self._seen = now, 0
            self._seen += 1
            if self._seen > self.per_minute:
                wait = max(1, math.ceil(60 - (now - self._minute_began)))
                raise TooMany(f"more than {self.per_minute} requests in a minute: wait {wait} seconds", wait)
            if self._running >= self.at_once:
                raise TooMany(f"more than {self.at_once} requests at once: wait a second", 1)
            self._running += 1


class Customers:
    """One write at a time on a customer: a second one is refused with `lock_timeout`, which may be tried again.

    The provider waits for a while before it refuses; this site does not wait, which callers meet more often. `spurious`
    is the share of writes that are refused although nobody else writes; the same seed refuses the same ones.
    """

    def __init__(self, seed: int = 1, spurious: float = 0.0) -> None:
        self.spurious = spurious
        self._dice = random.Random(f"{seed} lock timeouts")
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @contextmanager
    def writing(self, customer_id: str | None) -> Iterator[None]:
        """Hold a customer while it is written to. None: the write is on no customer that is there yet."""
        if customer_id is None:
            yield
            return
        with self._lock:
            if customer_id in self._busy or (self.spurious and self._dice.random() < self.spurious):
                raise Refused(
                    f"another request is changing customer {customer_id} or what belongs to it: try again",
                    code="lock_timeout",
                    status=429,
                )
            self._busy.add(customer_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(customer_id)
