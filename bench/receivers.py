"""Receivers of events as they are served: ours, and a minimal durable one. Both by granian, as many processes and
threads as production has."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

from bench.events import Told, a_card_payment
from bench.posting import request
from bench.stack import Stack, listens
from local.children import free_port

_APPS = {"minimal": "bench.minimal:app", "quittance": "webhooks.wsgi:app"}
_TABLES = {"minimal": "minimal_events", "quittance": "inbox_events"}
_MINIMAL = "create table minimal_events (seq bigint generated always as identity primary key, raw bytea not null)"


@dataclass(frozen=True)
class Receiver:
    """One that runs: where it listens, its main process, what it writes, and how long it took to its first answer."""

    port: int
    pid: int
    started_in: float  # seconds
    database_url: str
    table: str
    authorization: str
    event: Told

    def requests(self, count: int) -> Iterator[bytes]:
        """So many times the event, each under an id of its own."""
        head, _, tail = self.event.raw.partition(self.event.id.encode())
        prefix = f"ev_{time.time_ns() // 1000}_"
        for number in range(count):
            body = head + f"{prefix}{number}".encode() + tail
            yield request("/webhooks/chargebee", {"Authorization": self.authorization}, body)

    def stored(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            ((count,),) = connection.execute(SQL("select count(*) from {}").format(Identifier(self.table))).fetchall()
        return int(count)

    def empty(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(SQL("truncate {}").format(Identifier(self.table)))
            connection.execute("checkpoint")


@contextmanager
def serving(stack: Stack, side: str, event: Told | None = None) -> Iterator[Receiver]:
    """The receiver of this side on a database of its own, from its first answer to the end of the block."""
    port, password = free_port(), secrets.token_urlsafe(24)
    authorization = "Basic " + base64.b64encode(f"chargebee:{password}".encode()).decode()
    granian = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    arguments = [*granian, "--workers", "2", "--blocking-threads", "4", _APPS[side]]
    with stack.database() as database_url:
        if side == "minimal":
            with psycopg.connect(database_url) as connection:
                connection.execute(_MINIMAL)
        environment = {
            "DATABASE_URL": database_url,
            "AUTHORIZATION": authorization,
            "QUITTANCE_ENV": "production",
            "BROKER_URL": stack.valkey.url(),
            "WEBHOOK_CREDENTIALS": f"chargebee:{password}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": "https://quittance.example",
        }
        start = time.monotonic()
        with stack.process(*arguments, environment=environment, answers=lambda: listens(port), every=0.01) as server:
            seconds = time.monotonic() - start
            about = (database_url, _TABLES[side], authorization, event or a_card_payment())
            yield Receiver(port, server.pid, seconds, *about)
