"""A site that runs: its clock, frozen or going on, and its events, which leave for their receivers as it does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal

from .chaos import Chaos, Ledger
from .deliveries import Deliveries
from .pricing import MONTHLY
from .site import Site
from .state import Body
from .webhooks import Attempt, Endpoint

log = logging.getLogger(__name__)

ClockMode = Literal["frozen", "real"]
_TICK = 0.05  # seconds of real time
_LONGEST_PAUSE = 3.0  # between two tries to move a clock that nobody can follow for now


class NotNow(Exception):
    """Raised by `on_move` where it cannot follow for the moment: a clock that goes on by itself tries again."""


class Simulation:
    """A site with its webhooks and its clock, for several threads.

    Billing and deliveries fall due in one order, each at its own instant. `on_move` is called with every instant the
    clock comes to, before the events of that instant are sent: whoever keeps a clock beside the site's sets it there,
    or raises NotNow.
    One thread at a time moves the clock or sends: whoever has `turn`. Who moves it on from where it stands takes the
    turn before looking where that is. Nothing is sent while the site's lock is held, so a receiver may ask the API.
    Call nothing here while holding that.

    Without `run_clock` no thread is started: time stands still, and `send_due` sends.
    """

    def __init__(
        self,
        site: Site,
        endpoints: Iterable[Endpoint] = (),
        chaos: Chaos | None = None,
        on_move: Callable[[datetime], object] = lambda _instant: None,
        *,
        connections: int = 1,
    ) -> None:
        self.site = site
        self.deliveries = Deliveries(site, endpoints, chaos, connections=connections)
        self.on_move = on_move
        self.clock_mode: ClockMode = "frozen"
        self.factor = 1.0
        self.turn = threading.RLock()
        self._stopped = threading.Event()
        self._ticker: threading.Thread | None = None
        self._moved = 0.0  # up to which real instant (monotonic) the ticker has moved the clock

    # ---- settings ----------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.deliveries.endpoints

    @endpoints.setter
    def endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        with self.turn:
            self.deliveries.endpoints = tuple(endpoints)

    @property
    def chaos(self) -> Chaos:
        return self.deliveries.chaos

    @chaos.setter
    def chaos(self, chaos: Chaos) -> None:
        with self.turn:
            self.deliveries.chaos = chaos

    @property
    def ledger(self) -> Ledger:
        return self.deliveries.ledger

    # ---- the clock ---------------------------------------------------------------------------------------------------

    def advance(self, **step: float) -> None:
        """Move the clock ahead by a timedelta's arguments: `simulation.advance(days=3)`."""
        with self.turn:
            self.advance_to(self.site.now + timedelta(**step))

    def advance_to(self, instant: datetime) -> None:
        """Move the clock ahead; what falls due on the way happens, is sent and is retried at its own instant."""
        instant = instant.astimezone(UTC)
        with self.turn:
            while (due := self.next_due_at) is not None and due <= instant and not self._stopped.is_set():
                self._come_to(due)
            if not self._stopped.is_set():
                self._come_to(instant)

    @property
    def next_due_at(self) -> datetime | None:
        """When the next thing happens by itself, on the site or on the way to a receiver."""
        due = [at for at in (self.site.next_due_at, self.deliveries.next_due_at) if at is not None]
        return max(min(due), self.site.now) if due else None

    def _come_to(self, instant: datetime) -> None:
        if instant != self.site.now:
            self.on_move(instant)
        self.site.advance_to(instant)
        self.send_due()

    def send_due(self) -> int:
        """Send what is due; how many attempts that took."""
        with self.turn:
            return self.deliveries.send_due(self.site.now)

    def run_clock(self, mode: ClockMode, factor: float = 1) -> None:
        """Let a thread send what is due from now on and, in mode "real", move the clock as real time goes.

        Site time then goes on from where it stands, `factor` times as fast as real time.
        """
        if mode not in ("frozen", "real") or factor <= 0:
            raise ValueError(f"a clock is frozen or real, and goes forward: not {mode} times {factor:g}")
        self.clock_mode, self.factor = mode, factor
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="site clock", daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        self._moved, pause = time.monotonic(), _TICK
        try:
            while not self._stopped.wait(pause):
                try:
                    if self._go_on():
                        pause = _TICK
                except NotNow as reason:
                    if pause == _TICK:
                        log.warning("the site's clock waits, and goes on by itself: %s", reason)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except Exception:
            log.exception("the site's clock has stopped; run_clock starts it again")
            self.clock_mode, self._ticker = "frozen", None

    def _go_on(self) -> bool:
        """Move a real clock as far as real time went since it was last moved; else send what is due.

        Says whether the clock is where it should be: not while it has yet to be moved.
        """
        frozen = self.clock_mode == "frozen"
        if frozen:
            self._moved = time.monotonic()
        if frozen or not self._is_worth_moving(time.monotonic() - self._moved):
            self.send_due()
            return frozen
        with self.turn:
            before, factor = self.site.now, self.factor
            try:
                self.advance(seconds=(time.monotonic() - self._moved) * factor)
            finally:  # it may have come a part of the way
                self._moved += (self.site.now - before).total_seconds() / factor
        return True

    def _is_worth_moving(self, gone: float) -> bool:
        """After a second, or as soon as something is due: whoever follows the clock has work with each move."""
        due = self.next_due_at
        return gone >= 1 or (due is not None and due <= self.site.now + timedelta(seconds=gone * self.factor))

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def close(self) -> None:
        """Stop the clock and the sending; attempts that have begun are waited for."""
        self._stopped.set()
        self.deliveries.stop()
        if ticker := self._ticker:
            ticker.join()
        with self.turn:
            self.deliveries.close()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- commands on events ------------------------------------------------------------------------------------------

    def resend(self, event_id: str) -> list[Attempt]:
        """Send an event once more, as a person does from the list of events. Accepted, it makes a retry needless."""
        with self.turn:
            return self.deliveries.send_again(event_id)

    def send_twice(self, event_id: str) -> list[Attempt]:
        """Send an event twice, one after the other."""
        with self.turn:
            return self.deliveries.send_again(event_id, times=2)

    def send_spoiled(self, event_id: str, trick: str) -> list[Attempt]:
        """Send an event once more with a fault: cut, credentials, v1 or altered (chaos.py says what each is)."""
        with self.turn:
            return self.deliveries.send_again(event_id, trick=trick)

    def send_late(self, event_id: str, by: timedelta = timedelta(hours=1)) -> None:
        """Send an event that much later on the site's clock; one that was sent already goes a second time then."""
        with self.turn:
            self.deliveries.send_late(event_id, self.site.now + by)

    def send_shuffled(self, event_ids: Sequence[str]) -> list[Attempt]:
        """Send these events now, in another order than the one given."""
        with self.turn:
            return self.deliveries.send_shuffled(event_ids)

    def drop(self, event_id: str) -> None:
        """Lose an event that still waits to be sent or retried."""
        with self.turn:
            self.deliveries.drop(event_id)

    def send_test(self, endpoint_id: str, event_type: str = "subscription_created") -> Attempt:
        """What the "Test webhook" button does: one event with sample objects, whose ids start with cbdemo_."""
        with self.turn:
            return self.deliveries.send_test(
                self.deliveries.endpoint(endpoint_id), _sample(event_type, self.site.now, str(self.site.zone))
            )


def _sample(event_type: str, now: datetime, zone: str) -> Body:
    """An event of a site that exists for this alone."""
    site = Site(seed=0, now=now, timezone=zone)
    site.invoice_prefix, site.next_invoice_number = "cbdemo_inv_", 1
    site.create_customer(id="cbdemo_tom", company="Chargebee Demo", email="tom@example.com", first_name="Tom")
    site.subscribe("cbdemo_tom", MONTHLY.id, 3, id="cbdemo_sub")
    for event in site.events:
        if event["event_type"] == event_type:
            return event | {"id": f"cbdemo_{event['id']}"}
    raise ValueError(f"{event_type}: there is a sample of {', '.join(sorted({e['event_type'] for e in site.events}))}")
