"""How the receiver answers while slow clients hold its connections: `./dev bench slow --slow 200`.

Starts PostgreSQL, Valkey and the receiver as production starts it, lets slow clients send a byte at a time (in the
headers, in a body of known length, in a chunked body, or nothing at all) and posts events beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config

from local.postgres import Postgres
from local.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "measured-here-only"
AUTHORIZATION = "Basic " + base64.b64encode(f"bench:{PASSWORD}".encode()).decode()


def head(length: int | None, authorization: str = AUTHORIZATION) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        "POST /webhooks/chargebee HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: {authorization}\r\n{framing}\r\n\r\n"
    ).encode()


def event(id: str) -> bytes:
    content = {"customer": {"id": "c1"}, "invoice": {"id": "i1", "customer_id": "c1", "notes": "x" * 3000}}
    body = {"id": id, "event_type": "invoice_updated", "occurred_at": 1_780_000_000, "api_version": "v2"}
    return json.dumps(body | {"content": content}).encode()


# At once, then a byte at a time. All but the stranger know the password.
WHAT_SLOW_ONES_SEND = {
    "headers": (b"", head(3000)),
    "idle": (b"", b""),
    "stranger": (head(3000, "Basic bm9ib2R5Om5vdGhpbmc="), b"x" * 3000),
    "body": (head(3000), b"x" * 3000),
    "chunked": (head(None), b"1\r\nx\r\n" * 600),
}


async def be_slow(port: int, mode: str, end: float, closed: list[float]) -> None:
    """Hold one connection, a byte every 100 ms; come back when it is closed."""
    while time.monotonic() < end:
        since = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            first, then = WHAT_SLOW_ONES_SEND[mode]
            writer.write(first)
            for byte in then or b"\0" * 3000:
                if then:
                    writer.write(bytes([byte]))
                    await writer.drain()
                if time.monotonic() > end or reader.at_eof():
                    break
                await asyncio.sleep(0.1)
            writer.close()
        except OSError:
            await asyncio.sleep(0.05)
        if time.monotonic() < end:
            closed.append(time.monotonic() - since)


async def post(port: int, id: str) -> tuple[float, bool]:
    since = time.monotonic()
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = event(id)
            writer.write(head(len(body)) + body)
            answer = await reader.readuntil(b"\r\n")
            writer.close()
            return time.monotonic() - since, b" 200 " in answer
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return time.monotonic() - since, False


async def measure(port: int, slow: int, mode: str, seconds: float) -> str:
    end = time.monotonic() + seconds
    closed: list[float] = []
    holders = [asyncio.create_task(be_slow(port, mode, end, closed)) for _ in range(slow)]
    await asyncio.sleep(1)
    answers: list[tuple[float, bool]] = []
    while time.monotonic() < end - 0.5:
        answers.append(await post(port, f"{mode}-{slow}-{len(answers)}"))
        await asyncio.sleep(0.01)
    await asyncio.gather(*holders)
    times = sorted(1000 * spent for spent, _ in answers)
    failed = sum(not fine for _, fine in answers)
    p99 = times[int(0.99 * (len(times) - 1))]
    ended = f", slow ones closed after {statistics.median(closed):.1f} s" if closed else ""
    return (
        f"{mode:8} {slow:4} slow: {len(answers)} posts, {failed} failed, "
        f"p50 {statistics.median(times):.1f} ms, p99 {p99:.1f} ms, max {times[-1]:.1f} ms{ended}"
    )


@contextmanager
def receiver(port: int, server: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="quittance-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        postgres, valkey = Postgres(home / "postgres", durable=True), Valkey(home / "valkey", durable=False)
        try:
            postgres.start()
            valkey.start()
            postgres.create_database("bench")
            config = Config(str(ROOT / "migrations" / "alembic.ini"))
            config.attributes["url"] = postgres.dsn("bench")
            command.upgrade(config, "head")
            environ = os.environ | {
                "DATABASE_URL": postgres.dsn("bench"),
                "BROKER_URL": valkey.url(),
                "WEBHOOK_CREDENTIALS": f"bench:{PASSWORD}",
            }
            line = [word.replace("PORT", str(port)) for word in server.split()]
            with open(home / "receiver.log", "wb") as log:
                child = subprocess.Popen([sys.executable, "-m", *line], env=environ, cwd=ROOT, stdout=log, stderr=log)
            try:
                for _ in range(200):
                    if asyncio.run(post(port, "first"))[1]:
                        break
                    time.sleep(0.1)
                yield
            finally:
                child.terminate()
                child.wait(20)
        finally:
            valkey.stop()
            postgres.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="./dev bench slow", description=__doc__)
    parser.add_argument("--slow", type=int, nargs="+", default=[0, 50, 200])
    parser.add_argument("--mode", nargs="+", choices=list(WHAT_SLOW_ONES_SEND), default=list(WHAT_SLOW_ONES_SEND))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--port", type=int, default=18474)
    parser.add_argument(
        "--server",
        default="granian --interface wsgi --host 127.0.0.1 --port PORT --workers 2 --blocking-threads 4 "
        "webhooks.wsgi:app",
        help="the module and arguments that serve; PORT stands for the port",
    )
    options = parser.parse_args(arguments)
    with receiver(options.port, options.server):
        for slow in options.slow:
            for mode in options.mode[: None if slow else 1]:
                print(asyncio.run(measure(options.port, slow, mode, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
