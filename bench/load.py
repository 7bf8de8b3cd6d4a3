"""Posting one event again and again over kept-open connections, each time under an id of its own.

With wrk, a C program, where it is on the PATH: it leaves the processors to those who are measured. Else in Python,
which costs about as much as a receiver and so narrows every difference.
"""

from __future__ import annotations

import selectors
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from local.children import LocalError


@dataclass(frozen=True)
class Answers:
    """What a load met. Times are in milliseconds, from the first byte sent to the last received."""

    fine: int
    failed: int
    seconds: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Load:
    body: bytes
    id: str  # as it stands in the body
    authorization: str
    connections: int

    def run(self, port: int, seconds: float, folder: Path, client: str = "") -> Answers:
        """Post for so long. `client` is "wrk" or "python"; else the first that is there."""
        prefix = f"ev_{time.time_ns() // 1000}_"
        if (client or best_client()) == "wrk":
            return self._with_wrk(port, seconds, folder, prefix)
        return self._in_python(port, seconds, prefix)

    def _with_wrk(self, port: int, seconds: float, folder: Path, prefix: str) -> Answers:
        body = folder / "event.json"
        body.write_bytes(self.body)
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s"]
        script = str(Path(__file__).with_name("post.lua"))
        command += [script, f"http://127.0.0.1:{port}", "--", str(body), self.id, prefix, self.authorization]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
        for line in ended.stdout.splitlines():
            if line.startswith("FIGURES "):
                sent, failed, lasted, p50, p99 = map(float, line.split()[1:])
                return Answers(int(sent - failed), int(failed), lasted, p50, p99)
        raise LocalError(f"wrk did not run (exit code {ended.returncode}):\n{ended.stdout}{ended.stderr}")

    def _in_python(self, port: int, seconds: float, prefix: str) -> Answers:
        head, _, tail = self.body.partition(self.id.encode())
        count, times, failed = 0, list[float](), 0
        with selectors.DefaultSelector() as selector:
            start = time.monotonic()

            def send(line: _Line) -> None:
                nonlocal count
                count += 1
                line.send(head + f"{prefix}{count}".encode() + tail, self.authorization)

            lines = [_Line(port) for _ in range(self.connections)]
            for line in lines:
                selector.register(line.socket, selectors.EVENT_READ, line)
                send(line)
            while time.monotonic() < start + seconds:
                for key, _ in selector.select(0.1):
                    line = key.data
                    if line.receive():
                        times.append(1000 * (time.monotonic() - line.since))
                        failed += not line.fine
                        send(line)
            lasted = time.monotonic() - start
            for line in lines:  # the last answers count for nothing, but their events are stored
                line.socket.close()
        if not times:
            raise LocalError(f"nothing on port {port} answered within {seconds:g} s; try --seconds with more")
        times.sort()
        return Answers(len(times) - failed, failed, lasted, median(times), times[int(0.99 * (len(times) - 1))])


class _Line:
    """One connection with one request on it at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = 0.0
        self._got = b""

    def send(self, body: bytes, authorization: str) -> None:
        self._got, self.since = b"", time.monotonic()
        self.socket.sendall(
            b"POST /webhooks/chargebee HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Authorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def receive(self) -> bool:
        """Take what has come; whether the answer is whole."""
        part = self.socket.recv(65536)
        if not part:
            raise LocalError("the receiver closed a connection in the middle of an answer; look for errors in its code")
        self._got += part
        head, blank, rest = self._got.partition(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        return bool(blank) and len(rest) >= int(length or 0)

    @property
    def fine(self) -> bool:
        return self._got.startswith(b"HTTP/1.1 200")


def best_client() -> str:
    return "wrk" if shutil.which("wrk") else "python"
