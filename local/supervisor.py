"""Runs the whole stack on one machine: servers, receiver, pages, worker, beat, mailbox, make-believe Chargebee, demo.

    python -m local.supervisor run [--once] [--no-demo] [--verbose] [--home FOLDER]

What is started last is stopped first. When one process ends, everything ends: a stack that has lost a part would only
look as if it ran. Every line of every process is kept in FOLDER/log; until the demo has been played, only its own lines
and other processes' trouble are shown.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psycopg
from dotenv import dotenv_values

from local import children, environment
from local.children import LocalError, Server
from local.postgres import Postgres
from local.valkey import Valkey
from webhooks.health import Schema
from worker.settings import Settings, SettingsError

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "quittance"
GRACE = 15.0  # seconds to end well, before the process group is killed; production gives 75, here somebody waits
PATIENCE = 60.0  # seconds to become ready
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know this machine
# How the programs of the stack write the level of a line: "[warning  ]", "[ERROR]", "INFO  [alembic.runtime]"
_CALM = "debug|info|notice"
_TROUBLE = "warn|warning|error|critical|fatal"
_LEVEL = re.compile(
    rf"\[(?:(?:{_CALM})|(?P<a>{_TROUBLE})) *\]|\b(?:(?:{_CALM.upper()})|(?P<b>{_TROUBLE.upper()}))\b"
    r"|(?P<c>Traceback) \(most recent call last\)|\w(?P<d>Warning): "
)
_COLOURS = {
    "web": 36,
    "console": 36,
    "worker": 32,
    "beat": 35,
    "mailbox": 33,
    "chargebee": 34,
    "demo": 96,
    "migrate": 90,
}


class Console:
    """Where the lines of all processes go, each behind the name of its process."""

    def __init__(self, output: IO[str] | None, *, colours: bool) -> None:
        self.story: str | None = None  # the process that has the floor: of the others, only trouble is shown
        self._output = output
        self._colours = colours
        self._lock = threading.Lock()

    @classmethod
    def of_this_process(cls) -> Console:
        """Standard output, coloured on a terminal unless NO_COLOR is set."""
        terminal = sys.stdout is not None and sys.stdout.isatty()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal may know no accents
        return cls(sys.stdout, colours=terminal and not os.environ.get("NO_COLOR"))

    def line(self, name: str, text: str) -> None:
        """One line of the process of that name."""
        prefix = f"{name:>9} |"
        if self._colours:
            prefix = f"\033[{_COLOURS.get(name, 37)}m{prefix}\033[0m"
        self.say(f"{prefix} {text}")

    def say(self, text: str = "") -> None:
        """Text of the supervisor itself. Whoever reads may be gone: the stack goes on without."""
        with self._lock:
            if self._output is not None:
                try:
                    print(text, file=self._output, flush=True)
                except (OSError, ValueError):
                    self._output = None


class Process:
    """A child whose lines are kept in a file and shown, and of which the last ones are remembered."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], console: Console, logs: Path
    ) -> None:
        self.name = name
        self._console = console
        logs.mkdir(mode=0o700, exist_ok=True)
        self._log: IO[str] | None = (logs / f"{name}.log").open("w", encoding="utf-8", buffering=1)
        self._last: deque[str] = deque(maxlen=20)
        self._heard: set[str] = set()
        self._awaited: dict[str, re.Pattern[str]] = {}
        reading, writing = os.pipe()
        try:
            self.child = children.spawn(command, output=writing, environment=settings, directory=ROOT)
        finally:
            os.close(writing)
        self._reader = threading.Thread(target=self._read, args=(reading,), name=f"lines of {name}", daemon=True)

    def expect(self, what: str, pattern: str) -> None:
        """Notice when a line matches; ask with `has_said`. To be called before `follow`."""
        self._awaited[what] = re.compile(pattern)

    def follow(self) -> None:
        """Begin to show its lines."""
        self._reader.start()

    def has_said(self, what: str) -> bool:
        """Whether an expected line has come."""
        return what in self._heard

    def last_lines(self) -> list[str]:
        """The end of what it said. Once it has ended, all of it."""
        if self.child.poll() is not None:
            self._reader.join(2)  # a grandchild may hold the pipe open
        return list(self._last)

    def _read(self, reading: int) -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            trouble = False
            for line in lines:
                text = line.rstrip()
                self._keep(text)
                self._last.append(text)
                self._heard |= {what for what, pattern in self._awaited.items() if pattern.search(text)}
                trouble = _is_trouble(text, trouble)
                if trouble or self._console.story in (None, self.name):
                    self._console.line(self.name, text)
        self._close()

    def _keep(self, text: str) -> None:
        """Write a line to the log. A disk that is full must not make the process wait for its reader."""
        if self._log is not None:
            try:
                self._log.write(f"{text}\n")
            except OSError:
                self._close()

    def _close(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            with contextlib.suppress(OSError):
                log.close()


def _is_trouble(text: str, before: bool) -> bool:
    """Whether a line is a warning or worse; one without a level goes on with what the line before it was."""
    level = _LEVEL.search(text)
    return before if level is None else level.lastgroup is not None


class Ended(Exception):
    """A process of the stack ended by itself."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.name)
        self.process = process

    @property
    def code(self) -> int:
        """A code for the shell that is never 0."""
        code = self.process.child.returncode
        return 128 - code if code < 0 else code or 1


class Interrupted(Exception):
    """Somebody asked the stack to stop."""


class Stack:
    """Servers and processes in the order they were started; stopped in the opposite one."""

    def __init__(self, console: Console, logs: Path) -> None:
        """Show lines on this console, and keep them in files of this folder."""
        self.console = console
        self.logs = logs
        self.processes: list[Process] = []
        self._servers: list[Server] = []
        self._asked = threading.Event()  # to stop
        self._pressed = threading.Event()  # to stop now

    def ask_to_stop(self, *_signal: object) -> None:
        """Stop soon; asked twice, without waiting for anybody. Fit for a signal handler."""
        (self._pressed if self._asked.is_set() else self._asked).set()

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether somebody did."""
        return self._asked.is_set()

    def add(self, server: Server) -> None:
        """Start a server.

        Raises:
            Interrupted: somebody asked to stop meanwhile.
        """
        self._servers.append(server)
        server.start()
        if self._asked.is_set():
            raise Interrupted

    def start(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], expect: Mapping[str, str] | None = None
    ) -> Process:
        """Start a process that is to stay."""
        process = Process(name, command, settings, self.console, self.logs)
        for what, pattern in (expect or {}).items():
            process.expect(what, pattern)
        self.processes.append(process)
        process.follow()
        return process

    def run(self, name: str, command: Sequence[str], settings: Mapping[str, str]) -> int:
        """Run a process to its end, watching the others; its exit code."""
        process = self.start(name, command, settings)
        self.wait(lambda: process.child.poll() is not None, but=process)
        self.processes.remove(process)
        process.last_lines()
        return process.child.returncode

    def wait(self, happened: Callable[[], bool], seconds: float | None = None, but: Process | None = None) -> bool:
        """Wait for something while everything runs; False when it took too long.

        Raises:
            Ended: a process (`but` for one that may) has ended.
            Interrupted: somebody asked to stop.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while not happened():
            for process in self.processes:
                if process is not but and process.child.poll() is not None:
                    raise Ended(process)
            for server in self._servers:
                if server.exit_code() is not None:
                    raise LocalError(f"{server.name} has ended; the end of {server.log} says why")
            if self._asked.wait(0.05):
                raise Interrupted
            if end is not None and time.monotonic() > end:
                return False
        return True

    def stop(self) -> None:
        """Stop the last one first; a process that does not end in time is killed with its children."""
        while self.processes:
            process = self.processes.pop()
            self._stop(process.child)
        while self._servers:
            self._servers.pop().stop()

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is None:
            child.terminate()
            children.wait_until(lambda: child.poll() is not None or self._pressed.is_set(), GRACE)
        children.kill_group(child)
        child.wait()


class Plan:
    """What to start, from what the developer chose and what is free."""

    def __init__(self, home: Path, console: Console, *, demo: bool) -> None:
        self.home = home
        self.demo = demo
        self.own_site = True  # a make-believe Chargebee is served; False where a real one is named
        self.stack = Stack(console, home / "log")
        self.chosen = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value} | dict(os.environ)
        self.made: dict[str, str] = {}  # the settings that we add
        self.links: dict[str, str] = {}
        self.pages_port = 0

    @property
    def settings(self) -> dict[str, str]:
        """The environment of every process."""
        return {**os.environ, **self.made}

    def up(self) -> None:
        """Start everything, and wait until it answers."""
        if self.chosen.get("QUITTANCE_ENV", "development") != "development":
            raise LocalError("QUITTANCE_ENV is not development: this stack is for a laptop; use the Procfile")
        self.made = (
            {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
            | environment.direct(self.chosen)
            | environment.samples(self.chosen)
        )
        self.made |= environment.secrets_of(self.home, self.chosen)
        port = self._port()
        self.made["PORT"] = str(port)
        self.pages_port = self._near(1)
        if not environment.is_given(self.chosen, "PUBLIC_URL"):
            self.made["PUBLIC_URL"] = f"http://127.0.0.1:{self.pages_port}"
        self._check()
        self.stack.console.say(f"Starting everything; logs are kept in {self.stack.logs}")
        self._servers()
        self._mailbox()
        self._chargebee()
        self._migrate()
        worker = self._processes(port)
        self._wait_until_ready(port, worker)
        if self.own_site and not self.demo:
            self._empty_site()
        self._name_links(port)
        self._write_down()

    def play(self, *, stay: bool) -> int:
        """Play the demo; the exit code. With `stay` it goes on serving the make-believe Chargebee afterwards."""
        if not stay:
            return self.stack.run("demo", self._site(), self.settings)
        demo = self._open("demo", [*self._site(), "--stay"])
        if demo.child.poll() is None:
            return 0
        self.stack.processes.remove(demo)
        return demo.child.returncode or 1

    def _empty_site(self) -> None:
        """Serve the make-believe Chargebee without the demo."""
        site = self._open("chargebee", [*self._site(), "--no-story", "--stay"])
        if site.child.poll() is not None:
            raise Ended(site)

    def _site(self) -> list[str]:
        return _python("local.demo", "--port", self.made["PORT"], "--journal", str(self.home / "site.journal"))

    def _open(self, name: str, command: list[str]) -> Process:
        """Start what serves the site, and wait until people may act on it, or until it has ended."""
        site = self.stack.start(name, command, self.settings, expect={"open": "make-believe Chargebee is open at"})
        self.stack.wait(lambda: site.has_said("open") or site.child.poll() is not None, but=site)
        return site

    def _port(self) -> int:
        """The receiver's port: the one asked for, else 8000, else any."""
        wanted = os.environ.get("PORT", "")
        if not wanted:
            return 8000 if children.is_free(8000) else children.free_port()
        if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
            raise LocalError(f"PORT is {wanted!r}: set it to a number from 1024 to 65535, or leave it out")
        if not children.is_free(int(wanted)):
            raise LocalError(f"port {wanted} is taken; set PORT to another one, or leave it out to get a free one")
        return int(wanted)

    def _near(self, steps: int) -> int:
        """So many steps from the receiver's port, if that is free: the next start finds the same one."""
        port = int(self.made["PORT"]) + steps
        return port if port < 65536 and children.is_free(port) else children.free_port()

    def _check(self) -> None:
        """Refuse settings that are wrong before anything starts; what we shall start ourselves has an address then."""
        to_come: dict[str, str] = {}
        if not environment.is_given(self.chosen, "DATABASE_URL"):
            to_come["DATABASE_URL"] = f"postgresql://127.0.0.1/{DATABASE}"
        if not environment.is_given(self.chosen, "BROKER_URL", "REDIS_URL"):
            to_come["REDIS_URL"] = "redis://127.0.0.1"
        Settings.read(self.chosen | self.made | to_come)

    def _servers(self) -> None:
        if not environment.is_given(self.chosen, "DATABASE_URL"):
            postgres = Postgres(self.home / "postgres")
            self.stack.add(postgres)
            postgres.create_database(DATABASE)
            self.made["DATABASE_URL"] = postgres.dsn(DATABASE)
            self.stack.console.say(f"PostgreSQL  127.0.0.1:{postgres.port}")
        if not environment.is_given(self.chosen, "BROKER_URL", "REDIS_URL"):
            valkey = Valkey(self.home / "valkey")
            self.stack.add(valkey)
            self.made["REDIS_URL"] = valkey.url()
            self.stack.console.say(f"Valkey      127.0.0.1:{valkey.port}")

    def _mailbox(self) -> None:
        if environment.is_given(self.chosen, "MAIL_URL"):
            return
        smtp, pages, folder = children.free_port(), self._near(2), self.home / "mail"
        ports = ["--smtp-port", str(smtp), "--http-port", str(pages)]
        self.stack.start("mailbox", _python("local.mailbox", *ports, "--dir", str(folder)), self.settings)
        self.made["MAIL_URL"] = f"smtp://127.0.0.1:{smtp}"
        self.links["mailbox"] = f"http://127.0.0.1:{pages}/"

    def _chargebee(self) -> None:
        """Name the make-believe Chargebee that will be served; a real one that is named takes its place."""
        if environment.is_given(self.chosen, "CHARGEBEE_SITE", "CHARGEBEE_API_KEY", "CHARGEBEE_API_URL"):
            self.own_site = False
            self.stack.console.story = None
            if self.demo:
                self.stack.console.say(
                    "No demo: CHARGEBEE_SITE names a site, and make-believe events do not belong there."
                )
            self.demo = False
        else:
            self.made |= environment.simulated_site(self.home, f"http://127.0.0.1:{self._near(3)}")

    def _migrate(self) -> None:
        """Bring the database up to date; Alembic, which is slow to load, is left alone when it is."""
        url = Settings.read(self.chosen | self.made).database_url
        if _is_at_head(url):
            return
        command = _python("alembic", "-c", "migrations/alembic.ini", "upgrade", "head")
        if self.stack.run("migrate", command, self.settings | {"DATABASE_URL": url}):
            raise LocalError(
                f"the database could not be brought up to date; {self.stack.logs / 'migrate.log'} says why"
            )

    def _processes(self, port: int) -> Process:
        celery = ["celery", "--quiet", "-A", "worker.app"]
        worker = self.stack.start(
            "worker",
            _python(
                *celery,
                "worker",
                "-l",
                "INFO",
                "-c",
                "2",
                "--without-mingle",
                "--without-gossip",
                "--without-heartbeat",
            ),
            self.settings | self._no_word_about_root(),
            expect={"ready": r"celery@\S+ ready\."},
        )
        self.stack.start("beat", _python(*celery, "beat", "-l", "INFO", "-S", "celery.beat:Scheduler"), self.settings)
        self.stack.start("web", _python(*_granian(port, workers=2), "webhooks.wsgi:app"), self.settings)
        self.stack.start("console", _python(*_granian(self.pages_port, workers=1), "console.wsgi:app"), self.settings)
        return worker

    def _no_word_about_root(self) -> dict[str, str]:
        """Celery warns of root at length; containers have nobody else, and nothing from outside is run here."""
        others = self.chosen.get("PYTHONWARNINGS")
        return {"PYTHONWARNINGS": ",".join(filter(None, [others, "ignore:You're running the worker with superuser"]))}

    def _wait_until_ready(self, port: int, worker: Process) -> None:
        waits: dict[str, Callable[[], bool]] = {
            "the receiver (/healthz)": lambda: _answers(f"http://127.0.0.1:{port}/healthz"),
            "what the receiver stands on (/readyz)": lambda: _answers(f"http://127.0.0.1:{port}/readyz"),
            "the pages": lambda: _answers(f"http://127.0.0.1:{self.pages_port}/healthz"),
            "the worker": lambda: worker.has_said("ready"),
        }
        if "mailbox" in self.links:
            waits["the mailbox"] = lambda: _answers(self.links["mailbox"])
        for what, ready in waits.items():
            if not self.stack.wait(ready, PATIENCE):
                raise LocalError(f"{what} did not become ready within {PATIENCE:.0f} s; {self.stack.logs} may say why")

    def _name_links(self, port: int) -> None:
        receiver = f"http://127.0.0.1:{port}"
        self.links["receiver"] = f"{receiver}/webhooks/chargebee"
        if "WEBHOOK_CREDENTIALS" in self.made:
            self.links["its user and password"] = f"chargebee, and the text of {self.home / 'webhook.password'}"
        self.links["health"] = f"{receiver}/readyz"
        if "CHARGEBEE_API_URL" in self.made:
            self.links["make-believe Chargebee"] = f"{self.made['CHARGEBEE_API_URL']}/_sim/"
        self.links["previews of mails"] = f"http://127.0.0.1:{self.pages_port}/_preview/emails"
        self.links["logs"] = str(self.stack.logs)

    def _write_down(self) -> None:
        """Tell `./dev cli`, and whoever wants to look, how to reach what runs."""
        facts = {
            "pid": os.getpid(),
            "processes": {process.name: process.child.pid for process in self.stack.processes},
            "links": self.links,
            "environment": self.made,
        }
        children.write_private(self.home / "stack.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def run(home: Path, *, once: bool, demo: bool, verbose: bool, console: Console) -> int:
    """Bring the stack up, play the demo, and stay until Ctrl-C or the end of a process; the exit code."""
    plan = Plan(home, console, demo=demo)
    if not verbose:
        console.story = "demo" if demo else "chargebee"
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, plan.stack.ask_to_stop)
    code = 0
    try:
        start = time.monotonic()
        plan.up()
        console.say(f"\nReady after {time.monotonic() - start:.1f} s.")
        if plan.demo:
            _show(plan.links, console)
            code = plan.play(stay=not once)
            console.say("\nThe demo has been played." if code == 0 else f"\nThe demo failed (exit code {code}).")
        if not once:
            _show(plan.links, console)
            console.say("Ctrl-C stops everything.")
            console.story = None
            plan.stack.wait(lambda: False)
    except Interrupted:
        code = code or (130 if once else 0)
    except Ended as ended:
        code = ended.code
        console.say(f"\n{ended.process.name} has ended by itself (exit code {code}). The last it said:")
        for line in ended.process.last_lines():
            console.say(f"    {line}")
    finally:
        hint = " (press Ctrl-C again to stop now)" if plan.stack.is_asked_to_stop else ""
        console.say(f"\nStopping ..{hint}")
        (home / "stack.json").unlink(missing_ok=True)
        plan.stack.stop()
        console.say("Stopped.")
    return code


def _show(links: Mapping[str, str], console: Console) -> None:
    for title, link in links.items():
        console.say(f"  {title:<22} {link}")
    console.say()


def _granian(port: int, *, workers: int) -> list[str]:
    server = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    # A worker of granian's that is still starting misses the request to stop, and is waited for without an end.
    return [*server, "--workers", str(workers), "--blocking-threads", "4", "--workers-kill-timeout", "3"]


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _is_at_head(database_url: str) -> bool:
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            rows = connection.execute("select version_num from alembic_version").fetchall()
    except psycopg.errors.UndefinedTable:
        return False
    except psycopg.OperationalError as problem:
        raise LocalError(f"the database of DATABASE_URL cannot be reached: {problem}") from None
    return {version for (version,) in rows} == Schema.of().head


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # every refusal of urllib is one
        return False


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the folder for this stack; the system lets go of it however we end."""
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = home / "lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LocalError(
                f"{home} is being forgotten by ./dev reset; start again when it has ended"
                if holder == "reset"
                else f"a stack already runs on {home} (process {holder}); use it, stop it,"
                " or name another folder with --home"
            ) from None
        if not path.exists() or not os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            raise LocalError(f"{home} has just been forgotten by ./dev reset; start again")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; its exit code."""
    parser = argparse.ArgumentParser(prog="./dev", description="Runs the whole stack on this machine.")
    words = parser.add_subparsers(dest="word", required=True)
    word = words.add_parser("run", help="bring everything up, play the demo, stay until Ctrl-C")
    word.add_argument("--once", action="store_true", help="end after the demo: exit code 0 when it went well")
    word.add_argument("--no-demo", action="store_true", help="play no demo: an empty make-believe Chargebee")
    word.add_argument("--verbose", action="store_true", help="show the lines of all processes during the demo, too")
    word.add_argument("--home", type=Path, default=ROOT / ".dev", help="where databases, mail and secrets are kept")
    asked = parser.parse_args(arguments)
    home = asked.home.resolve()
    try:
        with _alone(home):
            console = Console.of_this_process()
            return run(home, once=asked.once, demo=not asked.no_demo, verbose=asked.verbose, console=console)
    except (LocalError, SettingsError) as problem:
        print(f"./dev run: {problem}", file=sys.stderr)
    except OSError as problem:
        where = problem.filename or home
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            print(f"./dev run: no room left on the disk of {where}; make some, then start again", file=sys.stderr)
        elif problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR):
            print(
                f"./dev run: cannot write {where} ({problem.strerror}); use a clone that belongs to you,"
                " or --home FOLDER with a folder you can write",
                file=sys.stderr,
            )
        else:
            raise
    return 1


if __name__ == "__main__":
    sys.exit(main())
