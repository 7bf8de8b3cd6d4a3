"""How the tests call the receiver: one description of a request, sent through WSGI or over a socket."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

PATH = "/webhooks/chargebee"
CREDENTIALS = "chargebee:première:clé,chargebee:a-second-password"


def basic(pair: str | bytes) -> str:
    raw = pair if isinstance(pair, bytes) else pair.encode()
    return "Basic " + base64.b64encode(raw).decode()


FIRST, SECOND = (basic(pair) for pair in CREDENTIALS.split(","))


def an_event(**changes: Any) -> bytes:
    """A small event; a change to None leaves the member out."""
    event = {
        "id": "ev_1",
        "object": "event",
        "event_type": "invoice_updated",
        "occurred_at": 1_780_000_000,
        "api_version": "v2",
        "content": {"invoice": {"id": "inv_1", "customer_id": "cust_1"}},
    }
    return json.dumps({name: value for name, value in (event | changes).items() if value is not None}).encode()


@dataclass(frozen=True)
class Call:
    body: bytes = an_event()
    method: str = "POST"
    path: str = PATH
    authorization: str | None = FIRST
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    length: str | None = None  # where it is not the body's
    chunks: tuple[bytes, ...] = ()  # sent as they are, instead of the body

    @property
    def all_headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        return headers


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def through_wsgi(client: FlaskClient, call: Call) -> Answer:
    environ = {"CONTENT_LENGTH": call.length} if call.length is not None else {}
    response = client.open(
        call.path, method=call.method, headers=call.all_headers, data=call.body, environ_overrides=environ
    )
    headers = {name.lower(): value for name, value in response.headers}
    return Answer(response.status_code, headers, response.data)


def over_a_socket(port: int, call: Call, cut: bool = False) -> Answer | None:
    """Send a call byte for byte. With `cut` our side is closed after the body, and there may be no answer."""
    lines = [f"{call.method} {call.path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in call.all_headers.items()]
    if call.chunks:
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {len(call.body) if call.length is None else call.length}")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        _send(line, ["\r\n".join([*lines, "", ""]).encode("latin-1"), *(call.chunks or [call.body])])
        if cut:
            line.shutdown(socket.SHUT_WR)
        received = _all_of(line)
    return _parsed(received)


def chunked(body: bytes, size: int = 65_536) -> tuple[bytes, ...]:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return (*(b"%x\r\n%s\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n")


def _send(line: socket.socket, parts: Iterable[bytes]) -> None:
    try:
        for part in parts:
            line.sendall(part)
    except (BrokenPipeError, ConnectionResetError):
        pass  # answered before all was read, which is its right


def _all_of(line: socket.socket) -> bytes:
    received = b""
    try:
        while part := line.recv(65_536):
            received += part
    except ConnectionResetError:
        pass
    return received


def _parsed(received: bytes) -> Answer | None:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
