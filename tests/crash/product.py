"""The product that is told of seats: it has moods, takes each word whose signature is right, and believes the last."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

# What it does to a call in a bad mood: is the word taken, and what is answered; None: it hangs up.
MOODS: tuple[tuple[bool, int | None], ...] = ((False, 503), (False, None), (True, 500), (True, None))


@dataclass
class Product:
    """`moody` is the part of calls that go wrong. `seats` are those of the last word about each subscription."""

    seed: int
    secret: str
    moody: float = 0.0
    seats: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    wrong: list[str] = field(default_factory=list)  # what no call may be

    def __post_init__(self) -> None:
        self._dice = random.Random(f"{self.seed} product")
        self._bodies: dict[str, bytes] = {}  # by Idempotency-Key
        self._lock = threading.Lock()

    def __enter__(self) -> Product:
        product = self

        class Call(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = product.hear(self.headers, body)
                if status is not None:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Not every call is worth a line."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
        self.url = f"http://127.0.0.1:{self._server.server_port}/seats"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hear(self, headers: Mapping[str, str], body: bytes) -> int | None:
        """One call; what it is answered, or None."""
        with self._lock:
            self.calls += 1
            is_taken, status = self._dice.choice(MOODS) if self._dice.random() < self.moody else (True, 204)
            if is_taken:
                self._take(headers, body)
        return status

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        said = dict(part.split("=", 1) for part in headers["Quittance-Signature"].split(","))
        ours = hmac.new(self.secret.encode(), f"{said['t']}.".encode() + body, hashlib.sha256).hexdigest()
        if said["v1"] != ours:
            self.wrong.append(f"a word has the wrong signature: {body!r}")
            return
        key = headers["Idempotency-Key"]
        if self._bodies.setdefault(key, body) != body:
            self.wrong.append(f"{key} stood for two words: {self._bodies[key]!r}, then {body!r}")
        word = json.loads(body)["data"]
        self.seats[word["subscription"]] = word["seats"]

    def differences(self, seats: Mapping[str, int]) -> Iterator[str]:
        """What it believes that is not so, a sentence each. What it never heard of has no seats."""
        yield from self.wrong
        for id in sorted(seats.keys() | self.seats.keys()):
            if self.seats.get(id, 0) != seats.get(id, 0):
                yield f"the product was last told {self.seats.get(id)} seats of {id}, which has {seats.get(id)}"
