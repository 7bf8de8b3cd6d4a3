"""The servers that benchmarks run against: a PostgreSQL that forces to disk, a Valkey, and empty databases."""

from __future__ import annotations

import http.client
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.sql import SQL, Identifier

from bench import machine
from local import children
from local.children import LocalError
from local.postgres import Postgres
from local.valkey import Valkey

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")  # and none of the settings its owner may have
_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "track_commit_timestamp": "on",
}


_running: list[Stack] = []


class Stack:
    """Servers of one run, in a folder that is gone afterwards."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = Postgres(home / "postgres", durable=True, settings=_SETTINGS)
        self.valkey = Valkey(home / "valkey", durable=True)

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        self.postgres.create_database("template")
        config = Config(str(ROOT / "migrations" / "alembic.ini"))
        config.attributes["url"] = self.postgres.dsn("template")
        command.upgrade(config, "head")

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()

    @property
    def version(self) -> str:
        with self.admin() as connection:
            return str(connection.info.parameter_status("server_version"))

    def environment(self, database_url: str) -> dict[str, str]:
        """The settings of a system in production on this database, and on a part of the broker that is its own."""
        return {
            "QUITTANCE_ENV": "production",
            "DATABASE_URL": database_url,
            "BROKER_URL": self.valkey.url(),
            "BROKER_KEY_PREFIX": f"{secrets.token_hex(4)}-",
            "WEBHOOK_CREDENTIALS": f"chargebee:{secrets.token_urlsafe(24)}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": "https://quittance.example",
            "EFFECTS_HORIZON": "36500 days",  # the events are of other years, and their mails are to be queued
        }

    def admin(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres.dsn("postgres"), autocommit=True)

    @contextmanager
    def database(self, template: str = "template") -> Iterator[str]:
        """The URL of a new database, dropped afterwards: migrated and empty, unless made from another template."""
        name = f"bench_{secrets.token_hex(4)}"
        with self.admin() as connection:
            words = SQL("create database {} template {}")
            connection.execute(words.format(Identifier(name), Identifier(template)))
            try:
                yield self.postgres.dsn(name)
            finally:
                connection.execute(SQL("drop database {} with (force)").format(Identifier(name)))

    @contextmanager
    def process(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        answers: Callable[[], bool],
        program: Sequence[str | Path] = (sys.executable, "-m"),
        directory: Path = ROOT,
        name: str = "",
        every: float = 0.1,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A child, `python -m ..` unless another program is named, from its first answer to the end of the block."""
        name = name or arguments[-1]
        log = self.home / f"{name}.log"
        with open(log, "wb") as output:
            child = children.spawn(
                [*program, *arguments],
                output=output.fileno(),
                environment={name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(environment),
                directory=directory,
            )
        try:
            if not children.wait_until(lambda: answers() or child.poll() is not None, 30, every=every) or child.poll():
                end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise LocalError(f"{name} did not start; the end of its log is:\n{end}")
            yield child
        finally:
            children.stop(child)


def listens(port: int) -> bool:
    """Whether a web server answers there, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def running() -> Iterator[Stack]:
    """Servers until the end of the block: those of the block around it, if they run already."""
    if _running:
        yield _running[-1]
        return
    with tempfile.TemporaryDirectory(prefix="quittance-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # PostgreSQL may run as another user
        stack = Stack(home)
        try:
            stack.start()
            _running.append(stack)
            yield stack
        finally:
            _running.clear()
            stack.stop()


def on_servers(measure: Callable[[Stack], T]) -> T:
    """Measure on servers that live as long as that, after a line that says on what machine."""
    machine.require_linux()
    with running() as stack:
        print(f"On {machine.described(stack.version)}.")
        return measure(stack)
