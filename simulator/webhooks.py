"""Sending bodies to a receiver, as Chargebee does: HTTP POST, JSON, basic auth, three timeouts.

One attempt a call. Whether there is another is for deliveries.py to decide.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from urllib.parse import urlsplit

from .state import Body

_LONGEST_ANSWER = 1_000_000  # bytes: nobody answers a webhook with more


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One webhook of the site: where events go, with which password, and which of them.

    The timeouts are those said of test sites (live ones give 20, 20 and 60 s); the provider's page could not be seen.
    """

    url: str
    user: str
    password: str
    id: str = "whv2_quittance"
    api_version: str = "v2"
    event_types: Collection[str] = ()  # empty: all of them
    enabled: bool = True
    connect_timeout: float = 10
    read_timeout: float = 10
    total_timeout: float = 20

    def wants(self, event_type: str) -> bool:
        return not self.event_types or event_type in self.event_types

    def __str__(self) -> str:
        return f"{self.id} ({self.url})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said. `status` is None when there was no answer at all; `took` is in real seconds."""

    status: int | None
    fault: str
    took: float

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send an event to one endpoint, at an instant of the site's clock."""

    event_id: str
    answer: Answer
    endpoint_id: str = ""
    at: datetime | None = None
    trick: str | None = None  # what was wrong with it on purpose

    @property
    def accepted(self) -> bool:
        return self.answer.accepted


def bytes_of(event: Body) -> bytes:
    """The body of a delivery: the same event gives the same bytes, however often it is sent."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Sender:
    """Posts to one address over connections kept open, from as many threads as like. A redirect is not followed.

    Plain sockets, for a client library would take most of the time that a thousand events a second leave.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        connect_timeout: float = 10,
        read_timeout: float = 10,
        total_timeout: float = 20,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is not an address that webhooks can go to: write http://host:port/path")
        self.url = url
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeouts = connect_timeout, read_timeout, total_timeout
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nUser-Agent: Chargebee-Webhooks\r\n"
            "Accept: */*\r\nContent-Type: application/json\r\nAuthorization: Basic "
        ).encode()
        self._credentials = _basic(user, password)
        self._wrong_credentials = _basic(user, password[::-1] + "x")
        self._idle: list[socket.socket] = []  # append and pop are one step each: no lock is needed
        self._closed = False

    @classmethod
    def to(cls, endpoint: Endpoint) -> Sender:
        return cls(
            endpoint.url,
            endpoint.user,
            endpoint.password,
            connect_timeout=endpoint.connect_timeout,
            read_timeout=endpoint.read_timeout,
            total_timeout=endpoint.total_timeout,
        )

    def post(self, body: bytes, *, credentials_wrong: bool = False, cut: bool = False) -> Answer:
        """Post a body and read the answer; with `cut`, hang up in the middle of the body instead.

        Never raises for what the network or the receiver does: the answer says it.
        """
        start = time.perf_counter()
        try:
            status, fault = self._post(body, credentials_wrong, cut, start)
        except TimeoutError:
            connect, read, total = self._timeouts
            status, fault = (
                None,
                f"timed out (connection {connect:g} s, read {read:g} s, {total:g} s in all): {self.url}",
            )
        except (OSError, ValueError) as error:
            status, fault = None, f"{type(error).__name__}: {error} ({self.url})"
        return Answer(status, fault, time.perf_counter() - start)

    def _post(self, body: bytes, credentials_wrong: bool, cut: bool, start: float) -> tuple[int | None, str]:
        connect, read, total = self._timeouts
        line = _Line(self._idle_line() or self._new_line(min(connect, total)), read, start + total)
        try:
            credentials = self._wrong_credentials if credentials_wrong else self._credentials
            head = self._head + credentials + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
            if cut:
                line.send(head + body[: len(body) // 2])
                line.socket.close()
                return None, "cut in the middle of the body"
            line.send(head + body)
            status, text, reusable = line.receive()
        except BaseException:
            line.socket.close()
            raise
        if reusable and not self._closed:
            self._idle.append(line.socket)
        else:
            line.socket.close()
        return status, "" if 200 <= status < 300 else f"{status} {text[:200].decode(errors='replace')}".strip()

    def _idle_line(self) -> socket.socket | None:
        """A connection kept open on which nothing has come since: else the receiver has hung up."""
        while self._idle:
            kept = self._idle.pop()
            poll = select.poll()
            poll.register(kept, select.POLLIN)
            if not poll.poll(0):
                return kept
            kept.close()
        return None

    def _new_line(self, timeout: float) -> socket.socket:
        line = socket.create_connection((self._host, self._port), timeout)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._tls.wrap_socket(line, server_hostname=self._host) if self._tls else line

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Line:
    """One exchange over a connection: every wait ends with the read timeout, and all of them at the deadline."""

    def __init__(self, socket: socket.socket, read_timeout: float, deadline: float) -> None:
        self.socket = socket
        self._read_timeout = read_timeout
        self._deadline = deadline
        self._received = 0

    def send(self, data: bytes) -> None:
        self._limit()
        self.socket.sendall(data)

    def receive(self) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection can be used again."""
        got = b""
        while True:
            while b"\r\n\r\n" not in got:
                got += self._more() or _hung_up()
            head, _, got = got.partition(b"\r\n\r\n")
            status = _status(head)
            if status >= 200:
                break
        fields = _fields(head)
        chunked = fields.get(b"transfer-encoding", b"").lower() == b"chunked"
        length = 0 if status in (204, 304) else int(fields[b"content-length"]) if b"content-length" in fields else None
        while not got.endswith(b"0\r\n\r\n") if chunked else length is None or len(got) < length:
            more = self._more()
            if not more and not chunked and length is None:
                return status, got, False  # the end of the answer is the end of the connection
            got += more or _hung_up()
        stays = head.startswith(b"HTTP/1.1") and fields.get(b"connection", b"").lower() != b"close"
        return status, got, stays and (chunked or len(got) == length)

    def _more(self) -> bytes:
        self._limit()
        more = self.socket.recv(65536)
        self._received += len(more)
        if self._received > _LONGEST_ANSWER:
            raise ValueError(f"the answer is longer than {_LONGEST_ANSWER} bytes")
        return more

    def _limit(self) -> None:
        left = self._deadline - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(min(left, self._read_timeout))


def _status(head: bytes) -> int:
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(words[1])


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _hung_up() -> bytes:
    raise ConnectionError("the receiver closed the connection before its answer was whole")


def _basic(user: str, password: str) -> bytes:
    return base64.b64encode(f"{user}:{password}".encode())
