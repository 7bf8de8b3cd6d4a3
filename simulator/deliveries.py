"""Which event goes to which endpoint, when, and what became of it: first goes, retries on site time, and commands.

The queue is ordered by site time, so nothing here ever waits: whoever moves the clock says until when to send.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from .chaos import AFTERWARDS, ALTERED, CREDENTIALS, CUT, NOTHING, SPOILED, V1, Chaos, Ledger, Plan
from .events import EventRecord
from .site import Site
from .state import Body, Refused, WrongValue
from .terms import instant_of
from .webhooks import Attempt, Endpoint, Sender, bytes_of

# Support article 257941: up to seven retries, each so long after the failure before it.
RETRY_AFTER = (
    timedelta(minutes=2),
    timedelta(minutes=6),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=2),
)
MOST_ENDPOINTS = 5
KEPT = 20_000  # events whose deliveries are remembered one by one; of older ones that have ended, their status only
_AT_ONCE = 1_000  # events taken from the site in one go
_BURST_LASTS = timedelta(minutes=10)


@dataclass(slots=True)
class Delivery:
    """One event and one endpoint: `status` is what the event's `webhooks` say of it."""

    event_id: str
    endpoint_id: str
    status: str
    attempts: list[Attempt] = field(default_factory=list)
    failures: int = 0
    due_at: datetime | None = None  # when it is tried again

    @property
    def over(self) -> bool:
        return self.status not in ("scheduled", "re_scheduled")


@dataclass(frozen=True, slots=True)
class _Errand:
    """Something to be sent when its time comes: to every endpoint, one after another, or to the one that refused.

    A first go or a retry that fails is retried; of what a person commands only success counts; of a copy nothing does.
    """

    event_id: str
    why: Literal["first", "retry", "command", "copy"] = "first"
    endpoint_id: str | None = None
    trick: str | None = None
    afterwards: tuple[str, ...] = ()
    in_burst: bool = False


class Deliveries:
    """The events of a site on their way to its endpoints. Moved by a Simulation, which lets one thread in at a time."""

    def __init__(
        self,
        site: Site,
        endpoints: Iterable[Endpoint] = (),
        chaos: Chaos | None = None,
        *,
        connections: int = 1,
        kept: int = KEPT,
    ) -> None:
        self.chaos = chaos or Chaos()
        self.ledger = Ledger()
        self.counts: Counter[str] = Counter()
        self.watch: Callable[[Attempt], object] | None = None  # told of what is sent when due, by the sending thread
        self._site = site
        self._connections = connections
        self._taken = 0  # events of the site that are in the queue, or were
        self._deliveries: dict[str, dict[str, Delivery]] = {}
        self._kept = self._trim_at = kept
        self._queue: list[tuple[datetime, int, _Errand]] = []
        self._number = 0
        self._held_until: datetime | None = None
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._senders: dict[str, Sender] = {}
        self._stopped = threading.Event()
        self.endpoints = tuple(endpoints)

    # ---- endpoints ---------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._endpoints

    @endpoints.setter
    def endpoints(self, endpoints: Iterable[Endpoint]) -> None:
        """Set all endpoints anew; retries that wait for one that is gone are not made."""
        endpoints = tuple(endpoints)
        if len(endpoints) > MOST_ENDPOINTS:
            raise Refused(f"a site has at most {MOST_ENDPOINTS} webhooks, not {len(endpoints)}: take one away first")
        if len({endpoint.id for endpoint in endpoints}) < len(endpoints):
            raise Refused("two webhooks have the same id: give each its own", code="duplicate_entry", status=400)
        senders = {endpoint.id: Sender.to(endpoint) for endpoint in endpoints}
        for sender in self._senders.values():
            sender.close()
        self._senders = senders
        self._endpoints = endpoints

    def endpoint(self, id: str) -> Endpoint:
        for endpoint in self._endpoints:
            if endpoint.id == id:
                return endpoint
        raise Refused(f"{id}: no such webhook", code="resource_not_found", status=404)

    # ---- what is known -----------------------------------------------------------------------------------------------

    def of(self, event_id: str) -> list[Delivery]:
        """The deliveries of an event as they stand, one for each endpoint; none where it is still to be looked at."""
        with self._lock:
            found = self._deliveries.get(event_id, {}).values()
            return [replace(delivery, attempts=list(delivery.attempts)) for delivery in found]

    @property
    def next_due_at(self) -> datetime | None:
        """When the next thing goes that waits: now, where there are events that nobody has looked at."""
        if self._taken < len(self._site.events):
            return self._site.now
        return next((at for at, _, _ in self._queue[:1]), None)  # one step, for others may be sending

    @property
    def waiting(self) -> int:
        """How many sendings wait for their time."""
        return len(self._queue) + len(self._site.events) - self._taken

    # ---- sending -----------------------------------------------------------------------------------------------------

    def send_due(self, now: datetime) -> int:
        """Send what is due by then, and say how many attempts that took."""
        before = self.counts["attempts"]
        while not self._stopped.is_set() and (batch := self._due_by(now)):
            self._send(batch, now)
        return self.counts["attempts"] - before

    def look_ahead(self, most: int) -> int:
        """Put up to so many new events in the queue, each at its own time, and say how many those are."""
        before = self._taken
        while self._taken - before < most and (new := self._take_new(min(_AT_ONCE, most - self._taken + before))):
            for at, errand in new:
                self._put(at, errand)
        return self._taken - before

    def send_next(self, count: int, pace: Callable[[], object] = lambda: None) -> datetime | None:
        """Send the next things that wait, without waiting for their time; when the last of them was due.

        For loads, which go through the past as fast as it can be sent: retries come when their time has come among the
        events, not in real time. `pace` is called before each event but those of a burst.
        """
        batch = [heapq.heappop(self._queue) for _ in range(min(count, len(self._queue)))]
        if not batch:
            return None
        now = batch[-1][0]
        self._send([errand for _, _, errand in batch], now, pace)
        return now

    def send_rest(self) -> None:
        """Send everything that waits, retries to their end, as if the time for it had come; the site's clock stays."""
        self.look_ahead(len(self._site.events))
        while not self._stopped.is_set() and self.send_next(1):
            pass

    def pass_over(self, arrived: Callable[[str], bool] = lambda _event_id: True) -> None:
        """Leave out what has not been looked at and has arrived in an earlier run; the rest goes now."""
        for event in self._new_events(len(self._site.events)):
            self._taken += 1
            if not arrived(event.id):
                self._open(event, dropped=False)
                if any(not delivery.over for delivery in self._deliveries[event.id].values()):
                    self._put(self._site.now, _Errand(event.id))
            elif not event.silent:
                self._site.set_webhooks(event.id, tuple((endpoint.id, "succeeded") for endpoint in self._endpoints))

    def _due_by(self, now: datetime) -> list[_Errand]:
        """What goes next: what has waited long enough, then new events, as chaos has arranged them."""
        due = []
        while self._queue and self._queue[0][0] <= now:
            due.append(heapq.heappop(self._queue)[2])
        for at, errand in self._take_new(_AT_ONCE):
            if at <= now:
                due.append(errand)
            else:
                self._put(at, errand)
        return due

    def _take_new(self, most: int) -> list[tuple[datetime, _Errand]]:
        """The errands of events that nobody has looked at yet, each with its time, in the order they are to go."""
        placed: list[tuple[int, datetime, Plan, _Errand]] = []
        for record in self._new_events(most):
            place, id, occurred_at = self._taken, record.id, instant_of(record.occurred_at)
            self._taken += 1
            plan = NOTHING if record.silent else self.chaos.plan(id)
            self._open(record, dropped=plan.dropped)
            for trick, measure in plan.tricks():
                self.ledger.add(id, trick, measure, occurred_at)
            if not plan.dropped and self._endpoints:
                at = self._unless_held(occurred_at, plan)
                errand = _Errand(id, trick=plan.spoiled, afterwards=plan.afterwards, in_burst=at > occurred_at)
                placed.append((place + plan.places, at, plan, errand))
        placed.sort(key=lambda each: each[0])
        return list(_timed(placed))

    def _new_events(self, most: int) -> Sequence[EventRecord]:
        with self._site.lock:
            return self._site.event_records[self._taken : self._taken + most]

    def _unless_held(self, occurred_at: datetime, plan: Plan) -> datetime:
        """When an event goes but for its own delay: at once, or when the burst ends that it came into."""
        if self._held_until is None or self._held_until <= occurred_at:
            self._held_until = occurred_at + _BURST_LASTS if plan.starts_burst else None
        return self._held_until or occurred_at

    def _open(self, event: EventRecord, *, dropped: bool) -> None:
        """Look at an event for the first time. One that gets lost looks delivered: nobody is told of a loss."""
        with self._lock:
            self._deliveries[event.id] = {
                endpoint.id: Delivery(event.id, endpoint.id, _first_status(endpoint, event, dropped))
                for endpoint in self._endpoints
            }
            self._show(event.id)
            if len(self._deliveries) > self._trim_at:
                self._forget()

    def _forget(self) -> None:
        ended = [id for id, found in self._deliveries.items() if all(delivery.over for delivery in found.values())]
        for id in ended[: len(self._deliveries) - self._kept * 3 // 4]:
            del self._deliveries[id]
        self._trim_at = max(self._kept, len(self._deliveries) * 5 // 4)

    def _put(self, at: datetime, errand: _Errand) -> None:
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, errand))

    def _send(self, batch: Sequence[_Errand], now: datetime, pace: Callable[[], object] = lambda: None) -> None:
        """Send a batch: in order, or over several connections at once, where the order is whatever it comes to."""
        lines = min(self._connections, len(batch))
        if lines <= 1:
            self._drain(iter(batch), now, pace)
            return
        self._pool = self._pool or ThreadPoolExecutor(self._connections, thread_name_prefix="webhooks")
        shared = _Shared(batch)
        for running in [self._pool.submit(self._drain, shared, now, pace) for _ in range(lines)]:
            running.result()

    def _drain(self, errands: Iterator[_Errand], now: datetime, pace: Callable[[], object]) -> None:
        for attempt in self._run(errands, now, pace):
            if self.watch:
                self.watch(attempt)

    def _run(
        self, errands: Iterator[_Errand], now: datetime, pace: Callable[[], object] = lambda: None
    ) -> Iterator[Attempt]:
        """Do errands one after another; every attempt as soon as it is over."""
        for errand in errands:
            if self._stopped.is_set():
                return
            if not errand.in_burst:
                pace()
            for endpoint in self._endpoints:
                if errand.endpoint_id in (None, endpoint.id):
                    yield from self._deliver(errand, endpoint, now)
            if errand.endpoint_id and errand.endpoint_id not in self._senders:
                self._give_up(errand.event_id, errand.endpoint_id)

    def _deliver(self, errand: _Errand, endpoint: Endpoint, now: datetime) -> Iterator[Attempt]:
        """One errand's attempt at one endpoint, and what follows from how it ended."""
        if errand.why == "retry" and self._is_over(errand.event_id, endpoint.id):
            return  # a person's resend has made it needless
        record = self._site.event_record(errand.event_id)
        delivery = self._delivery(record, endpoint)
        if delivery.status == "skipped":
            return  # it is not wanted there
        if not endpoint.enabled:
            self._give_up(errand.event_id, endpoint.id)
            return
        attempt = self._attempt(self._site.events.body(record), endpoint, now, errand.trick)
        with self._lock:
            delivery.attempts.append(attempt)
            self._count(attempt)
            self.counts["retried"] += errand.why == "retry"
            if not attempt.accepted and errand.why in ("first", "retry"):
                self._try_again(delivery, now)
            elif attempt.accepted and errand.why != "copy" and errand.trick not in AFTERWARDS:
                self._end(delivery, "succeeded")
        yield attempt
        if attempt.accepted:
            for trick in errand.afterwards:
                yield from self._deliver(_Errand(errand.event_id, "copy", trick=trick), endpoint, now)

    def _is_over(self, event_id: str, endpoint_id: str) -> bool:
        """Whether nothing of a delivery is to come. One that is forgotten had ended."""
        with self._lock:
            delivery = self._deliveries.get(event_id, {}).get(endpoint_id)
            return delivery is None or delivery.over

    def _give_up(self, event_id: str, endpoint_id: str) -> None:
        """What becomes of a delivery whose endpoint is gone or off when its time comes."""
        if not self._is_over(event_id, endpoint_id):
            with self._lock:
                self._end(self._deliveries[event_id][endpoint_id], "disabled")

    def _attempt(self, event: Body, endpoint: Endpoint, now: datetime, trick: str | None) -> Attempt:
        answer = self._senders[endpoint.id].post(
            bytes_of(_dressed(event, endpoint, trick)), credentials_wrong=trick == CREDENTIALS, cut=trick == CUT
        )
        return Attempt(event["id"], answer, endpoint.id, now, trick)

    def _count(self, attempt: Attempt) -> None:
        self.counts["attempts"] += 1
        unanswered = attempt.answer.status is None
        self.counts["accepted" if attempt.accepted else "unanswered" if unanswered else "refused"] += 1

    def _end(self, delivery: Delivery, status: str) -> None:
        if not (delivery.status == status and delivery.due_at is None):
            self.counts[status] += 1
            delivery.status, delivery.due_at = status, None
            self._show(delivery.event_id)

    def _try_again(self, delivery: Delivery, now: datetime) -> None:
        delivery.failures += 1
        if delivery.failures > len(RETRY_AFTER):
            self._end(delivery, "failed")
            return
        delivery.due_at = now + RETRY_AFTER[delivery.failures - 1]
        self._put(delivery.due_at, _Errand(delivery.event_id, "retry", delivery.endpoint_id))
        if delivery.status != "re_scheduled":
            delivery.status = "re_scheduled"
            self._show(delivery.event_id)

    def _show(self, event_id: str) -> None:
        """Have the event itself say how its deliveries stand."""
        statuses = tuple((delivery.endpoint_id, delivery.status) for delivery in self._deliveries[event_id].values())
        self._site.set_webhooks(event_id, _canonical(statuses))

    def _delivery(self, event: EventRecord, endpoint: Endpoint) -> Delivery:
        """That of an event and an endpoint; a new one for an endpoint that was added since, or an event of long ago."""
        with self._lock:
            known = self._deliveries.setdefault(event.id, {})
            if endpoint.id not in known:
                known[endpoint.id] = Delivery(event.id, endpoint.id, _first_status(endpoint, event, dropped=False))
            return known[endpoint.id]

    # ---- commands ----------------------------------------------------------------------------------------------------

    def send_again(self, event_id: str, *, times: int = 1, trick: str | None = None) -> list[Attempt]:
        """Send an event now, whatever became of it before; `trick` is what is wrong with it."""
        if trick not in (None, *SPOILED, *AFTERWARDS):
            raise WrongValue(f"{trick!r} is no fault of a sending; there is {', '.join((*SPOILED, *AFTERWARDS))}")
        self._look_at(event_id)
        once_more = _Errand(event_id, "command", trick=trick)
        first = None if trick else self._pull(event_id)
        if trick or times > 1:
            self.ledger.add(event_id, trick or "duplicate", "by command", self._site.now)
        return self._send_now([first or once_more, *[once_more] * (times - 1)])

    def send_late(self, event_id: str, at: datetime) -> None:
        """Send an event at a later instant of site time: its first go, where that has not been, else once more."""
        self._look_at(event_id)
        self._put(at, self._pull(event_id) or _Errand(event_id, "command"))
        self.ledger.add(event_id, "delay", f"by command, to {at:%Y-%m-%d %H:%M:%S}", self._site.now)

    def send_shuffled(self, event_ids: Sequence[str]) -> list[Attempt]:
        """Send these events now, in an order that is not the one given."""
        errands = []
        for id in event_ids:
            self._look_at(id)
            errands.append(self._pull(id) or _Errand(id, "command"))
            self.ledger.add(id, "reorder", "by command", self._site.now)
        return self._send_now(_out_of_order(errands, f"{self.chaos.seed} {' '.join(event_ids)}"))

    def drop(self, event_id: str) -> None:
        """Lose an event for good that still waits to be sent or retried.

        Raises:
            Refused: nothing of it waits.
        """
        self._look_at(event_id)
        waits = [each for each in self._queue if each[2].event_id == event_id]
        if not waits:
            raise Refused(f"event {event_id} has been sent and nothing of it waits: it cannot get lost any more")
        self._queue = [each for each in self._queue if each[2].event_id != event_id]
        heapq.heapify(self._queue)
        with self._lock:
            for delivery in self._deliveries.get(event_id, {}).values():
                if not delivery.over:
                    self._end(delivery, "succeeded")
        self.ledger.add(event_id, "drop", "by command", self._site.now)

    def send_test(self, endpoint: Endpoint, event: Body) -> Attempt:
        """Send a body that is no event of the site, once."""
        attempt = self._attempt(event, endpoint, self._site.now, None)
        with self._lock:
            self._count(attempt)
        return attempt

    def _look_at(self, event_id: str) -> None:
        """Put everything new in the queue, so that a command can be given about any of it."""
        self.look_ahead(len(self._site.events))
        self._site.event_record(event_id)  # refuses an id that is no event's

    def _pull(self, event_id: str) -> _Errand | None:
        """Take the first go of an event out of the queue, where it is still to come."""
        for number, (_, _, errand) in enumerate(self._queue):
            if errand.event_id == event_id and errand.why == "first":
                del self._queue[number]
                heapq.heapify(self._queue)
                return errand
        return None

    def _send_now(self, errands: Sequence[_Errand]) -> list[Attempt]:
        return list(self._run(iter(errands), self._site.now))

    def stop(self) -> None:
        """Begin no more attempts, in whichever thread."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, wait for the attempts that have begun, and hang up."""
        self.stop()
        if self._pool:
            self._pool.shutdown()
        for sender in self._senders.values():
            sender.close()


class _Shared:
    """Errands that several threads take from, each of them once."""

    def __init__(self, errands: Iterable[_Errand]) -> None:
        self._errands = iter(errands)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[_Errand]:
        return self

    def __next__(self) -> _Errand:
        with self._lock:
            return next(self._errands)


@cache
def _canonical(statuses: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same tuple for the same statuses: of hundreds of thousands of events most stand alike."""
    return statuses


def _timed(placed: Iterable[tuple[int, datetime, Plan, _Errand]]) -> Iterator[tuple[datetime, _Errand]]:
    """Each errand and its copies with their time: one that is overtaken goes when the last of those goes."""
    latest = None
    for _, at, plan, errand in placed:
        latest = max(at, latest or at)
        when = (latest if plan.places else at) + plan.late_by
        yield when, errand
        for _ in range(plan.copies):
            yield when, _Errand(errand.event_id, "copy", in_burst=errand.in_burst)
        if plan.again_by:
            yield when + plan.again_by, _Errand(errand.event_id, "copy")


def _first_status(endpoint: Endpoint, event: EventRecord, dropped: bool) -> str:
    if not endpoint.enabled:
        return "disabled"
    if event.silent or not endpoint.wants(event.event_type):
        return "skipped"
    return "succeeded" if dropped else "scheduled"


def _dressed(event: Body, endpoint: Endpoint, trick: str | None) -> Body:
    """The event as this endpoint is to get it."""
    if trick == ALTERED:
        (kind, first), *_ = event["content"].items()
        altered = {"cf_altered": "true"}
        changed = [first[0] | altered, *first[1:]] if isinstance(first, list) else first | altered
        return event | {"content": event["content"] | {kind: changed}}
    version = V1 if trick == V1 else endpoint.api_version
    return event if event["api_version"] == version else event | {"api_version": version}


def _out_of_order(errands: list[_Errand], seed: str) -> list[_Errand]:
    shuffled = list(errands)
    random.Random(seed).shuffle(shuffled)
    return shuffled if shuffled != errands else errands[1:] + errands[:1]
