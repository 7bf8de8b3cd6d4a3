"""A worker's pulse: every fifteen seconds it sends a task to a queue of its own, and sees whether it is given any work.

A worker can hold its connection and answer `inspect ping`, and yet be given nothing any more. One that finds itself so
says it loudly and ends, so that whoever runs it starts it anew. That the broker or the database is away is no reason
to: what cannot be published proves nothing, and a task that was begun and failed proves that work arrives.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from celery.worker import state
from kombu.entity import Queue

from .doorbell import producer_of, publish, release
from .settings import Settings

PERIOD = 15.0
SILENCE = 45.0  # seconds without work, although it was asked for, until an idle worker is taken for deaf
BUSY_SILENCE = 75.0  # while tasks run: the longest is stopped after 60, and then there must be a next
GRACE = 75.0  # for those that run to end well
_LONGEST = 60.0  # seconds that a task may take
_LEAVE = 10.0  # for a stop in good order, once nothing runs; with the longest task less than what runners give
_LOOK = 5.0
_FAILURE = 1

TASK = "tasks.pulse"

log = structlog.get_logger(__name__)


def queue_of(worker: str) -> Queue:
    """The queue that only this worker listens to; RabbitMQ drops it an hour after the worker is gone."""
    name = f"{worker}.dq"
    return Queue(name, routing_key=name, expires=3600)  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Hearing:
    """What a worker knows of its own hearing. Instants are of a clock that only moves on."""

    asked_at: float | None = None  # the first question since a task was begun
    begun: int = 0
    looked_at: float | None = None

    def asked(self, now: float, *, published: bool) -> None:
        """A pulse was sent, or could not be: then nothing can be expected."""
        if not published:
            self.asked_at = None
        elif self.asked_at is None:
            self.asked_at = now

    def is_deaf(self, now: float, begun: int, *, busy: bool) -> bool:
        """Should a task have been begun by now? `begun`: how many were, ever."""
        slept = self.looked_at is not None and now - self.looked_at > 2 * _LOOK  # frozen: give it time to catch up
        self.looked_at = now
        if begun != self.begun or slept:
            self.begun, self.asked_at = begun, None
        return self.asked_at is not None and now - self.asked_at >= (BUSY_SILENCE if busy else SILENCE)


class Pulse(threading.Thread):
    """The timer of one worker, in its parent process."""

    def __init__(self, settings: Settings, worker: str, say_goodbye: Callable[[], None]) -> None:
        super().__init__(name="pulse", daemon=True)
        self._settings = settings
        self._worker = worker
        self._say_goodbye = say_goodbye
        self._hearing = Hearing()
        self._stopping: queue.SimpleQueue[None] = queue.SimpleQueue()  # an Event waits for ever in a nested signal
        self._producer: Any = None
        self._sent_at = -PERIOD

    def stop(self) -> None:
        self._stopping.put(None)

    def run(self) -> None:
        while True:
            now = time.monotonic()
            if self._hearing.is_deaf(now, state.all_total_count[0], busy=bool(state.active_requests)):
                return self._end()
            if now - self._sent_at >= PERIOD:
                self._sent_at = now
                self._hearing.asked(now, published=self._is_published())
            with suppress(queue.Empty):
                self._stopping.get(timeout=_LOOK)
                return self._leave()

    def _is_published(self) -> bool:
        try:
            if self._producer is None:
                self._producer = producer_of(self._settings.broker_url, self._settings.broker_key_prefix)
            publish(self._producer, queue_of(self._worker), TASK)
        except Exception as error:  # the broker is away, or hung: the consumer says so itself
            log.debug("no pulse could be sent", reason=type(error).__name__)
            self._hang_up()
            return False
        return True

    def _hang_up(self) -> None:
        producer, self._producer = self._producer, None
        release(producer)

    def _leave(self) -> None:
        """See that the process ends: Celery tries for ever to take leave of a broker that is away."""
        self._hang_up()
        until = time.monotonic() + _LONGEST
        while state.active_requests and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(_LEAVE)  # in good order the process is gone by then, and this thread with it
        log.warning("this worker was asked to stop and cannot take leave of its broker: it ends without")
        within(3, self._say_goodbye)
        os._exit(0)

    def _end(self) -> None:
        """As a SIGTERM would, but with a failure's exit code; by force where even that is not heard."""
        log.critical(
            "this worker is given no work while the broker takes messages: it ends, to be started anew",
            worker=self._worker,
            seconds=round(time.monotonic() - (self._hearing.asked_at or 0)),
        )
        state.should_stop = _FAILURE
        time.sleep(GRACE)
        os._exit(_FAILURE)


_pulse: Pulse | None = None


def start(settings: Settings, worker: str, say_goodbye: Callable[[], None]) -> None:
    """Begin, in the process that consumes. After a lost connection it is ready again, and begins nothing anew."""
    global _pulse
    if _pulse is None:
        _pulse = Pulse(settings, worker, say_goodbye)
        _pulse.start()
        hear_one_at_a_time(signal.SIGTERM)


def stop() -> None:
    """The worker was asked to stop: that it is given no work any more proves nothing, and it must not stay."""
    if _pulse is not None:
        _pulse.stop()


def hear_one_at_a_time(number: int) -> None:
    """Let a signal that comes while the one before is still being told of go by: it says nothing new.

    Celery tells of a stop under a lock of its own. A second SIGTERM in that instant (systemd and foreman send it to the
    process and to its group) would wait for ever for the handler that it interrupts.
    """
    handler = signal.getsignal(number)
    telling = False

    def tell(*given: Any) -> None:
        nonlocal telling
        if telling or not callable(handler):
            return
        telling = True
        try:
            handler(*given)
        finally:
            telling = False

    signal.signal(number, tell)


def within(seconds: float, call: Callable[[], None]) -> None:
    """Do this, but wait no longer than so: a database that hangs must not keep a worker from ending."""
    thread = threading.Thread(target=call, name="goodbye", daemon=True)
    thread.start()
    thread.join(seconds)
