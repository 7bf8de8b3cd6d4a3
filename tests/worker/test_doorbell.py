"""The doorbell against a real broker and a real Celery worker, and against brokers that are away or hung."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from local.valkey import Valkey
from tests.conftest import ROOT, eventually
from worker import doorbell
from worker.doorbell import TASKS, Doorbell

CELERY_APP = """
import os, celery
app = celery.Celery(broker=os.environ["BROKER_URL"])
app.conf.broker_transport_options = {"global_keyprefix": os.environ["BROKER_KEY_PREFIX"]}
app.conf.task_ignore_result = True
for name in os.environ["TASKS"].split():
    @app.task(name=name, bind=True)
    def heard(self, *args, **kwargs):
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{self.name} {args} {kwargs} {self.request.delivery_info['routing_key']}\\n")
"""


@contextmanager
def a_hung_broker() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


class Pauses(threading.Event):
    """What a doorbell waits with between two tries; it remembers for how long, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout)
        return super().wait(timeout)


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def bell(broker_url: str, key_prefix: str) -> Iterator[Doorbell]:
    bell = Doorbell(broker_url, key_prefix)
    yield bell
    bell.close()


def run(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )


@pytest.mark.long
def test_a_celery_worker_does_the_task_of_the_queue_that_is_rung(bell, broker_url, key_prefix, tmp_path: Path):
    heard = tmp_path / "heard"
    (tmp_path / "heard_by.py").write_text(CELERY_APP)
    environ = {"BROKER_URL": broker_url, "BROKER_KEY_PREFIX": key_prefix, "HEARD": str(heard)}
    environ |= {"TASKS": " ".join(TASKS.values()), "PYTHONPATH": str(tmp_path)}
    with open(tmp_path / "worker.log", "wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "heard_by", "worker", "-P", "solo", "-Q", ",".join(TASKS)],
            cwd=tmp_path,
            env=os.environ | environ,
            stdout=log,
            stderr=log,
        )
    try:
        for queue in TASKS:
            bell.ring(queue)
        lines = eventually(lambda: heard.exists() and len(ls := heard.read_text().splitlines()) >= 3 and ls)
    finally:
        worker.terminate()
        worker.wait(20)
    assert sorted(lines) == sorted(f"{task} () {{}} {queue}" for queue, task in TASKS.items())


def test_a_message_is_of_the_protocol_that_celery_speaks(bell, broker, key_prefix):
    from celery import Celery

    bell.ring("events")
    message = json.loads(eventually(lambda: broker.lpop(f"{key_prefix}events")))
    with Celery("x") as app:
        theirs = app.amqp.as_task_v2(message["headers"]["id"], "tasks.apply_pending")
    assert set(message["headers"]) >= {"lang", "task", "id", "root_id", "argsrepr", "kwargsrepr", "retries", "eta"}
    assert set(message["headers"]) <= set(theirs.headers)
    assert message["properties"]["correlation_id"] == message["headers"]["id"]
    assert (message["content-type"], message["headers"]["eta"]) == ("application/json", None)


def test_many_rings_become_few_messages(bell, broker, key_prefix):
    bell.ring("events")
    eventually(lambda: broker.llen(f"{key_prefix}events"))
    started = time.monotonic()
    while time.monotonic() < started + 0.5:
        bell.ring("events")
        broker.ping()  # lets the doorbell's thread have its turn
    bell.close()
    most = 3 + (time.monotonic() - started) / 0.01
    assert 2 <= broker.llen(f"{key_prefix}events") <= most


def test_the_last_ring_is_never_lost(bell, broker, key_prefix):
    for _ in range(100):
        bell.ring("mail")
        # Each message is taken as soon as it is there, so the next ring often falls into the publishing of this one.
        eventually(lambda: broker.lpop(f"{key_prefix}mail"), every=0.0005)


def test_an_unknown_queue_is_a_mistake_of_the_caller(bell):
    with pytest.raises(ValueError, match="no queue is named evnts"):
        bell.ring("evnts")


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_ringing_returns_at_once_when_the_broker_hangs(scheme):
    with a_hung_broker() as port:
        bell = Doorbell(f"{scheme}://u:p@127.0.0.1:{port}/0")
        for _ in range(1000):
            bell.ring("events")
        assert bell.failures == 0  # not even the first try has ended by now: it takes half a second
        eventually(lambda: bell.failures)
        assert bell.broken and not bell.reachable(0.2)
        bell.ring("events")
        bell.close()


def test_a_broken_broker_is_counted_and_left_alone_for_a_while():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    bell = Doorbell(f"redis://127.0.0.1:{port}/0")
    pauses = bell._ringer()._closing = Pauses()
    bell.ring("events")
    eventually(lambda: pauses.asked)
    for queue in TASKS:
        bell.ring(queue)
    assert (bell.broken, bell.failures, pauses.asked) == (True, 1, [5.0])
    bell.close()


@pytest.mark.long
def test_what_was_rung_while_the_broker_was_away_goes_out_when_it_is_back(tmp_path: Path):
    valkey = Valkey(tmp_path / "valkey", durable=False).start()
    try:
        bell = Doorbell(valkey.url())
        with redis.Redis.from_url(valkey.url()) as client:
            bell.ring("mail")
            eventually(lambda: client.lpop("mail"))
            valkey.kill()
            bell.ring("mail")
            bell.ring("events")
            eventually(lambda: bell.broken)
            valkey.start()
            eventually(lambda: client.llen("mail") and client.llen("events"))
        assert not bell.broken
        bell.close()
    finally:
        valkey.stop()


def test_a_forked_child_rings_through_a_thread_and_connection_of_its_own(broker_url, broker, key_prefix):
    run(
        """
import os
from worker.doorbell import Doorbell
bell = Doorbell(os.environ["BROKER_URL"], os.environ["BROKER_KEY_PREFIX"])
bell.ring("events")
bell.close()
bell.ring("events")
child = os.fork()
if child == 0:
    bell.ring("provider")
    bell.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
bell.ring("mail")
""",
        BROKER_URL=broker_url,
        BROKER_KEY_PREFIX=key_prefix,
    )
    assert [broker.llen(f"{key_prefix}{queue}") > 0 for queue in TASKS] == [True, True, True]


def test_a_process_that_ends_still_delivers_its_ring(broker_url, broker, key_prefix):
    run(
        """
import os
from worker.doorbell import Doorbell
Doorbell(os.environ["BROKER_URL"], os.environ["BROKER_KEY_PREFIX"]).ring("events")
""",
        BROKER_URL=broker_url,
        BROKER_KEY_PREFIX=key_prefix,
    )
    assert broker.llen(f"{key_prefix}events") == 1


def test_nothing_heavy_is_imported_before_the_first_ring_and_celery_never(broker_url):
    run(
        """
import os, sys
from worker import doorbell
bell = doorbell.Doorbell(os.environ["BROKER_URL"], "quiet-")
assert not {"kombu", "redis", "celery"} & set(sys.modules), sorted(sys.modules)
bell.ring("events")
bell.close()
assert "kombu" in sys.modules and "celery" not in sys.modules
""",
        BROKER_URL=broker_url,
    )


def test_the_broker_is_reachable_with_or_without_the_password(broker_url):
    assert Doorbell(broker_url).reachable()
    assert Doorbell("redis://" + broker_url.rpartition("@")[2]).reachable()
    assert not Doorbell("redis://127.0.0.1:1/0").reachable()


def test_without_a_configured_doorbell_ringing_does_nothing(monkeypatch):
    monkeypatch.setattr(doorbell, "_doorbell", None)
    doorbell.ring("mail")
