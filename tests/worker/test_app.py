"""The Celery application: what a worker refuses to start on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from local.valkey import Valkey
from simulator import Site
from simulator.fixtures import ChargebeeApi
from tests.builders import Quittance
from tests.conftest import ROOT, eventually
from worker.schedule import SCHEDULE


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


@pytest.mark.long
def test_what_the_scheduler_asks_for_reads_chargebees_lists(
    start: Callable[..., subprocess.Popen[bytes]],
    quittance: Quittance,
    chargebee_site: Site,
    chargebee_api: ChargebeeApi,
    tmp_path: Path,
) -> None:
    """Each task once, in a process as a worker's is."""
    tasks = [entry["task"].removeprefix("tasks.") for entry in SCHEDULE.values()]
    assert {"reconcile_events", "compare"} <= set(tasks)
    quittance.move_clock(chargebee_site.now)
    chargebee_site.create_customer(id="marie", email="marie@test1234.example")
    ask = "from worker import app\n" + "".join(f"app.{task}()\n" for task in tasks)
    (tmp_path / "ask.py").write_text(ask)
    api = {"SITE": chargebee_api.site_name, "API_KEY": chargebee_api.key, "API_URL": chargebee_api.url}
    settings = {f"CHARGEBEE_{name}": value for name, value in api.items()}
    asked = start("ask", name="tasks", PYTHONPATH=f"{tmp_path}:{ROOT}", **settings)
    assert asked.wait(50) == 0, (tmp_path / "tasks.log").read_text()
    assert quittance.rows("select origin from inbox_events") == ["reconcile"]
    assert quittance.rows("select count(*) from readings where ended_at is not null") == [4]
    assert 0 < quittance.rows('select "left" from call_budgets')[0] <= 29
