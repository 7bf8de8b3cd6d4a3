"""The settings that the promises rest on, as they are in effect: each was measured, and none may drift unseen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from kombu.entity import Queue
from sqlalchemy import Engine, text

from tasks import outbox
from tests.conftest import ROOT, eventually
from webhooks.store import Store
from worker import doorbell

WORKERS = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "result_backend": None,
    "task_soft_time_limit": 10,
    "task_time_limit": 15,
    "worker_max_tasks_per_child": 2000,
    "worker_max_memory_per_child": 300_000,
    "worker_soft_shutdown_timeout": 10,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "enable_utc": True,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "visibility_timeout": 150,
    "broker_transport_options": {
        "visibility_timeout": 150,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": "",
    },
}
LIMITS = {  # seconds: soft, hard
    "tasks.apply_pending": (10, 15),
    "tasks.sweep": (10, 15),
    "tasks.pulse": (10, 15),
    "tasks.carry_out_due_cancellations": (10, 15),
    "tasks.carry_out_more_cancellations": (10, 15),
    "tasks.raise_alerts": (10, 15),
    "tasks.deliver_mail": (45, 60),
    "tasks.deliver_provider": (45, 60),
    "tasks.reconcile_events": (45, 60),
    "tasks.compare": (45, 60),
}
SESSIONS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "on",
    "TimeZone": "UTC",
}
_ASK = f"""
import json
from worker.app import app, settings
conf = {{name: app.conf[name] for name in {sorted(WORKERS)!r}}}
soft, hard = app.conf.task_soft_time_limit, app.conf.task_time_limit
limits = {{name: [task.soft_time_limit or soft, task.time_limit or hard]
          for name, task in app.tasks.items() if name.startswith("tasks.")}}
queues = {{entry["options"].get("expires") for entry in app.conf.beat_schedule.values()}}
print(json.dumps([conf, limits, sorted(queues, key=str)]))
"""


@pytest.fixture(scope="module")
def in_effect() -> Any:
    """What a worker's process has, with nothing set but what must be."""
    needed = {
        "DATABASE_URL": "postgresql://q@127.0.0.1/q",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "WEBHOOK_CREDENTIALS": "chargebee:a-password-for-tests",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    asked = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=ROOT,
        env=kept | needed,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(asked.stdout.splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_the_exact_setting(in_effect: Any, name: str) -> None:
    assert in_effect[0][name] == WORKERS[name]


@pytest.mark.long
def test_each_task_has_its_time_limits_and_a_lease_outlasts_the_longest(in_effect: Any) -> None:
    assert {name: tuple(both) for name, both in in_effect[1].items()} == LIMITS
    assert timedelta(seconds=2 * max(hard for _, hard in LIMITS.values())) == outbox.LEASE


@pytest.mark.long
def test_no_message_of_the_scheduler_expires_by_the_clock_of_another_machine(in_effect: Any) -> None:
    assert in_effect[2] == [None]


def test_who_rings_gives_up_within_half_a_second_and_tries_nothing_again() -> None:
    connection = doorbell.producer_of("redis://127.0.0.1:1/0", "p-").connection
    assert connection.connect_timeout == 0.5
    assert connection.transport_options == {
        "socket_timeout": 0.5,
        "socket_connect_timeout": 0.5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": "p-",
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    said: list[Any] = []
    producer = type("Producer", (), {"publish": lambda _, *body, **options: said.append(options)})()
    doorbell.publish(producer, Queue("events"), "tasks.sweep")  # type: ignore[no-untyped-call]
    assert said[0]["retry"] is False
    assert said[0]["headers"]["expires"] is None


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_of_workers_and_pages_has_the_exact_limit(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        assert connection.execute(text(f"show {name}")).scalar_one() == SESSIONS[name]


def test_a_pool_has_the_exact_size_and_looks_before_it_lends(engine: Engine) -> None:
    pool: Any = engine.pool
    assert (pool.size(), pool._max_overflow, pool._timeout, pool._recycle, pool._pre_ping) == (5, 5, 2, 1800, True)
    with engine.connect() as connection:
        made: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        assert made.info.get_parameters()["connect_timeout"] == "2"


def test_the_receivers_connection_has_the_exact_limits(db_url: str) -> None:
    store = Store(db_url)
    try:
        for name, value in {"statement_timeout": "2s", "synchronous_commit": "on"}.items():
            assert store.ask(f"select current_setting('{name}')") == (value,)
        assert store._line(float("inf")).connection.autocommit
        assert store._line(float("inf")).connection.info.get_parameters()["connect_timeout"] == "2"
    finally:
        store.close()


@pytest.mark.long
def test_a_migration_that_cannot_lock_a_table_gives_way_and_tries_again(
    start: Callable[..., subprocess.Popen[bytes]], db_url: str
) -> None:
    waiting = "select pid from pg_stat_activity where pg_blocking_pids(pid) <> '{}'"
    with psycopg.connect(db_url, autocommit=True) as looking:

        def who_waits() -> set[int]:
            return {pid for (pid,) in looking.execute(waiting)}

        with psycopg.connect(db_url) as holder:
            holder.execute("lock table alembic_version")
            migrating = start("alembic", "-c", "migrations/alembic.ini", "upgrade", "head")
            first = eventually(who_waits)
            eventually(lambda: not who_waits())  # those behind it in the queue have their turn
            eventually(lambda: who_waits() - first)
        assert migrating.wait(60) == 0
