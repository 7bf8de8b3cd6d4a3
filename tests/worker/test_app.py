"""The Celery application: what a worker refuses to start on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from local.valkey import Valkey
from tests.conftest import eventually


@pytest.mark.parametrize(("policy", "starts"), [("allkeys-lru", False), ("noeviction", True)])
@pytest.mark.long
def test_a_worker_refuses_a_broker_that_throws_messages_away(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, policy: str, starts: bool
) -> None:
    broker = Valkey(tmp_path / "valkey", durable=False).start()
    try:
        with Redis.from_url(broker.url()) as client:
            client.config_set("maxmemory-policy", policy)
        worker = start("celery", "-A", "worker.app", "worker", "-P", "solo", name="worker", BROKER_URL=broker.url())
        if starts:
            eventually(lambda: "ready" in (tmp_path / "worker.log").read_text())
        else:
            assert worker.wait(30) != 0
            assert "maxmemory-policy is allkeys-lru" in (tmp_path / "worker.log").read_text()
    finally:
        broker.stop()
