"""The database as the receiver sees it: one autocommit connection per thread, and an end to every wait.

A request never waits longer than three seconds: connecting has its limit, a statement has its limit on the server,
and where the server is frozen and keeps neither, a watchdog shuts the socket. Once a request has waited in vain, one at
a time waits and the others are told at once: else they would wait for a thread, one after the other.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

_CONNECTING = 2  # seconds; libpq knows no less
_ALL = 2.5  # seconds for everything a request asks of the database, connecting again included
_IN_VAIN = 1.0  # seconds after which a failure counts as waiting in vain: other failures keep nobody waiting

# The guarantee is that an answered event is on disk, whatever the server's own default is.
_OPTIONS = "-c statement_timeout=2s -c synchronous_commit=on -c timezone=UTC"


T = TypeVar("T")


class Unavailable(Exception):
    """The database cannot be used now. The cause is chained."""


class Store:
    """One database. Opens nothing before the first question of each thread, and survives a fork."""

    def __init__(self, database_url: str) -> None:
        own = conninfo_to_dict(database_url).get("options") or ""
        self._conninfo = make_conninfo(
            database_url,
            options=f"{own} {_OPTIONS}".strip(),
            connect_timeout=_CONNECTING,
            client_encoding="utf8",
            application_name="quittance receiver",
        )
        self._local = threading.local()
        self._lines: WeakSet[_Line] = WeakSet()
        self._watchdogs: dict[int, _Watchdog] = {}
        self._silent = False  # the last one to ask waited in vain
        self._asking_again = threading.Lock()

    def ask(self, statement: str, values: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
        """Execute one statement, commit it, and give its first row. Else as `write`."""

        def asked(line: _Line) -> tuple[Any, ...] | None:
            return line.connection.execute(statement, values, prepare=True).fetchone()

        return self._patiently(asked)

    def write(self, statement: str, values: Sequence[str | bytes | None]) -> bool:
        """Execute one statement for the values $1, $2 and so on, commit it, and say whether it returned a row.

        Values are text as PostgreSQL reads it, and bytes. A connection that turns out to be dead is replaced once. The
        statement may then be executed twice.

        Raises:
            Unavailable: the database is away, full, frozen, read-only or refuses the statement; or somebody else waits
                already to see whether it answers again.
        """
        return self._patiently(lambda line: line.write(statement, values))

    def close(self) -> None:
        """Close every connection. No thread may be asking."""
        for line in list(self._lines):
            line.drop()
        self._local = threading.local()

    def _patiently(self, work: Callable[[_Line], T]) -> T:
        if not self._silent:
            return self._tried(work)
        if not self._asking_again.acquire(blocking=False):
            raise Unavailable("it answered nobody for a while, and another call is waiting for it")
        try:
            return self._tried(work)
        finally:
            self._asking_again.release()

    def _tried(self, work: Callable[[_Line], T]) -> T:
        start = time.monotonic()
        try:
            found = self._twice(work, start + _ALL)
        except Unavailable:
            self._silent = time.monotonic() > start + _IN_VAIN
            raise
        self._silent = False
        return found

    def _twice(self, work: Callable[[_Line], T], end: float) -> T:
        try:
            try:
                return self._watched(work, end)
            except psycopg.OperationalError:
                # Only an old connection may be replaced, and only while there is time to connect.
                if not self._was_old or time.monotonic() > end - _CONNECTING:
                    raise
                return self._watched(work, end)
        except (psycopg.Error, OSError) as error:
            # The first line only: those after it may show the row.
            raise Unavailable(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error

    def _watched(self, work: Callable[[_Line], T], end: float) -> T:
        line = self._line(end)
        try:
            with self._watchdog().watching(line.socket, end):
                return work(line)
        except BaseException:
            line.drop()
            self._local.line = None
            raise

    def _line(self, end: float) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        self._local.was_old = line is not None and line.pid == os.getpid()
        if line is None or line.pid != os.getpid():
            line = self._local.line = self._connected(end)
            self._lines.add(line)
        return line

    def _connected(self, end: float) -> _Line:
        """A new connection before `end`: a name that resolves slowly, or to many addresses, would take longer."""
        promise: Future[_Line] = Future()
        threading.Thread(target=self._connect, args=(promise,), name="database connect", daemon=True).start()
        try:
            return promise.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            promise.cancel()
            raise

    def _connect(self, promise: Future[_Line]) -> None:
        try:
            line = _Line(psycopg.connect(self._conninfo, autocommit=True))
        except Exception as error:
            with suppress(InvalidStateError):
                promise.set_exception(error)
            return
        try:
            promise.set_result(line)
        except InvalidStateError:  # too late, nobody waits any more
            line.drop()

    @property
    def _was_old(self) -> bool:
        return bool(self._local.was_old)

    def _watchdog(self) -> _Watchdog:
        watchdog = self._watchdogs.get(os.getpid())
        if watchdog is None:
            mine = _Watchdog()
            watchdog = self._watchdogs.setdefault(os.getpid(), mine)
            if watchdog is mine:
                mine.start()
        return watchdog


class _Line:
    """A connection, and a second handle on its socket for the watchdog.

    The handle is a duplicate: when libpq closes its own, the number may at once belong to somebody else's socket.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.pid = os.getpid()
        self.connection = connection
        self.socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._prepared: dict[str, bytes] = {}

    def write(self, statement: str, values: Sequence[str | bytes | None]) -> bool:
        # Through libpq itself: to adapt values, wait in Python and make a row costs psycopg twice what this does.
        libpq = self.connection.pgconn
        name = self._prepared.get(statement)
        if name is None:
            name = f"write_{len(self._prepared)}".encode()
            self._check(libpq.prepare(name, statement.encode()))
            self._prepared[statement] = name
        given = [each.encode() if isinstance(each, str) else each for each in values]
        formats = [Format.BINARY if isinstance(each, bytes) else Format.TEXT for each in values]
        result = libpq.exec_prepared(name, given, formats)  # type: ignore[arg-type]  # None is null
        self._check(result)
        return result.ntuples > 0

    def _check(self, result: PGresult) -> None:
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            if self.connection.pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(result.get_error_message())
            raise error_from_result(result)

    def drop(self) -> None:
        with suppress(psycopg.Error, OSError):
            self.connection.close()
        self.socket.close()

    def __del__(self) -> None:
        # Its thread has ended. After a fork the connection is the parent's: psycopg then leaves it alone by itself.
        if self.pid == os.getpid():
            self.drop()


class _Watchdog(threading.Thread):
    """Shuts the sockets of those who wait past their end, which wakes them with an error."""

    def __init__(self) -> None:
        super().__init__(name="database watchdog", daemon=True)
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[float, socket.socket]] = {}

    @contextmanager
    def watching(self, line: socket.socket, end: float) -> Iterator[None]:
        me = threading.get_ident()
        with self._lock:
            self._watched[me] = (end, line)
        try:
            yield
        finally:
            with self._lock:
                del self._watched[me]

    def run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                for end, line in self._watched.values():
                    if end <= now:
                        with suppress(OSError):  # shut before, or gone already
                            line.shutdown(socket.SHUT_RDWR)
            time.sleep(_ALL / 25)


def array_of(texts: Sequence[str]) -> str:
    """Texts as PostgreSQL writes an array of them."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"
