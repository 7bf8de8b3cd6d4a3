"""Receivers of events as they are served: ours, and a minimal durable one. Both by granian, as many processes and
threads as production has."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
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
    with stack.database() as database_url:
        if side == "minimal":
            with psycopg.connect(database_url) as connection:
                connection.execute(_MINIMAL)
        environment = stack.environment(database_url)
        authorization = authorization_of(environment)
        start = time.monotonic()
        with listening(stack, _APPS[side], environment | {"AUTHORIZATION": authorization}) as (port, pid):
            seconds = time.monotonic() - start
            about = (database_url, _TABLES[side], authorization, event or a_card_payment())
            yield Receiver(port, pid, seconds, *about)


@contextmanager
def listening(stack: Stack, app: str, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """A WSGI application as production serves the receiver: its port and the id of its main process."""
    port = free_port()
    command = f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 2 --blocking-threads 4 {app}"
    with stack.process(*command.split(), environment=environment, answers=lambda: listens(port), every=0.01) as server:
        yield port, server.pid


def authorization_of(environment: Mapping[str, str]) -> str:
    """The header with the credentials of these settings."""
    return "Basic " + base64.b64encode(environment["WEBHOOK_CREDENTIALS"].encode()).decode()
