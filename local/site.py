"""The make-believe Chargebee of `./dev run`: its webhooks go to our receiver, and our business clock follows its own.

What is done to it, from its pages or over its API, is kept in a journal and done again at the next start, so that the
site and the database go on telling one story.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import request
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from models import clock
from models.session import transaction
from simulator import Endpoint, Simulation, Site, story
from simulator.api.traffic import Limits
from simulator.http import create_app
from simulator.journal import MOVED, Journal, Strayed
from simulator.pages import Desk, Form, pages
from simulator.pages.forms import Unreadable
from simulator.server import serving
from simulator.simulation import NotNow
from simulator.state import Refused
from worker.settings import Settings

_APART = timedelta(seconds=1.5)  # that the two clocks may be, for what it takes to set one
_PACE = 1.0  # seconds from one look at the clocks to the next
_KEPT_HEADERS = (
    "Content-Type", "chargebee-idempotency-key", "chargebee-event-webhook", "chargebee-event-email",
    "chargebee-event-actions",
)  # fmt: skip


class BusinessClock:
    """Quittance's clock, held at the site's time."""

    def __init__(self, engine: Engine, env: str) -> None:
        self._engine = engine
        self._env = env
        self._lock = threading.Lock()
        self._set: tuple[datetime, float] | None = None  # what it was set to, and when by this machine's own clock

    def follow(self, instant: datetime) -> None:
        """Set it to an instant of the site, unless it shows that one already, give or take a second."""
        with self._lock:
            if self._set is not None:
                shows = self._set[0] + timedelta(seconds=time.monotonic() - self._set[1])
                if abs(shows - instant) < _APART:
                    return
            with transaction(self._engine) as session:
                clock.move_to(session, instant, env=self._env)
            self._set = instant, time.monotonic()


class LocalSite:
    """A simulation with its API and pages, and the journal it is brought back from.

    A site that nothing was done to yet begins as the story does, or (without `story_wanted`) empty and today.
    """

    def __init__(self, engine: Engine, settings: Settings, receiver: str, journal: Path, *, story_wanted: bool) -> None:
        self.engine = engine
        self.journal = Journal(journal)
        self.story_told: list[str] = []  # the steps of it that were played
        self.deeds = 0  # things that were done by hand, or over the API
        first = next(self.journal.lines(), None)
        self.is_story = story_wanted if first is None else first.what == ["story"]
        self.site = story.a_site() if self.is_story else Site(now=first.at if first else _today())
        self.business_clock = BusinessClock(engine, settings.env)
        user, password = settings.webhook_credentials[0]
        endpoint = Endpoint(receiver, user, password)
        self.simulation = Simulation(self.site, [endpoint], on_move=self._take_along)
        self.desk = Desk(
            self.simulation,
            merchant=settings.merchant.name or story.MERCHANT,
            effects=lambda event_id: effects(engine, event_id),
            keep=self._keep_deed,
            moved=lambda: self._note_time(even_if_quiet=True),
        )
        self._key = settings.chargebee_api_key or ""
        self._port = urlsplit(settings.chargebee_api_url or "").port or 0
        self._url = f"http://127.0.0.1:{self._port}"  # links in what is done again are those that were given
        self._limits = Limits()
        self._app = create_app(
            self.site,
            site_name=settings.chargebee_site or "",
            api_key=self._key,
            merchant=self.desk.merchant,
            limits=self._limits,
            wrote=self._keep_call,
        )
        self._app.register_blueprint(pages(self.desk))
        self._stopped = threading.Event()
        self._lost = {id for line in self.journal.lines() if line.kind == "lost" for id in line.what}
        self._noted_losses = 0
        self._looked_at = 0  # events that were passed over or are to be sent
        self._runs: tuple[Any, ...] = ("real", 1.0)  # how the clock is to go once people may act
        self._noted: tuple[Any, ...] = ()  # how far events and the clock had come, and how it went

    def bring_back(self) -> None:
        """Do again what the journal holds; what the receiver has not got of it is to be sent.

        Raises:
            Strayed: the journal was written by a site that did otherwise.
        """
        limit, self._limits.per_minute = self._limits.per_minute, 1_000_000
        self.journal.again(self.site, began=self._pass_over, step=self._again(self._play), deed=self._again(self._deed),
                           call=self._again(self._call), lost=self._pass_over, clock=self._clock)  # fmt: skip
        self._limits.per_minute = limit
        begun = next(self.journal.lines(), None) is not None
        self.journal.begin(self.site)
        if not begun:
            with self.site.lock:
                self.journal.note("began", "story" if self.is_story else "empty")
        self._noted = self._standing()
        self.business_clock.follow(self.site.now)

    def _take_along(self, instant: datetime) -> None:
        """Move the business clock with the site's.

        Raises:
            NotNow: the database is away.
        """
        try:
            self.business_clock.follow(instant)
        except DBAPIError as away:
            raise NotNow(f"the database does not answer ({type(away).__name__})") from away

    def _again(self, do: Callable[..., object]) -> Callable[..., None]:
        """To do something again, and to look at once at what it sends: to the addresses that there were just then."""

        def again(*what: Any) -> None:
            self._pass_over()
            do(*what)
            self._pass_over()

        return again

    def _pass_over(self, *_: str) -> None:
        """Leave out what has been sent in an earlier run."""
        records = self.site.event_records[self._looked_at :]
        self._looked_at += len(records)
        known = known_events(self.engine, [record.id for record in records]) | self._lost
        self.simulation.deliveries.pass_over(known.__contains__)

    def let_the_clock_run(self) -> None:
        """As it did when the site was left; that of a new one as fast as ours."""
        self.simulation.run_clock(*self._runs)
        self._runs = ()

    def _clock(self, *ran: Any) -> None:
        self._pass_over()
        self._runs = ran or self._runs

    def _deed(self, name: str, id: str, form: Form) -> None:
        try:
            self.desk.again(name, id, form)
        except (Refused, Unreadable) as no_longer:
            raise Strayed(f"{self.journal.path} has {name}, which cannot be done any more ({no_longer})") from None
        self.deeds += 1

    def play(self, step: story.Step, *, quietly: bool = False) -> int:
        """Live one step of the story; how many events that made, on the way to it too. What it sends has left then.

        With `quietly` nothing is sent that the receiver has: it has heard of this step in an earlier life of the site.
        """
        before = len(self.site.event_records)
        if quietly:
            self.site.advance_to(step.at)
        else:
            self.simulation.advance_to(step.at)
        with self.site.lock:
            self._play(step.name)
            self.journal.note("step", step.name)
        if quietly:
            self._pass_over()
        self.simulation.send_due()
        return len(self.site.event_records) - before

    @contextmanager
    def open(self) -> Iterator[str]:
        """The API and the pages, where CHARGEBEE_API_URL says."""
        with serving(self._app, self._port) as url, self.simulation:
            keeper = threading.Thread(target=self._keep_time, name="keeper of the clocks")
            keeper.start()
            try:
                yield url
            finally:
                self._stopped.set()
                keeper.join()
                self._note_time(even_if_quiet=True)
                self._note_losses()

    def _play(self, name: str) -> None:
        next(step for step in story.steps() if step.name == name).act(self.site)
        self.story_told.append(name)

    def _call(self, path: str, body: str, headers: dict[str, str]) -> None:
        """A write over the API again, as it came."""
        with self._app.test_client() as client:
            client.post(path, base_url=self._url, data=body.encode(), headers=headers, auth=(self._key, ""))
        self.deeds += 1

    def _keep_deed(self, deed: str, id: str, form: Form) -> None:
        self.deeds += 1
        self.journal.note("deed", deed, id, dict(form))

    def _keep_call(self) -> None:
        if self.journal.site is None:
            return  # it is being done again
        self.deeds += 1
        headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
        self.journal.note("call", request.full_path, request.get_data(as_text=True), headers)

    def _keep_time(self) -> None:
        """Hold the business clock at the site's time, and note what has happened by itself."""
        while not self._stopped.wait(_PACE):
            with suppress(DBAPIError):  # a database that is away is asked again a second later
                self.business_clock.follow(self.site.now)
            self._note_time()
            self._note_losses()

    def _note_losses(self) -> None:
        if lost := self.simulation.ledger.dropped[self._noted_losses :]:
            self._noted_losses += len(lost)
            with self.site.lock:
                self.journal.note("lost", *lost)

    def _note_time(self, *, even_if_quiet: bool = False) -> None:
        with self.site.lock:
            standing = self._standing()
            if standing[0] != self._noted[0] or (even_if_quiet and standing != self._noted):
                self.journal.note(MOVED, *standing[2:])
                self._noted = standing

    def _standing(self) -> tuple[Any, ...]:
        """Events, the clock, and (once people may act) how it goes."""
        goes = self._runs or (self.simulation.clock_mode, self.simulation.factor)
        return len(self.site.event_records), self.site.now, *goes


def known_events(engine: Engine, ids: Sequence[str]) -> set[str]:
    """Which of these events Quittance has."""
    if not ids:
        return set()
    with transaction(engine) as session:
        return set(session.scalars(text("select id from inbox_events where id = any(:ids)"), {"ids": list(ids)}))


def effects(engine: Engine, event_id: str) -> Iterable[str]:
    """What Quittance made of an event, one line each: how it ended, what changed, what it has to tell."""
    with transaction(engine) as session:
        for status, reason in session.execute(
            text("select status, reason from inbox_events where id = :id"), {"id": event_id}
        ):
            yield f"inbox: {status}" + (f" ({reason})" if reason else "")
        for kind, id in session.execute(
            text("select distinct object_type, object_id from audit_entries where event_id = :id order by 1, 2"),
            {"id": event_id},
        ):
            yield f"changed: {kind} {id}"
        for kind, name, object_id, recipient, state, reason in session.execute(
            text("""
                select kind, name, object_id, recipient, state, reason from outbox where event_id = :id order by id
            """),
            {"id": event_id},
        ):
            to = f" to {recipient}" if recipient else ""
            yield f"{kind}: {name} about {object_id}{to}, {state}" + (f" ({reason})" if reason else "")


def _today() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
