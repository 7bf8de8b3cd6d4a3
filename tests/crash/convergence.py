"""A system of real processes that lives some weeks of a make-believe Chargebee while its parts are killed.

Customers live on the site, and what happens to them is sent as webhooks, shuffled over hours: three times or so, a
fifth of it once, a tenth never. A reaper kills what runs, and a runner starts it again. When the weeks are over and all
of it stands, what the system holds must be what the site says, so must what the product was last told, each mail must
have been accepted at most once, and nothing may be left over.

A seed fixes the customers' lives, what goes wrong with which webhook, and which blow follows on which. When exactly a
blow falls, no seed can say.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from celery import Celery
from kombu.exceptions import OperationalError
from psycopg import sql
from sqlalchemy.exc import DBAPIError

from local import environment
from local.children import free_port, wait_until
from local.postgres import Postgres
from local.site import BusinessClock
from local.valkey import Valkey
from models.session import engine_for
from simulator import Chaos, Endpoint, Simulation, Site
from simulator.api.faults import Faults
from simulator.api.traffic import Limits
from simulator.chaos import Plan
from simulator.http import create_app
from simulator.population import populate
from simulator.server import serving
from simulator.webhooks import Attempt
from tasks.comparison import STATUSES
from tests.builders import PASSWORD
from tests.conftest import migrate
from tests.crash import verdict
from tests.crash.post_office import PostOffice
from tests.crash.product import Product
from tests.crash.reaper import KILLS, Reaper, plan
from tests.crash.runner import Runner
from tests.flow import truth
from worker.schedule import SCHEDULE
from worker.settings import Settings

PATIENCE = 600.0  # seconds for everything to be worked off once everything stands
SENT_EVERY = timedelta(hours=1)  # of the site's time
KEY = "test_key"
SECRET = "what the product knows us by, forty letters"
# By name, what the scheduler asks for; each is asked for here as often as time goes by on the site.
QUEUES = {entry["task"]: entry["options"]["queue"] for entry in SCHEDULE.values()}
# What goes wrong with webhooks, beside what the reaper does to the receiver.
ON_THE_WAY = {
    "duplicate": 1.0,
    "again": 1.0,
    "reorder": 0.5,
    "delay": 0.3,
    "drop": 0.1,
    "cut": 0.02,
    "credentials": 0.01,
    "v1": 0.01,
    "altered": 0.01,
    "burst": 0.02,
}
ONCE = 0.2  # of the events are sent once, and again only if nobody says 200: no copy makes a lost one good
# What the receiver may answer: taken, a wrong password, a body that was cut, no database; or nothing, when it dies.
ANSWERS = (200, 401, 400, 503, None)
# What time gone by does. Leases are two minutes long: whoever took one 25 s ago has ended long since, well or badly.
_TIME_GOES_BY = (
    "delete from job_slots where name = 'reconcile events'",
    "update outbox set due_at = now() where state = 'new' and lease_until is null and due_at > now()",
    "update outbox set due_at = now(), lease_until = now() where lease_until between now() and now() + interval '95 s'",
    "update readings set due_at = now() where problem is not null or due_at between now() and now() + interval '95 s'",
)
MOST_WAITING = 60  # events and mails that nobody has tried yet; with more of them the site's time stands still
_NEVER_TRIED = f"""
    select id from inbox_events where status = 'pending' and starts = 0
    union all select key from outbox where state = 'new' and attempts = 0 and due_at <= now()
    limit {MOST_WAITING + 1}
"""
_LEFT_OVER = """
    select 'event ' || id from inbox_events where status = 'pending'
    union all select state || ' ' || key from outbox where state in ('new', 'sending')
    union all select 'cancellation of ' || subscription_id from cancellations
      where state = 'scheduled' and effective_at <= business_now()
"""


class SomeOnce(Chaos):
    """Chaos that leaves some events as they are on a real site: once answered with 200, never sent again."""

    def plan(self, event_id: str) -> Plan:
        plan = super().plan(event_id)
        if self._dice("once", event_id) < ONCE:
            return replace(plan, copies=0, again_by=timedelta(0), afterwards=())
        return plan


class Cut(Exception):
    """The site has been closed while its history went on."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to be."""

    seed: int
    subscriptions: int = 400
    kills: int = 60
    years: float = 0.05  # that every customer lives on the site, after a month in which they come

    def __str__(self) -> str:
        return f"./dev chaos --seed {self.seed} --subscriptions {self.subscriptions} --kills {self.kills}"


@dataclass
class Outcome:
    """What a run came to."""

    order: Order
    differences: list[str] = field(default_factory=list)
    blows: Counter[str] = field(default_factory=Counter)
    events: int = 0
    deliveries: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    mails: int = 0
    twice: int = 0
    held: int = 0
    once: int = 0  # events that were sent no more once they were answered 200
    words: int = 0  # that the product was told
    found: int = 0  # events that no webhook brought, and the list of events did
    died_with: int = 0  # events in whose midst a process died
    findings: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        return sum(self.blows[kind] for kind in KILLS)


def run(order: Order, folder: Path) -> Outcome:
    """Live one run; what its processes say is kept in `folder`, and the rows of one that goes wrong."""
    outcome, began = Outcome(order), time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Run(order, folder) as running:
        try:
            running.live()
            running.settle()
            outcome.differences = running.judge()
        except Exception as problem:
            outcome.differences.append("".join(traceback.format_exception(problem)))
        running.report(outcome)
        if outcome.differences:
            running.keep(outcome.differences)
    outcome.seconds = time.monotonic() - began
    return outcome


class Run:
    """The site, the servers, the processes and who kills them."""

    def __init__(self, order: Order, folder: Path) -> None:
        self.order = order
        self.folder = folder
        self.site = Site(seed=order.seed)
        self.lived = 0.0  # what part of its history the site has lived
        self.acknowledged: Counter[str] = Counter()  # by event: how often it was answered 200
        self.statuses: Counter[int | None] = Counter()  # that the receiver answered with
        self._blows = plan(order.seed, order.kills)
        self._struck = 0
        self._dice = random.Random(f"{order.seed} pauses")
        self._luck = random.Random(f"{order.seed} luck")
        self._has_nights = bool(order.seed % 2)  # in every other run: they may hide what they repair
        self._sent_until = self.site.now
        self._ends = ExitStack()

    # ---- beginning and end -------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        with ExitStack() as ends:
            home = Path(tempfile.mkdtemp(prefix="quittance-chaos-"))
            home.chmod(0o755)  # as root the server runs as nobody, who must be able to walk there
            ends.callback(shutil.rmtree, home, ignore_errors=True)
            self.postgres = Postgres(home / "postgres", settings={"max_connections": "120"}).start()
            ends.callback(self.postgres.stop)
            self.valkey = Valkey(home / "valkey").start()
            ends.callback(self.valkey.stop)
            self.postgres.create_database("q")
            self.url = self.postgres.dsn("q")
            migrate(self.url)
            engine = engine_for(self.url)
            ends.callback(engine.dispose)
            self.clock = BusinessClock(engine, "development")
            self.clock.follow(self.site.now)
            self.mail = ends.enter_context(PostOffice(seed=self.order.seed, moody=0.05))
            self.product = ends.enter_context(Product(self.order.seed, SECRET, moody=0.05))
            self.faults = Faults(self.order.seed)
            limits = Limits(per_minute=1_000_000)
            app = create_app(self.site, api_key=KEY, limits=limits, faults=self.faults)
            api = ends.enter_context(serving(app))
            ends.callback(self.faults.clear)
            self._helper = ends.enter_context(ThreadPoolExecutor(1))
            self._http = ends.enter_context(httpx.Client(trust_env=False))  # one: each reads all certificates
            self._start_processes(api, ends)
            self._start_site(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _start_processes(self, api: str, ends: ExitStack) -> None:
        certificates = self.folder / "no certificates"
        certificates.mkdir()
        environ = (
            _environment()
            | environment.samples({})
            | {
                "DATABASE_URL": self.url,
                "BROKER_URL": self.valkey.url(),
                "WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}",
                "CHARGEBEE_SITE": "boreal-test",
                "CHARGEBEE_API_KEY": KEY,
                "CHARGEBEE_API_URL": api,
                "CHARGEBEE_CALLS_PER_MINUTE": "100000",
                "MAIL_URL": f"smtp://127.0.0.1:{self.mail.port}",
                "MAIL_PER_DOMAIN": "0",
                "CALLBACK_URL": self.product.url,
                "CALLBACK_SECRET": SECRET,
                "OPS_EMAILS": "",
                "EFFECTS_HORIZON": "36500 days",
                "SSL_CERT_DIR": str(certificates),  # with none in it: the client reads them all for each call
            }
        )
        self.port = free_port()
        self.runner = Runner(self.folder)
        ends.callback(self.runner.close)
        self.reaper = Reaper(self.order.seed, self.runner, self.postgres, self.valkey)
        ends.callback(self.reaper.rest)
        granian = ("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port))
        granian += ("--workers", "2", "--blocking-threads", "4", "--workers-kill-timeout", "10", "webhooks.wsgi:app")
        self.runner.add("receiver", *granian, **environ)
        celery = ("celery", "-A", "worker.app")
        worker = (
            *celery,
            "worker",
            "-l",
            "INFO",
            "--without-mingle",
            "--without-gossip",
            "--without-heartbeat",
            "-c",
            "2",
        )
        self.runner.add("worker", *worker, "-Q", "events", "-n", "events@%h", **environ)
        self.runner.add("worker_mail", *worker, "-Q", "mail,provider", "-n", "mail@%h", **environ)
        self.runner.add("beat", *celery, "beat", "-l", "INFO", "-S", "celery.beat:Scheduler", **environ)

    def _start_site(self, ends: ExitStack) -> None:
        endpoint = Endpoint(f"http://127.0.0.1:{self.port}/webhooks/chargebee", "chargebee", PASSWORD)
        chaos = SomeOnce(self.order.seed, **ON_THE_WAY)
        self.simulation = ends.enter_context(Simulation(self.site, [endpoint], chaos, connections=4))
        self.simulation.deliveries.watch = self._note

    def _note(self, attempt: Attempt) -> None:
        self.statuses[attempt.answer.status] += 1
        if attempt.accepted:
            self.acknowledged[attempt.event_id] += 1

    # ---- living ------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Have the site live its history while the reaper strikes: of both, the same part at any time."""
        self._wait(lambda: self._ask("select name from readings where name = 'events'"))  # what is read begins here
        for kind, when in (("internal_error", "before"), ("unavailable", "before"), ("cut", "after")):
            self.faults.plan(kind, when=when, times=None, rate=0.01)
        self.faults.plan("timeout", when="after", times=2, rate=0.01)
        history = self._helper.submit(self._live_history)
        for number, kind in enumerate(self._blows):
            self._strike(number, kind, history)
            self._time_for("reconcile events")
            if number % 5 == 0 and self._has_nights:
                self._time_for("comparison")
            self._have_done("tasks.reconcile_events", "tasks.compare")
        self._wait(history.done)
        history.result()

    def _strike(self, number: int, kind: str, history: Future[None]) -> None:
        """Do one blow, after a moment, when its part of the history has begun."""
        not_before = time.monotonic() + self._dice.uniform(0.3, 1.2)
        place = number / len(self._blows)
        self._wait(lambda: time.monotonic() >= not_before and (self.lived >= place or history.done()))
        self._wait(lambda: self.reaper.strike(kind))
        self._struck = number + 1

    def _live_history(self) -> None:
        lives = self.order.subscriptions
        populate(self.site, lives, years=self.order.years, after=self._go_on, progress=self._progress)

    def _progress(self, part: float) -> None:
        self.lived = part
        while part * len(self._blows) > self._struck + 1 and not self.simulation.stopped:
            time.sleep(0.02)

    def _go_on(self) -> None:
        """Send what is due by now, and take our clock along; while the database is away, it is late."""
        if self.simulation.stopped:
            raise Cut
        if self.site.now - self._sent_until < SENT_EVERY:
            return
        self._sent_until = self.site.now
        with suppress(DBAPIError):
            self.clock.follow(self.site.now)
        self.simulation.send_due()
        if self._luck.random() < 0.9:  # a retry comes minutes later, when whoever was away is back: mostly
            wait_until(lambda: self.simulation.stopped or self._keeps_up(), 20, every=0.1)

    def _keeps_up(self) -> bool:
        """Does the receiver take events now, and are the workers about where the site is?"""
        with suppress(httpx.TransportError, psycopg.OperationalError):
            ready = self._http.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
            return ready and len(self._ask(_NEVER_TRIED)) <= MOST_WAITING
        return False

    def _time_for(self, job: str) -> None:
        """Let the time of a job's next turn have come."""
        with suppress(psycopg.OperationalError):
            self._ask("delete from job_slots where name = %s", job)

    def _have_done(self, *tasks: str) -> None:
        """Ask for these tasks, as the scheduler does each minute. A broker that is away hears of nothing."""
        impatient = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "max_retries": 0}
        with Celery(broker=self.valkey.url(), broker_transport_options=impatient) as bell, suppress(OperationalError):
            for task in tasks:
                bell.send_task(task, queue=QUEUES[task], retry=False)

    def _wait(self, happened: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Keep everything running until that has happened."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                raise TimeoutError(f"still not after {seconds:g} s; left over: {self._left_over()[:20]}")
            self.reaper.tend()
            self.runner.tend()
            time.sleep(0.02)

    # ---- coming to rest ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let nothing go wrong any more, send what waits to be sent, and wait until everything is worked off.

        Mail server, product and API have their moods until everything was tried once.
        """
        self.reaper.rest()
        self.simulation.chaos = Chaos()
        self._wait(self._is_open)
        self._in_the_background(self.simulation.deliveries.send_rest)
        self._in_the_background(lambda: self.simulation.advance(hours=1))
        self.clock.follow(self.site.now)
        self._wait(lambda: not self._ask(_NEVER_TRIED))
        self.faults.clear()
        self.mail.moody = self.product.moody = 0
        (began,) = self._ask("select business_now()")
        self._every_second(lambda: self._is_read("events", began) and not self._left_over(), "tasks.reconcile_events",
                           "tasks.carry_out_due_cancellations")  # fmt: skip

    def _is_open(self) -> bool:
        with suppress(psycopg.OperationalError):
            return all(post.pid for post in self.runner.posts.values()) and self._ask("select 1") == [1]
        return False

    def _in_the_background(self, work: Callable[[], object]) -> None:
        working = self._helper.submit(work)
        self._wait(working.done)
        working.result()

    def _every_second(self, happened: Callable[[], bool], *tasks: str) -> None:
        """Have time go by until that has happened."""
        next_at = 0.0

        def happened_now() -> bool:
            nonlocal next_at
            if time.monotonic() < next_at:
                return False
            if happened():
                return True
            for statement in _TIME_GOES_BY:
                self._ask(statement)
            self._have_done(*tasks)
            next_at = time.monotonic() + 1
            return False

        self._wait(happened_now)

    def _is_read(self, name: str, since: datetime) -> bool:
        """Was this list of Chargebee's read to its end since then?"""
        asked = "select name from readings where name = %s and ended_at > %s and due_at is null"
        return self._ask(asked, name, since) == [name]

    def _left_over(self) -> list[str]:
        return self._ask(_LEFT_OVER)

    # ---- judging -----------------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        """Everything that is not as it must be, a sentence each."""
        found = list(
            verdict.differences(
                self._ask,
                self.site,
                self.simulation.ledger,
                acknowledged=self.acknowledged,
                mail=self.mail,
                blows=self.reaper.blows,
                mail_domain=environment.SAMPLE_MAIL["MAIL_DOMAIN"],
            )
        )
        found += self.product.differences(truth.state_of(self.site)["seats"])
        found += [f"the receiver answered {status}" for status in self.statuses if status not in ANSWERS]
        return found + self._left_for_the_night()

    def _left_for_the_night(self) -> list[str]:
        """What a comparison with the site finds to repair: nothing must be left to it."""
        self._live_a_night()  # the first one ever looks at nothing
        began = self._live_a_night()
        told = "select detail from findings where last_seen_at > %s and kind like 'mirror_%%'"
        return [f"left for the night: {detail}" for detail in self._ask(told, began)]

    def _live_a_night(self) -> datetime:
        """Have everything compared with the site; when that began."""
        began: datetime
        (began,) = self._ask("select business_now()")
        self._time_for("comparison")
        self._every_second(lambda: all(self._is_read(f"compare {kind}", began) for kind in STATUSES), "tasks.compare")
        return began

    def report(self, outcome: Outcome) -> None:
        outcome.blows = self.reaper.done
        outcome.events = len(self.site.event_records)
        outcome.deliveries = self.simulation.deliveries.counts
        outcome.dropped = len(self.simulation.ledger.dropped)
        outcome.once = sum(times == 1 for times in self.acknowledged.values())
        outcome.words = self.product.calls
        outcome.mails = len(self.mail.taken)
        outcome.twice = len(self.mail.taken) - len({id for id, _ in self.mail.taken})
        with suppress(psycopg.OperationalError):
            (outcome.held,) = self._ask("select count(*) from outbox where state = 'held'")
            (outcome.found,) = self._ask("select count(*) from found_events where webhook_at is null")
            (outcome.died_with,) = self._ask("select count(*) from inbox_events where starts > 1")
            outcome.findings = dict(self._ask("select kind, count(*) from findings group by 1"))

    def keep(self, differences: list[str]) -> None:
        """Keep in the folder what a person needs to understand a run that went wrong."""
        (self.folder / "differences.txt").write_text("\n".join(differences))
        (self.folder / "blows.txt").write_text("\n".join(map(str, self.reaper.blows)))
        (self.folder / "dialogues.txt").write_text("\n".join(map(str, self.mail.dialogues)))
        for server in (self.postgres, self.valkey):
            shutil.copy(server.log, self.folder)
        rows = self.folder / "rows"
        rows.mkdir()
        with suppress(psycopg.OperationalError), psycopg.connect(self.url) as connection:
            for (table,) in connection.execute(
                "select tablename from pg_tables where schemaname = 'public'"
            ).fetchall():
                whole = sql.SQL("copy {} to stdout with csv header").format(sql.Identifier(table))
                with open(rows / f"{table}.csv", "wb") as file, connection.cursor().copy(whole) as lines:
                    for line in lines:
                        file.write(line)

    def _ask(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(query, values or None)
            found = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else row for row in found]


def _environment() -> dict[str, str]:
    """This shell's environment, without what is a setting of ours."""
    names = {name.upper() for name in Settings.model_fields}
    return {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE") not in names and name != "SSL_CERT_FILE" and not name.startswith("QUITTANCE_")
    } | environment.direct({})
