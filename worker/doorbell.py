"""The doorbell: tells the workers that a queue has something due, without making the caller wait.

A ring is a hint and carries nothing: the rows are the queue, and a lost ring costs latency only (the sweeper rings
again). So the caller sets a flag, and one thread per process publishes. Celery is not imported here, and kombu in that
thread only: the receiver stays small.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 (redis imports it, which is refused once the interpreter is ending)
import logging
import os
import socket
import ssl
import threading
import uuid
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit

# The Celery task that works each queue off.
TASKS = {"events": "tasks.apply_pending", "mail": "tasks.deliver_mail", "provider": "tasks.deliver_provider"}

_SHORTEST_PAUSE = 0.01  # seconds between two publishings
_BREAKER_OPEN = 5.0  # seconds without a try after a failure
_LAST_RINGS = 5.0  # seconds, at most, that a process which ends gives to what is still to be published

_log = logging.getLogger(__name__)


class BrokerSettings(Protocol):
    """What `configure` needs of the settings."""

    @property
    def broker_url(self) -> str: ...

    @property
    def broker_key_prefix(self) -> str: ...


class Doorbell:
    """Rings the queues of one broker. Cheap to make; opens nothing before the first ring, and survives a fork."""

    def __init__(self, broker_url: str, key_prefix: str = "") -> None:
        self._broker_url = broker_url
        self._key_prefix = key_prefix
        self._ringers: dict[int, _Ringer] = {}

    def ring(self, queue: str) -> None:
        """Ask that the workers look at `queue` soon. Returns at once, whatever the broker does."""
        if queue not in TASKS:
            raise ValueError(f"no queue is named {queue}: {', '.join(TASKS)}")
        self._ringer().ring(queue)

    @property
    def failures(self) -> int:
        """How many publishings have failed in this process."""
        ringer = self._ringers.get(os.getpid())
        return ringer.failures if ringer else 0

    @property
    def broken(self) -> bool:
        """Whether the last publishing failed."""
        ringer = self._ringers.get(os.getpid())
        return ringer.broken if ringer else False

    def reachable(self, seconds: float = 0.5) -> bool:
        """Whether something that speaks the broker's protocol answers within `seconds` for each step."""
        try:
            return _answers(self._broker_url, seconds)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Publish what is pending, within a few seconds, and end this process's thread."""
        ringer = self._ringers.pop(os.getpid(), None)
        if ringer is not None:
            ringer.close()

    def _ringer(self) -> _Ringer:
        ringer = self._ringers.get(os.getpid())
        if ringer is None:
            # No lock: one that another thread held at the moment of a fork would stay held in the child for ever.
            # `setdefault` decides which of two threads that come here at once starts its thread.
            mine = _Ringer(self._broker_url, self._key_prefix)
            ringer = self._ringers.setdefault(os.getpid(), mine)
            if ringer is mine:
                mine.start()
        return ringer


class _Ringer:
    """The flags, and the thread of one process that publishes them."""

    def __init__(self, broker_url: str, key_prefix: str) -> None:
        self._broker_url = broker_url
        self._key_prefix = key_prefix
        self._pid = os.getpid()
        self._wanted: dict[str, bool] = {}
        self._rung = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._producer: Any = None
        self.failures = 0
        self.broken = False

    def start(self) -> None:
        try:
            self._thread.start()
            atexit.register(self.close)
        except RuntimeError:  # the interpreter is ending, and starts nothing any more
            _log.debug("the process is ending: the sweeper will ring instead")

    def ring(self, queue: str) -> None:
        self._wanted[queue] = True
        if not self._rung.is_set():
            self._rung.set()

    def close(self) -> None:
        """Publish what is pending and end the thread; in a forked child this is somebody else's thread."""
        if self._pid == os.getpid() and self._thread.is_alive():
            self._closing.set()
            self._rung.set()
            self._thread.join(_LAST_RINGS)

    def _run(self) -> None:
        while True:
            self._rung.wait()
            # Cleared before the flags are taken: a ring from here on, even in the midst of publishing, is a new one.
            self._rung.clear()
            pause = _SHORTEST_PAUSE
            for queue in TASKS:
                if self._wanted.pop(queue, False) and not self._published(queue):
                    self.ring(queue)  # still owed: it goes out when the breaker closes
                    pause = _BREAKER_OPEN
                    break
            if self._closing.is_set():
                return self._hang_up()
            self._closing.wait(pause)

    def _published(self, queue: str) -> bool:
        try:
            if self._producer is None:
                self._producer = producer_of(self._broker_url, self._key_prefix)
            publish(self._producer, import_module("kombu").Queue(queue), TASKS[queue])
        except Exception as error:  # the broker is not ours, and nothing it does may reach whoever rang
            self.failures += 1
            if not self.broken:
                # The kind of error only: its text may hold the broker's URL.
                _log.warning("the broker cannot be reached, the sweeper will ring instead: %s", type(error).__name__)
            self.broken = True
            self._hang_up()
            return False
        if self.broken:
            _log.info("the broker can be reached again")
        self.broken = False
        return True

    def _hang_up(self) -> None:
        producer, self._producer = self._producer, None
        release(producer)


def producer_of(broker_url: str, key_prefix: str) -> Any:
    """A connection that gives up within half a second at each step and never tries again by itself."""
    kombu = import_module("kombu")
    options: dict[str, Any] = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if broker_url.startswith("redis"):
        options |= {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "socket_keepalive": True}
        options |= {"health_check_interval": 10, "global_keyprefix": key_prefix}
    else:
        options |= {"read_timeout": 0.5, "write_timeout": 0.5}
    connection = kombu.Connection(broker_url, connect_timeout=0.5, transport_options=options)
    return connection.Producer(serializer="json")


def release(producer: Any) -> None:
    """Close a producer's connection, if there is one, whatever state it is in."""
    try:
        if producer is not None:
            producer.connection.release()
    except Exception as error:
        _log.debug("a broken connection to the broker would not close: %s", type(error).__name__)


def publish(producer: Any, queue: Any, task: str) -> None:
    """Ask whoever works this queue off (a `kombu.Queue`) for a task, which takes no arguments, at once and once.

    As version 2 of Celery's message protocol has it.
    """
    task_id = str(uuid.uuid4())
    headers = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": "()",
        "kwargsrepr": "{}",
        "origin": f"{os.getpid()}@{socket.gethostname()}",
        "ignore_result": True,
    }
    links = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    producer.publish(
        ([], {}, links),
        routing_key=queue.name,  # the default exchange: to the queue of that name
        declare=[queue],
        headers=headers,
        correlation_id=task_id,
        delivery_mode="persistent",
        retry=False,
    )


def _answers(broker_url: str, seconds: float) -> bool:
    """Say the first words of the broker's protocol; any answer will do, a demand for the password included."""
    parts = urlsplit(broker_url)
    redis = parts.scheme.startswith("redis")
    secure = parts.scheme in ("rediss", "amqps")
    port = parts.port or (6379 if redis else 5671 if secure else 5672)
    with socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=seconds) as plain:
        line: socket.socket = plain
        if secure:
            # Nothing secret is said here, so it does not matter to whom.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            line = context.wrap_socket(plain, server_hostname=parts.hostname)
        line.sendall(b"PING\r\n" if redis else b"AMQP\x00\x00\x09\x01")
        return bool(line.recv(1))


_doorbell: Doorbell | None = None


def configure(settings: BrokerSettings) -> Doorbell:
    """Make the doorbell that this process rings from now on."""
    global _doorbell
    _doorbell = Doorbell(settings.broker_url, settings.broker_key_prefix)
    return _doorbell


def ring(queue: str) -> None:
    """Ring the configured doorbell. Without one, nothing happens: the sweeper rings for what is due."""
    if _doorbell is None:
        _log.debug("no doorbell is configured: %s is not rung", queue)
    else:
        _doorbell.ring(queue)
