"""One event through everything that runs: the receiver over HTTP, the broker, a worker, the scheduler."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local.valkey import Valkey
from tests.builders import a_customer, a_subscription, an_event
from tests.conftest import eventually
from tests.crash.stack import Stack, kill

pytestmark = pytest.mark.timeout(150)

SEATS = "select seats from subscriptions where id = 'sub_1'"


def test_a_webhook_becomes_seats(
    start: Callable[..., subprocess.Popen[bytes]], db_url: str, broker_url: str, key_prefix: str, tmp_path: Path
) -> None:
    stack = Stack(start, db_url, tmp_path, BROKER_URL=broker_url, BROKER_KEY_PREFIX=key_prefix)
    stack.receiver()
    stack.worker()  # and no scheduler: the ring alone must do
    event = an_event(a_customer(), a_subscription(seats=7))
    assert stack.post(event) == 200
    eventually(lambda: stack.rows(SEATS) == [7])
    assert stack.post(event) == 200
    assert stack.rows("select id, status from inbox_events") == [(event["id"], "applied")]


@pytest.mark.long
def test_a_broker_that_hangs_costs_no_event(
    start: Callable[..., subprocess.Popen[bytes]], db_url: str, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path / "valkey", durable=False).start()
    try:
        valkey.kill()
        stack = Stack(start, db_url, tmp_path, BROKER_URL=valkey.url(), BROKER_KEY_PREFIX="")
        with socket.create_server(("127.0.0.1", valkey.port)):  # takes connections, and never says a word
            receiver = stack.receiver()
            assert stack.post(an_event(a_subscription(seats=7))) == 200
            stack.worker()
            stack.beat()
            eventually(lambda: "imeout" in stack.said("worker"))
            assert stack.post(an_event(a_subscription(2, seats=8))) == 200
            kill(receiver)  # and with it what it still meant to ring for
        assert stack.rows(SEATS) == []
        valkey.start()
        eventually(lambda: stack.rows(SEATS) == [8], seconds=60)
    finally:
        valkey.stop()
