"""Bytes on a socket that no honest client sends: requests in one another, lengths that lie, lines that do not end."""

from __future__ import annotations

import json
import random
import re
import socket
from collections import Counter
from collections.abc import Callable

from tests.webhooks.calls import FIRST, PATH

PATIENCE = 10  # seconds for an answer or an end, once everything is sent and our side is closed
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)


def _event(dice: random.Random) -> bytes:
    return json.dumps({"id": f"ev_{dice.randrange(10**12)}", "api_version": "v2", "content": {}}).encode()


def _request(
    body: bytes, *headers: bytes, start: bytes = b"POST " + PATH.encode() + b" HTTP/1.1", length: bool = True
) -> bytes:
    lines = [
        start,
        b"Host: localhost",
        b"Authorization: " + FIRST.encode(),
        b"Content-Type: application/json",
        *headers,
    ]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def _chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _lying_lengths(dice: random.Random) -> bytes:
    body, hidden = (
        _event(dice),
        _request(_event(dice), start=b"POST /webhooks/chargebee HTTP/1.1").replace(FIRST.encode(), b"x"),
    )
    chunked = b"Transfer-Encoding: chunked"
    return dice.choice(
        (
            lambda: _request(_chunks(body) + hidden, chunked),
            lambda: _request(_chunks(body), chunked, b"Content-Length: 4", length=False) + hidden,
            lambda: _request(body, b"Content-Length: 0") + hidden,
            lambda: _request(body, b"Content-Length: %d" % (len(body) + 3)),
            lambda: _request(_chunks(body), b"Transfer-Encoding : chunked", length=False),
            lambda: _request(_chunks(body), b"Transfer-Encoding: xchunked", length=False) + hidden,
            lambda: _request(_chunks(body), b"Transfer-Encoding: chunked, identity", length=False),
            lambda: _request(_chunks(body), b"Transfer-Encoding:\x0bchunked", length=False),
            lambda: _request(_chunks(body), b" Transfer-Encoding: chunked", length=False),
            lambda: _request(body, b"Content-Length: +%d" % len(body), length=False),
            lambda: _request(body, b"Content-Length: -1", length=False) + hidden,
            lambda: _request(body, b"Content-Length: %s" % (b"9" * 30), length=False),
            lambda: _request(body, b"Content-Length: %d" % (len(body) + 5000), length=False),
            lambda: _request(body + hidden, b"Content-Length: %d" % len(body), length=False),
            lambda: _request(body, length=False),
        )
    )()


def _bad_chunks(dice: random.Random) -> bytes:
    body = _event(dice)
    sizes = (b"-1", b"0x10", b"%x;a=b" % len(body), b"f" * 17, b"", b" %x" % len(body), b"%x" % (len(body) + 9), b"g")
    chunk = dice.choice(sizes) + dice.choice((b"\r\n", b"\n", b"\r")) + body + dice.choice((b"\r\n", b"", b"\n"))
    end = dice.choice((b"0\r\n\r\n", b"0\r\n", b"", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", b"00000000000\r\n\r\n"))
    return _request(chunk + end, b"Transfer-Encoding: chunked", length=False)


def _odd_start(dice: random.Random) -> bytes:
    starts = (
        b"POST",
        b"POST /",
        b"POST / HTTP/9.9",
        b"POST / HTTP/1.1 x",
        b"\x00\x01\x02",
        b"GET /healthz",
        b"\xff HTTP/1.1",
        b"POST http://x/webhooks/chargebee HTTP/1.1",
        b"POST * HTTP/1.1",
        b"CONNECT x:1 HTTP/1.1",
        b"POST /" + b"a" * 70_000,
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /%00%ff HTTP/1.1",
        b"POST /webhooks/\xe9 HTTP/1.1",
        b"POST /webhooks/chargebee HTTP/1.0",
        b"POST  /webhooks/chargebee HTTP/1.1",
        b"\r\n\r\nPOST /webhooks/chargebee HTTP/1.1",
        b"P" * 5000 + b" / HTTP/1.1",
        b"POST /webhooks/chargebee?%zz HTTP/1.1",
        b"POST /webhooks/chargebee#x HTTP/1.1",
    )
    return _request(_event(dice), start=dice.choice(starts))


def _odd_headers(dice: random.Random) -> bytes:
    odd = (
        b"X: " + b"y" * 70_000,
        b"X" * 70_000 + b": y",
        b": y",
        b"X",
        b"X\x00: y",
        b"X: a\x00b",
        b"X: a\rb",
        b"X: a\nb: c",
        b"X: a\r\n folded",
        b"X: \xff\xfe",
        b"Host: b",
        b"Expect: 100-continue",
        b"Expect: nonsense",
        b"Upgrade: h2c",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Connection: close, X",
        b"Content-Encoding: gzip",
        b"Trailer: X",
        b"Authorization: Basic x",
        b"Content-Type: text/plain",
        b"Range: bytes=0-1",
        b"\r\n".join([b"X: y"] * 500),
    )
    return _request(_event(dice), *dice.sample(odd, dice.randint(1, 2)))


def _pipelined(dice: random.Random) -> bytes:
    requests = [_request(_event(dice)) for _ in range(dice.randint(2, 8))]
    return b"".join(requests) + dice.choice((b"", b"garbage", _bad_chunks(dice)))


def _bent(dice: random.Random) -> bytes:
    raw = bytearray(_request(_event(dice)))
    for _ in range(dice.randint(1, 5)):
        at = dice.randrange(len(raw))
        raw[at : at + dice.randrange(4)] = bytes(dice.randrange(256) for _ in range(dice.randrange(4)))
    return bytes(raw)


_SHAPES: tuple[Callable[[random.Random], bytes], ...] = (
    _lying_lengths, _lying_lengths, _bad_chunks, _odd_start, _odd_headers, _pipelined, _bent,
)  # fmt: skip


def assail(port: int, dice: random.Random) -> Counter[str]:
    """One connection of nonsense; how often each status was answered.

    Raises:
        TimeoutError: neither an answer nor an end came.
    """
    raw = dice.choice(_SHAPES)(dice)
    if dice.random() < 0.3:
        raw = raw[: dice.randrange(len(raw))]
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        try:
            for part in _parts(dice, raw):
                line.sendall(part)
            if dice.random() < 0.1:
                return Counter()  # gone without a word
            line.shutdown(socket.SHUT_WR)
            while part := line.recv(65_536):
                received += part
        except (BrokenPipeError, ConnectionResetError, OSError) as end:
            if isinstance(end, TimeoutError):
                raise TimeoutError(f"neither an answer nor an end in {PATIENCE} s, after {raw[:2000]!r}") from None
    found = Counter(status.decode() for status in _STATUS.findall(received))
    if wrong := [status for status in found if status >= "500"]:
        raise AssertionError(f"answered with {wrong} after {raw[:2000]!r}")
    found["stored"] = received.count(b'{"status":"stored"}')
    return found


def _parts(dice: random.Random, raw: bytes) -> list[bytes]:
    """In one piece, or in a few that arrive one after the other."""
    places = sorted(dice.randrange(len(raw) + 1) for _ in range(dice.choice((0, 0, 1, 5))))
    return [raw[start:end] for start, end in zip([0, *places], [*places, len(raw)], strict=True)]
