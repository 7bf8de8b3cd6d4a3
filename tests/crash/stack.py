"""The processes of a running system over servers that a test may kill: as production starts them, and nothing else.

What a test changes is the world around them (a server, a signal, the time that has passed in a row), never their code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
from celery import Celery
from celery.app.control import Control

from local.children import free_port
from tests.builders import PASSWORD, Body
from tests.conftest import eventually
from worker.doorbell import Doorbell
from worker.settings import Settings

Process = subprocess.Popen[bytes]
HISTORY_IS_TOLD = {"EFFECTS_HORIZON": "36500 days", "MERCHANT_NAME": "Logiciels Boréal inc."}


class Stack:
    """One database, one broker, and the processes that a test starts on them."""

    def __init__(self, start: Callable[..., Process], db_url: str, directory: Path, **environ: str) -> None:
        self._start = start
        self.db_url = db_url
        self.directory = directory
        self.environ = {"DATABASE_URL": db_url, **HISTORY_IS_TOLD, **environ}
        self.receiver_url = ""

    # ---- processes -----------------------------------------------------------------------------------------------

    def worker(self, name: str = "worker", *, processes: int = 1, app: str = "worker.app", **environ: str) -> Process:
        return self._celery(name, app, "worker", "-c", str(processes), "-n", f"{name}@%h", environ=environ)

    def beat(self, name: str = "beat", **environ: str) -> Process:
        return self._celery(name, "worker.app", "beat", "-S", "celery.beat:Scheduler", environ=environ)

    def receiver(self) -> Process:
        """Start the receiver and wait until it serves; it is posted to from then on."""
        port = free_port()
        process = self._start(
            *("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--blocking-threads", "4", "webhooks.wsgi:app"),
            name="receiver",
            **self.environ,
        )
        self.receiver_url = f"http://127.0.0.1:{port}"
        eventually(self._serves)
        return process

    def _celery(self, name: str, app: str, what: str, *options: str, environ: dict[str, str]) -> Process:
        quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat") if what == "worker" else ()
        arguments = ("celery", "-A", app, what, "-l", "INFO", *options, *quiet)
        return self._start(*arguments, name=name, **self.environ | environ)

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.receiver_url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def said(self, name: str) -> str:
        """What the process of this name has written so far."""
        return (self.directory / f"{name}.log").read_text()

    # ---- the outside ---------------------------------------------------------------------------------------------

    def post(self, body: Body) -> int:
        """One webhook call, as Chargebee makes it; the status it is answered with."""
        answer = httpx.post(
            f"{self.receiver_url}/webhooks/chargebee",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
            auth=("chargebee", PASSWORD),
            timeout=20,
            trust_env=False,
        )
        return answer.status_code

    def ring(self, queue: str = "events") -> None:
        """What the sweep does every five seconds, at once."""
        values = {"WEBHOOK_CREDENTIALS": f"chargebee:{PASSWORD}", **self.environ}
        settings = Settings.read(values)
        bell = Doorbell(settings.broker_url, settings.broker_key_prefix)
        bell.ring(queue)
        bell.close()

    @contextmanager
    def control(self) -> Iterator[Control]:
        """Celery's own remote control of the workers."""
        with Celery(broker=self.environ["BROKER_URL"]) as app:
            app.conf.broker_transport_options = {"global_keyprefix": self.environ["BROKER_KEY_PREFIX"]}
            yield app.control

    # ---- the rows ------------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the database answers: single values where one column is asked for, else rows."""
        with psycopg.connect(self.db_url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            found = cursor.fetchall() if cursor.description else []
        return [row[0] if len(row) == 1 else row for row in found]

    def everything_ended(self) -> bool:
        return self.rows("select count(*) from inbox_events where status = 'pending'") == [0]

    def endings(self) -> dict[str, int]:
        """How many events ended how."""
        return dict(self.rows("select status, count(*) from inbox_events group by status"))

    @contextmanager
    def held_row(self, table: str, id: str) -> Iterator[Callable[[], list[int]]]:
        """Keep a row locked; gives a question: which sessions wait for it now?"""
        with psycopg.connect(self.db_url) as holder, holder.transaction():
            locked = holder.execute(f"select id from {table} where id = %s for update", [id]).fetchone()
            assert locked, f"there is no {id} in {table}"
            pid = holder.info.backend_pid
            yield lambda: self.rows("select pid from pg_stat_activity where %s = any(pg_blocking_pids(pid))", pid)


def kill(process: Process) -> None:
    """kill -9 of a process and all its children, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
