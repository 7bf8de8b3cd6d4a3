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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
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
from tests.builders import JANUARY, PASSWORD
from tests.crash.ends import DOMAIN, ENDS, PATHS, Life
from tests.crash.nursery import Asked
from tests.crash.scene import NOBODY, WORK, Ask, Chapter, Scene
from tests.databases import House
from tests.emails.relay import Relay
from tests.simulator.receiver import PASSWORD as OTHER_PASSWORD
from tests.simulator.receiver import USER, Receiver, receiving

ROOT = Path(__file__).parent.parent.parent
Death = tuple[str, int]  # a point, and the how-manyeth time that a process comes to it


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
            for ask in chapter.told(Scene(self.site, self.limits, self.rows, self.time_goes_by)):
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
        self.life.path = {name: Counter(map(str, self.rows(query))) for name, query in PATHS.items()}
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
            "MAIL_DOMAIN": DOMAIN,
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
        heard = {headers["Idempotency-Key"] for headers in self.host.headers}
        end["callbacks"] = sorted(heard & {key for key, _, _ in end["last words"]})
        end["Chargebee"] = [event["event_type"] for event in self.site.events]
        return end


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
