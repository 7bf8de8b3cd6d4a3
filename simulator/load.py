"""Sending many events of the past to a receiver at a bounded rate, and what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .deliveries import Deliveries
from .simulation import Simulation
from .webhooks import Attempt

_BATCH = 200


class Pace:
    """Lets so many through a second, from however many threads."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._step = 1 / rate
        self._clock, self._sleep = clock, sleep
        self._next = clock()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Wait for one's turn. Time that nobody used is not made up for."""
        with self._lock:
            at = self._next = max(self._next + self._step, self._clock())
        self._sleep(max(0.0, at - self._clock()))


@dataclass(slots=True)
class Outcome:
    """What a load came to. Times are in milliseconds of real time; `lost` are events that every retry failed for."""

    events: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    retried: int = 0
    lost: int = 0
    seconds: float = 0.0
    p50: float | None = None
    p99: float | None = None
    answers: dict[str, int] = field(default_factory=dict)  # by status, or the kind of fault
    chaos: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0


def send(
    simulation: Simulation,
    events: int,
    rate: float,
    patience: float = 1,
    progress: Callable[[int], object] = lambda _count: None,
) -> Outcome:
    """Send the first so many events of a site, and their retries, at most `rate` a second but for bursts.

    Site time is not waited for: the past is gone through in its order, as fast as the rate lets it. At the very end,
    when only retries are left and all fail, the receiver has `patience` real seconds before each round to recover.
    `progress` is told of every event whose first go is over, or that was dropped.
    """
    deliveries = simulation.deliveries
    watch = deliveries.watch = _Watch(progress)
    start = time.monotonic()
    taken = deliveries.look_ahead(events)
    progress(len(deliveries.ledger.dropped))
    pace = Pace(rate)
    while not simulation.stopped:
        before = len(watch.seen), deliveries.counts["accepted"]
        if deliveries.send_next(_BATCH, pace) is None:
            break
        if (len(watch.seen), deliveries.counts["accepted"]) == before:
            time.sleep(patience)  # only retries are left, and all of them failed
    deliveries.watch = None
    return _outcome(deliveries, watch, taken, time.monotonic() - start)


class _Watch:
    """What is seen of the attempts, which several connections make at once."""

    def __init__(self, progress: Callable[[int], object]) -> None:
        self.took: list[float] = []
        self.answers: Counter[str] = Counter()
        self.seen: set[str] = set()
        self._progress = progress
        self._lock = threading.Lock()

    def __call__(self, attempt: Attempt) -> None:
        answer = attempt.answer
        with self._lock:
            self.took.append(1000 * answer.took)
            self.answers[str(answer.status or answer.fault.partition(":")[0].partition(" (")[0])] += 1
            if attempt.event_id not in self.seen:
                self.seen.add(attempt.event_id)
                self._progress(1)


def _outcome(deliveries: Deliveries, watch: _Watch, events: int, seconds: float) -> Outcome:
    counts, took = deliveries.counts, sorted(watch.took)
    return Outcome(
        events=events,
        sent=counts["attempts"],
        accepted=counts["accepted"],
        refused=counts["refused"],
        unanswered=counts["unanswered"],
        retried=counts["retried"],
        lost=counts["failed"],
        seconds=seconds,
        p50=_part(took, 0.5),
        p99=_part(took, 0.99),
        answers=dict(watch.answers.most_common()),
        chaos=deliveries.ledger.counts(),
    )


def _part(values: list[float], part: float) -> float | None:
    return values[int(part * (len(values) - 1))] if values else None
