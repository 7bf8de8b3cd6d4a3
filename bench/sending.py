"""How many mails one process sends in a second to a server on this machine: the second half of `./dev bench mail`.

The pipeline is the real one: claim, read, find the reader, write, SMTP in a connection of its own, record. Beside it
bare smtplib hands the same server a mail that was written before, in a connection of its own as well.
"""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.policy import SMTP
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine

from bench import machine
from bench.figures import Noise, spread, told
from bench.stack import Stack, running
from emails import samples
from emails.senders import MemorySender
from local.children import LocalError, free_port
from models.session import engine_for, transaction
from tasks import inbox, outbox
from tasks.couriers import Couriers, couriers_of
from worker.settings import Settings

_SENDER, _READER = "facturation@boreal.example", "marie@test1234.example"


def measure(repeat: int, mails: int, patience: float) -> tuple[list[float], list[float]]:
    """Send so many mails by each way, in turn; how many a second, by ours and by bare smtplib."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    ours, bare, noises = [], [], []
    with running() as stack, a_mail_server(stack.home / "mail.log") as port:
        print(f"\nSent to a server on this machine, {mails} mails by one process, {repeat} repetitions:")
        for _ in range(repeat):
            before = machine.wait_for_quiet(patience)
            with machine.measured() as cost:
                rate, ready = _ours(stack, port, mails)
                ours.append(rate)
                bare.append(_bare(ready, port, mails))
            noises.append(Noise(before, cost.others))
    print(f"  quittance {spread(ours)} a second; bare smtplib, written before, {spread(bare)}")
    print(told(noises))
    return ours, bare


@contextmanager
def a_mail_server(log: Path) -> Iterator[int]:
    """The port of a real SMTP server in a process of its own, which forgets what it accepts."""
    port = free_port()
    handler = ("-c", "aiosmtpd.handlers.Sink")
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", *handler], stdout=out, stderr=out
        )
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise LocalError("the mail server did not start within 20 s")


def _ours(stack: Stack, port: int, mails: int) -> tuple[float, bytes]:
    """Mails a second, and one of them as it left."""
    with stack.database() as url:
        engine = engine_for(url)
        try:
            couriers = _couriers(url, port)
            ready = _written(engine, couriers)  # reads templates and catalogues, too
            _call_for(engine, couriers, range(1, mails + 1))
            start = time.perf_counter()
            sent = outbox.deliver_pending(engine, couriers, "mail", seconds=600)
            seconds = time.perf_counter() - start
            with transaction(engine) as session:
                states = set(session.connection().exec_driver_sql("select state from outbox").scalars())
        finally:
            engine.dispose()
    if sent != mails or states != {"sent"}:
        raise LocalError(f"{sent} of {mails} mails were tried, and the outbox holds {', '.join(sorted(states))}")
    return mails / seconds, ready


def _couriers(url: str, port: int) -> Couriers:
    environ = {
        "DATABASE_URL": url,
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "WEBHOOK_CREDENTIALS": "bench:a-password-for-benchmarks",
        "MAIL_URL": f"smtp://127.0.0.1:{port}",
        "MAIL_FROM": _SENDER,
        "MAIL_PER_DOMAIN": "0",
    }
    return replace(couriers_of(Settings.read(environ)), merchant=samples.MERCHANT, remittance=samples.REMITTANCE)


def _call_for(engine: Engine, couriers: Couriers, numbers: range) -> None:
    """A customer whose paid invoices were just heard of."""
    now = int(time.time())
    customer = {"id": "cust", "email": _READER, "first_name": "Marie", "auto_collection": "on", "updated_at": now}
    with transaction(engine) as session:
        inbox.take_in(session, {"customer": customer})
        for number in numbers:
            inbox.take_in(session, {"invoice": _invoice(number, now)})
    inbox.apply_pending(engine, couriers.rules, seconds=600)


def _invoice(number: int, now: int) -> dict[str, Any]:
    line = {"description": "Licence Boréal Cloud", "quantity": 1, "unit_amount": 5900, "amount": 5900}
    return {
        "id": f"F-{number}",
        "customer_id": "cust",
        "status": "paid",
        "currency_code": "CAD",
        "total": 6784,
        "amount_paid": 6784,
        "amount_due": 0,
        "date": now,
        "paid_at": now,
        "updated_at": now,
        "line_items": [line],
        "taxes": [{"name": "TPS", "amount": 295}, {"name": "TVQ", "amount": 589}],
    }


def _written(engine: Engine, couriers: Couriers) -> bytes:
    """A mail as it leaves, kept instead of sent."""
    kept = MemorySender()
    _call_for(engine, couriers, range(1))
    outbox.deliver_pending(engine, replace(couriers, sender=kept), "mail")
    return kept.sent[0].as_bytes(policy=SMTP)


def _bare(message: bytes, port: int, mails: int) -> float:
    start = time.perf_counter()
    for _ in range(mails):
        with smtplib.SMTP("127.0.0.1", port, local_hostname="[127.0.0.1]") as server:
            server.sendmail(_SENDER, [_READER], message)
    return mails / (time.perf_counter() - start)
