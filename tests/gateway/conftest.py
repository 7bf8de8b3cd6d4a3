"""Servers that misbehave on command, on real sockets: what the simulator has no reason to do."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.client import Gateway

Answer = bytes | Callable[[socket.socket, threading.Event], None]


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Answers its requests one after the other with the answers given (the last one again and again).

    An answer is the bytes to send, or a function of the connection and of an event that is set when the test ends.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.server_names: list[str | None] = []
        self.answers: list[Answer] = []
        self._tls = tls
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def answer(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(10)
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                request = _read_request(connection)
                if request is None:
                    return
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    answer(connection, self._over)
                else:
                    connection.sendall(answer)
                connection.close()
            except OSError:
                connection.close()  # the other side went away: that is what some of the tests are about


def _read_request(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Request(line, headers, body)


def answer(status: int, body: bytes | object = b"", type: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer; what is not bytes is sent as JSON."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": type, "Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode() + b"\r\n" + body


class Provider(ScriptedServer):
    """A scripted server in the place of Chargebee, and gateways to it."""

    def gateway(self, **more: object) -> Gateway:
        values: dict[str, object] = {"connect_seconds": 5, "read_seconds": 5} | more
        return Gateway("acme-test", "test_key", self.url, **values)  # type: ignore[arg-type]

    def refuse(self, status: int, code: str, message: str = "no", type: str | None = "invalid_request") -> None:
        """Answer with an error as Chargebee words them."""
        self.answer(answer(status, {"message": message, "type": type, "api_error_code": code}))

    def serve_pdf(self, reply: Answer) -> None:
        """Answer the call for the link, then the link itself, with `reply`."""
        self.answer(answer(200, {"download": {"download_url": f"{self.url}/files/inv_1.pdf?sig=a%2Fb"}}), reply)


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def another_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


class TlsServer(NamedTuple):
    server: ScriptedServer
    client: ssl.SSLContext  # trusts the authority of the server, and no other


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate for downloads.example.com, signed by itself; made once, for it takes a second."""
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_text(_certificate("downloads.example.com"))
    return pem


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[TlsServer]:
    """A server that shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ScriptedServer(context)
    yield TlsServer(server, ssl.create_default_context(cafile=str(certificate)))
    server.close()


# A certificate without a library for it: an RSA key and a self-signed X.509, written in DER by hand.


def _certificate(name: str) -> str:
    p, q = _prime(1024), _prime(1024)
    n, e = p * q, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    key = _sequence(*map(_integer, (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))
    sha256_rsa = _sequence(_oid("2a864886f70d01010b"), b"\x05\x00")
    rsa = _sequence(_oid("2a864886f70d010101"), b"\x05\x00")
    subject = _sequence(_der(0x31, _sequence(_oid("550403"), _der(0x0C, name.encode()))))
    now = datetime.datetime.now(datetime.UTC)
    validity = [now - datetime.timedelta(days=1), now + datetime.timedelta(days=1)]
    extensions = _sequence(
        _sequence(_oid("551d11"), _der(0x04, _sequence(_der(0x82, name.encode())))),  # subjectAltName
        _sequence(_oid("551d13"), b"\x01\x01\xff", _der(0x04, _sequence(b"\x01\x01\xff"))),  # an authority
    )
    content = _sequence(
        _der(0xA0, _integer(2)),
        _integer(1),
        sha256_rsa,
        subject,
        _sequence(*(_der(0x17, at.strftime("%y%m%d%H%M%SZ").encode()) for at in validity)),
        subject,
        _sequence(rsa, _der(0x03, b"\x00" + _sequence(_integer(n), _integer(e)))),
        _der(0xA3, extensions),
    )
    digest = _sequence(_sequence(_oid("608648016503040201"), b"\x05\x00"), _der(0x04, hashlib.sha256(content).digest()))
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
    signature = pow(int.from_bytes(padded, "big"), d, n).to_bytes(256, "big")
    certificate = _sequence(content, sha256_rsa, _der(0x03, b"\x00" + signature))
    return _pem("RSA " + "PRIVATE KEY", key) + _pem("CERTIFICATE", certificate)


def _pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _oid(hexadecimal: str) -> bytes:
    return _der(0x06, bytes.fromhex(hexadecimal))


def _prime(bits: int) -> int:
    while True:
        candidate = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if candidate % 65537 != 1 and all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7)):
            return candidate
