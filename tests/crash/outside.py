"""What is outside the product while its processes die: Chargebee, a mail server, the host application, a database.

A chapter of the tale (tale.py) is lived here: what it asks of the product is asked of one process, and where that one
dies, of the next. Whoever saw no end of what they asked ask again, as Chargebee posts again and a scheduler asks again.
Time that a dead process keeps others waiting for (leases) goes by in the rows, never on the clock.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import psycopg
import redis
from flask import Flask

from simulator import Site
from simulator.api.traffic import Limits
from simulator.http import create_app
from simulator.server import serving
from tests.builders import JANUARY, PASSWORD, Body
from tests.crash.nursery import Asked
from tests.databases import House
from tests.emails.relay import Relay
from tests.simulator.receiver import PASSWORD as OTHER_PASSWORD
from tests.simulator.receiver import USER, Receiver, receiving

ROOT = Path(__file__).parent.parent.parent
Death = tuple[str, int]  # a point, and the how-manyeth time that a process comes to it
NOBODY = "nobody@test1234.example"  # there is no such mailbox


@dataclass(frozen=True)
class Ask:
    """Something that is asked of the product. What a person did, they look at before they do it again: `undone`."""

    what: str
    given: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    undone: str | None = None  # a question to the database: is it still to be done?


@dataclass
class Life:
    """What became of a chapter: the points each process came to, those they died at, and what is there at the end."""

    reached: list[list[str]] = field(default_factory=lambda: [[]])
    asked: list[int] = field(default_factory=list)  # how many points the first process had come to at each ask
    readings: set[str] = field(default_factory=set)
    died_at: list[str] = field(default_factory=list)
    end: dict[str, list[Any]] = field(default_factory=dict)
    mails: Counter[str] = field(default_factory=Counter)  # how often the mail server took each


class Outside:
    """Everything around the product, and the process of it that lives now."""

    def __init__(self, house: House, broker_url: str, directory: Path) -> None:
        self._ends = ExitStack()
        self._house, self._broker_url = house, broker_url
        self.directory = directory
        self.relay = self._ends.enter_context(Relay(nobody=NOBODY))
        self.host: Receiver = self._ends.enter_context(receiving())
        self._front = Flask("front")
        self._api_url = self._ends.enter_context(serving(self._front))
        self._rows = self._ends.enter_context(psycopg.connect(house.url, autocommit=True))
        self._broker = self._ends.enter_context(redis.Redis.from_url(broker_url))
        self._prefix = f"crash-{secrets.token_hex(4)}-"
        self._nursery = self._ends.enter_context(_nursery(directory, self._settings()))
        self._child: _Child | None = None

    def close(self) -> None:
        self._ends.close()

    # ---- a life ----------------------------------------------------------------------------------------------------

    def live(self, chapter: Chapter, *deaths: Death) -> Life:
        """Live through a chapter, in which one process after the other dies as told."""
        self._house.empty()
        self.relay.messages.clear()
        self.host.headers.clear()
        self.life, self._deaths = Life(), list(deaths)
        self.site = Site(seed=7, now=JANUARY)
        self.limits = Limits(per_minute=1_000_000)
        self._front.wsgi_app = create_app(self.site, api_key="test_key", limits=self.limits)  # type: ignore[method-assign]
        self._environ = self._settings() | chapter.environ
        try:
            for ask in chapter.told(Scene(self)):
                self._ask(ask)
                if ask.what == "work":
                    self._work_off()
            self._ask(WORK)
            self._work_off()
        finally:
            self._end_child()
            for key in self._broker.scan_iter(f"{self._prefix}*"):
                self._broker.delete(key)
        self.relay.settle()
        self.life.end = self._end()
        self.life.mails = Counter(str(message_from_bytes(each)["Message-ID"]) for each in self.relay.messages)
        return self.life

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the database answers: single values where one column is asked for, else rows."""
        cursor = self._rows.execute(query, values or None)
        found = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    def _settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self._house.url,
            "BROKER_URL": self._broker_url,
            "BROKER_KEY_PREFIX": self._prefix,
            "WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}",
            "MAIL_WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}",
            "MAIL_URL": f"smtp://127.0.0.1:{self.relay.port}",
            "MAIL_FROM": "facturation@boreal.example",
            "MAIL_DOMAIN": "boreal.example",
            "MAIL_PER_DOMAIN": "10000",
            "MERCHANT_NAME": "Logiciels Boréal inc.",
            "FINANCE_EMAILS": "finance@boreal.example",
            "OPS_EMAILS": "ops@boreal.example",
            "SECRET_KEY": "a secret of forty characters for the tests",
            "PUBLIC_URL": "https://billing.boreal.example",
            "CALLBACK_URL": self.host.url.replace("//", f"//{USER}:{OTHER_PASSWORD.replace(':', '%3A')}@"),
            "CALLBACK_SECRET": "another secret of forty characters, for tests",
            "CHARGEBEE_SITE": "boreal-test",
            "CHARGEBEE_API_KEY": "test_key",
            "CHARGEBEE_API_URL": self._api_url,
            "CHARGEBEE_CALLS_PER_MINUTE": "100000",
            "EFFECTS_HORIZON": "36500 days",
            "SSL_CERT_DIR": str(self.directory),  # empty: to read the machine's takes longer than the call
        }

    def _ask(self, ask: Ask) -> None:
        """Ask until somebody lives to see the end of it."""
        self.life.asked.append(len(self.life.reached[0]))
        while ask.undone is None or any(self.rows(ask.undone)):
            if self._child is None:
                dies_at = self._deaths.pop(0) if self._deaths else None
                self._child = _Child(self._nursery, self._environ, dies_at)
            answer = self._child.ask(ask)
            if "reached" in answer:
                self.life.reached[-1] += answer["reached"]
                self.life.readings.update(answer["readings"])
                return
            assert "died_at" in answer, f"{ask.what} failed: {answer.get('failed', 'its process ended by itself')}"
            self.life.died_at.append(answer["died_at"])
            self.life.reached.append([])
            self._end_child()
            self.time_goes_by()

    def _end_child(self) -> None:
        if self._child:
            self._child.close()
            self._child = None
        # PostgreSQL ends the sessions of the dead as soon as it notices: nobody is to meet their locks.
        ours = "select count(*) from pg_stat_activity where datname = current_database()"
        end = time.monotonic() + 10
        while self.rows(f"{ours} and application_name like 'quittance %'") != [0]:
            assert time.monotonic() < end, "sessions of a dead process are still there"
            time.sleep(0.001)

    def time_goes_by(self) -> None:
        """So much that every lease has run out, and every pause is over."""
        self.rows("update outbox set lease_until = now() where state = 'sending'")
        self.rows("delete from job_turns")
        self.rows("update call_budgets set closed_until = null")
        self.rows("update readings set due_at = now() where due_at is not null")
        self._pauses_are_over()

    def _pauses_are_over(self) -> None:
        self.rows("update outbox set due_at = now() where state = 'new'")
        self.rows("delete from mail_paces")
        self.rows("update inbox_events set due_at = now() where status = 'pending'")

    def _work_off(self) -> None:
        """Go on with what waits for another attempt, until it is done or waits for something else than time."""
        waiting = "select id::text from outbox where state in ('new', 'sending') union all"
        waiting += " select id from inbox_events where status = 'pending'"
        for _ in range(6):
            if not self.rows(waiting):
                return
            self._pauses_are_over()
            self._ask(WORK)

    def _end(self) -> dict[str, list[Any]]:
        end = {name: sorted(self.rows(query), key=str) for name, query in ENDS.items()}
        end["callbacks"] = sorted({headers["Idempotency-Key"] for headers in self.host.headers})
        end["Chargebee"] = [event["event_type"] for event in self.site.events]
        return end


def amiss(expected: Life, life: Life) -> list[str]:
    """What is otherwise at the end of a life in which processes died than where none did, in words.

    A mail may be held instead of sent, for each death in the instants in which nobody can know.
    """
    wrong = [f"mail {id} was accepted {times} times" for id, times in life.mails.items() if times > 1]
    held = set(_held(life) - _held(expected))
    if len(held) > sum(in_doubt(point) for point in life.died_at):
        wrong.append(f"held: {', '.join(held)}")
    for name in expected.end:
        before, after = (Counter(map(str, _told(each, name, held))) for each in (expected, life))
        wrong += [f"{name} lacks {line}" for line in before - after]
        wrong += [f"{name} has {line}" for line in after - before]
    return wrong


def in_doubt(point: str) -> bool:
    """Is this a point between saying that a mail is about to leave, and keeping what became of it?"""
    said, _, when = point.rpartition(": ")
    if said == "tasks.outbox.Delivery.begin commits":
        return when == "after"
    if said == "tasks.outbox._finish commits":
        return when == "before"
    return said.startswith("emails.senders says ") and said.rpartition(" says ")[2] in LAST_WORDS


LAST_WORDS = ("DATA", "the message", "the final dot", "QUIT")


def _held(life: Life) -> Counter[str]:
    """The mails that were held, whatever a person has decided since."""
    ends = [(key, after) for actor, _, key, _, after in life.end["audit"] if actor == "delivery"]
    return Counter(key for key, after in ends if after["state"] == "held")


def _told(life: Life, name: str, held: set[str]) -> list[Any]:
    """The lines of this name; what they tell of the mails that were held is for `amiss` alone to judge."""
    if name == "outbox":
        return [row for row in life.end[name] if row[0] not in held]
    if name == "audit":
        return [row for row in life.end[name] if not (row[0] == "delivery" and row[2] in held)]
    return life.end[name]


WORK = Ask("work")

_MIRROR = "select to_jsonb(each) - array['tie_at', 'event_id'] from {} as each"
_TABLES = (
    *("customers", "payment_sources", "subscriptions", "subscription_items", "invoices", "transactions"),
    *("credit_notes", "payments", "payment_applications", "cancellations"),
)
# The key of a write to Chargebee ends in chance.
_KEY = "regexp_replace(key, '^((set|schedule|withdraw|run|record|take)_.*:)[0-9a-f]{12}$', '\\1')"
# Whatever is kept, but for instants, the numbers of rows, how often something was tried, and which of several that
# tell the same was the first to come: an answer of Chargebee's that died with its process, or the webhook after it.
ENDS = {
    **{table: _MIRROR.format(table) for table in _TABLES},
    "seat ledger": "select subscription_id, item_price_id, before, after from seat_entries",
    "follow-ups": "select to_jsonb(each) - array['opened_at', 'closed_at', 'event_id'] from followups as each",
    "moves": "select invoice_id, actor, move, before, after from followup_entries",
    "inbox": "select id, replace(status, 'ignored', 'applied') from inbox_events where not starts_with(id, 'read:')",
    "outbox": f"select {_KEY}, state, recipient, payload - array['write', 'calls'] from outbox",
    "findings": "select kind, severity, object_type, case when object_type <> 'address' then object_id end"
    " from findings",
    "audit": "select regexp_replace(actor, '\\d+$', ''), object_type,"
    " case when object_type <> 'dead_addresses' then {key} end,"
    " case when actor <> 'delivery' then before - {instants} end, after - {instants} from audit_entries".format(
        key=_KEY.replace("key", "object_id"), instants="array['opened_at', 'closed_at']"
    ),
    "readings": "select name, next_offset, ended_at is null from readings",
    "found events": "select event_id, webhook_at is null from found_events",
    "mail reports": "select id, status, reason from mail_reports",
    "dead addresses": "select address, customer_id from dead_addresses",
    "opt-outs": "select customer_id, address, kind from opt_outs",
    "languages": "select to_jsonb(each) - array['chosen_at', 'chosen_by'] from language_choices as each",
}


@dataclass(frozen=True)
class Chapter:
    """A part of the tale: what happens outside between one thing asked of the product and the next."""

    name: str
    told: Callable[[Scene], Iterator[Ask]]
    environ: Mapping[str, str] = field(default_factory=dict)


class Scene:
    """What a chapter is told with."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.site, self.limits, self.rows = outside.site, outside.limits, outside.rows
        self.time_goes_by = outside.time_goes_by
        self._told = 0

    def news(self) -> Ask:
        """Chargebee's webhooks of what happened since the last ones, at the time of it."""
        self.now(self.site.now)
        bodies = list(self.site.events)[self._told :]
        self._told += len(bodies)
        return post(*bodies)

    def silence(self) -> None:
        """No webhook tells of what happened since the last ones."""
        self.now(self.site.now)
        self._told = len(self.site.events)

    def now(self, instant: datetime) -> None:
        """The business clock stands there, and goes on."""
        self.rows(
            "insert into business_clock (only_row, ahead) values (true, %s - now())"
            " on conflict (only_row) do update set ahead = excluded.ahead",
            instant,
        )


def post(*bodies: Body, to: str = "/webhooks/chargebee") -> Ask:
    return Ask("post", [list(bodies), to])


def task(name: str) -> Ask:
    return Ask("task", [name])


def command(*arguments: str, undone: str | None = None) -> Ask:
    return Ask("command", arguments, undone=undone)


class _Child:
    """A process of the product, on the other side of a socket."""

    def __init__(self, nursery: str, environ: Mapping[str, str], dies_at: Death | None) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(60)
        self._line.connect(nursery)
        self._answers = self._line.makefile("r")
        self._say({"environ": dict(environ), "dies_at": dies_at})

    def ask(self, ask: Ask) -> Asked:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._say([ask.what, list(ask.given), dict(ask.named)])
            if answer := self._answers.readline():
                return json.loads(answer)  # type: ignore[no-any-return]
        return {}

    def close(self) -> None:
        """Let it end, or see that it has."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while self._answers.readline():
                pass
        self._answers.close()
        self._line.close()

    def _say(self, words: Any) -> None:
        self._line.sendall(json.dumps(words).encode() + b"\n")


@contextmanager
def _nursery(directory: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Where the nursery listens; what its children print is in nursery.log."""
    address = directory / "nursery"
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ |= {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", **settings}
    with open(directory / "nursery.log", "ab") as log:
        nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery", str(address)],
            cwd=directory,  # where no .env of a developer's is
            env=environ,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 30
        while not address.exists():
            assert nursery.poll() is None and time.monotonic() < end, (directory / "nursery.log").read_text()
            time.sleep(0.02)
        yield str(address)
    finally:
        assert nursery.stdin
        nursery.stdin.close()
        nursery.wait(10)
