"""A receiver of webhooks on a real socket that answers as it is told, and keeps what it got."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from simulator import Endpoint

USER, PASSWORD = "chargebee", "open:sesame"


class Receiver(ThreadingHTTPServer):
    """Answers with the statuses of `answers`, one after the other, and then with 200; 401 to a wrong password."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.hangs_up = False  # after each answer
        self.cut = threading.Semaphore(0)  # released for every body that ended too early

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    def endpoint(self, **more: Any) -> Endpoint:
        return Endpoint(**{"url": self.url, "user": USER, "password": PASSWORD, **more})

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver
    wbufsize = -1

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            self.server.cut.release()
            return
        given = self.headers["Authorization"]
        if given != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return self._answer(401, b"wrong password")
        self.server.headers.append(dict(self.headers))
        self.server.bodies.append(body)
        self._answer(self.server.answers.pop(0) if self.server.answers else 200, b"no")

    def _answer(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 302:
            self.send_header("Location", "/hooks")
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = self.close_connection or self.server.hangs_up

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
