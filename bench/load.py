"""Posting one event again and again over kept-open connections, each time under an id of its own.

By a C program, load.c, where there is a C compiler: it leaves the processors to those who are measured. Else in Python,
which costs as much as a receiver and so narrows every difference; the output says which it was.
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

_SOURCE = Path(__file__).with_name("load.c")


@dataclass(frozen=True)
class Answers:
    """What a load met. Times are in milliseconds, from the first byte sent to the last received."""

    fine: int
    unavailable: int  # 503
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
        """Post for so long. `client` is "c" or "python"; else the first that can be had."""
        prefix = f"ev_{time.time_ns() // 1000}_"
        if (client or best_client()) == "c":
            return self._in_c(port, seconds, folder, prefix)
        return self._in_python(port, seconds, prefix)

    def _in_c(self, port: int, seconds: float, folder: Path, prefix: str) -> Answers:
        body = folder / "event.json"
        body.write_bytes(self.body)
        words = [port, self.connections, seconds, body, self.id, prefix, self.authorization]
        ended = subprocess.run(
            [_built(folder), *map(str, words)], capture_output=True, text=True, timeout=seconds + 30, check=False
        )
        for line in ended.stdout.splitlines():
            if line.startswith("FIGURES "):
                fine, unavailable, failed, lasted, p50, p99 = map(float, line.split()[1:])
                if fine + unavailable + failed == 0:
                    raise _nothing_answered(port, seconds)
                return Answers(int(fine), int(unavailable), int(failed), lasted, p50, p99)
        raise LocalError(f"the load did not run (exit code {ended.returncode}):\n{ended.stdout}{ended.stderr}")

    def _in_python(self, port: int, seconds: float, prefix: str) -> Answers:
        head, _, tail = self.body.partition(self.id.encode())
        count, times, statuses = 0, list[float](), list[bytes]()
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
                        statuses.append(line.status)
                        send(line)
            lasted = time.monotonic() - start
            for line in lines:  # the last answers count for nothing, but their events are stored
                line.socket.close()
        if not times:
            raise _nothing_answered(port, seconds)
        times.sort()
        fine, unavailable = statuses.count(b"200"), statuses.count(b"503")
        failed = len(statuses) - fine - unavailable
        return Answers(fine, unavailable, failed, lasted, median(times), times[int(0.99 * (len(times) - 1))])


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
    def status(self) -> bytes:
        return self._got[9:12]


def best_client() -> str:
    return "c" if shutil.which("cc") else "python"


def _built(folder: Path) -> Path:
    """The C program, compiled into `folder` once."""
    program = folder / "load"
    if not program.exists():
        command = ["cc", "-O2", "-D_GNU_SOURCE", "-o", str(program), str(_SOURCE)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if ended.returncode:
            raise LocalError(f"{_SOURCE.name} cannot be compiled; try --client python:\n{ended.stderr}")
    return program


def _nothing_answered(port: int, seconds: float) -> LocalError:
    return LocalError(f"nothing on port {port} answered within {seconds:g} s; try --seconds with more")
