"""The Celery application: which task runs on which queue, with the settings that lose nothing.

Celery is the doorbell. Its messages carry no ids and no payloads: each says which queue to look at, and the rows are
what is worked on. Losing, doubling or delaying a message changes nothing but latency.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any

from celery import Celery, signals
from kombu.entity import Queue
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from gateway.client import Gateway
from models.session import engine_for
from tasks import alerts, bounces, clock, comparison, heartbeats, inbox, outbox, reconcile, registry
from tasks.couriers import Couriers, couriers_of, reader_of, rules_of

from . import doorbell, log, pulse
from .broker import outlive_connections
from .schedule import PERIODS, QUEUES, SCHEDULE
from .settings import Settings

settings = Settings.read()

app = Celery("quittance", broker=settings.broker_url)
app.conf.update(
    # What a dead worker had is found again in its rows; taking the message back as well would only loop.
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    result_backend=None,
    task_soft_time_limit=10,
    task_time_limit=15,
    worker_max_tasks_per_child=2000,
    worker_max_memory_per_child=300_000,
    worker_soft_shutdown_timeout=10,
    # True would kill running tasks when Redis blinks, in the middle of a mail.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    enable_utc=True,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    task_queues=[Queue(name) for name in ("events", "mail", "provider")],  # type: ignore[no-untyped-call]
    task_default_queue="events",
    task_create_missing_queues=True,
    beat_schedule=SCHEDULE,
    beat_max_loop_interval=5,
    imports=(),
)
if settings.broker_url.startswith("redis"):
    outlive_connections()
    app.conf.broker_transport_options = {
        "visibility_timeout": settings.broker_visibility_timeout,
        "unacked_restore_interval": settings.broker_restore_interval,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": settings.broker_key_prefix,
    }
    app.conf.visibility_timeout = settings.broker_visibility_timeout
doorbell.configure(settings)
_parent = os.getpid()


@lru_cache(maxsize=1)
def _engine() -> Engine:
    """This process's engine: made on first use, which is after the fork."""
    return engine_for(settings.database_url, application="quittance worker")


@lru_cache(maxsize=1)
def _couriers() -> Couriers:
    return couriers_of(settings, _engine())


@lru_cache(maxsize=1)
def _reader() -> Gateway | None:
    return reader_of(settings, _engine(), patience=5)


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    log.configure(settings)
    # Messages come and go every few seconds and say nothing: what was done is logged where it is done.
    for chatty in ("celery.worker.strategy", "celery.app.trace", "celery.beat", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@signals.worker_init.connect
def _refuse_a_forgetful_broker(**_: Any) -> None:
    """Under any policy but noeviction publishes still succeed while messages vanish. One that is away is waited for."""
    if not settings.broker_url.startswith("redis"):
        return
    try:
        with Redis.from_url(settings.broker_url, socket_timeout=2, socket_connect_timeout=2) as broker:
            policy = broker.info("memory").get("maxmemory_policy")
    except RedisError:
        return
    if policy != "noeviction":
        sys.exit(
            f"The broker's maxmemory-policy is {policy}: it throws messages away when memory runs out. "
            "Set maxmemory-policy to noeviction in its configuration, then start again."
        )


@signals.worker_init.connect
def _load_everything(**_: Any) -> None:
    """Before the fork: a child that imports for longer than four seconds is taken for dead, and replaced by another.

    What cannot be imported stops the worker: one that starts without it would look healthy and apply nothing.
    """
    try:
        registry.load()
    except Exception:
        logging.getLogger(__name__).exception("the worker cannot start: a module of tasks/ cannot be imported")
        sys.exit(1)


@signals.worker_process_init.connect
def _start_clean(**_: Any) -> None:
    for made in (_engine, _couriers, _reader):
        made.cache_clear()
    if os.getpid() != _parent:
        # Some (systemd, foreman) send it to every process of a group: a child ends what it does, then the parent asks.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


@signals.celeryd_after_setup.connect
def _listen_to_oneself(sender: str, instance: Any, **_: Any) -> None:
    instance.app.amqp.queues.select_add(pulse.queue_of(sender))


@signals.worker_ready.connect
def _begin_to_beat(sender: Any, **_: Any) -> None:
    pulse.start(settings, sender.hostname, lambda: heartbeats.say_goodbye(_engine(), sender.hostname))


@signals.worker_shutting_down.connect
def _stop_beating(**_: Any) -> None:
    pulse.stop()


@signals.worker_shutdown.connect
def _say_goodbye(sender: Any, **_: Any) -> None:
    pulse.within(3, lambda: heartbeats.say_goodbye(_engine(), sender.hostname))


@signals.beat_init.connect
def _ask_at_once(sender: Any, **_: Any) -> None:
    """What came due while nothing ran is asked for now, not after the first interval."""
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at -= entry.schedule.run_every


@app.task(name="tasks.apply_pending")
def apply_pending() -> None:
    """Apply what has come in for five seconds; then ring again if more is due."""
    if inbox.apply_pending(_engine(), rules_of(settings), seconds=5, more=lambda: doorbell.ring("events")):
        clock.ring_what_is_due(_engine(), doorbell.ring)


@app.task(name="tasks.deliver_mail", soft_time_limit=45, time_limit=60)
def deliver_mail() -> None:
    """Note the addresses that mail came back from, then send the mail that is due."""
    bounces.apply_reports(_engine())
    _deliver("mail")


@app.task(name="tasks.deliver_provider", soft_time_limit=45, time_limit=60)
def deliver_provider() -> None:
    """Make the calls and callbacks that are due."""
    _deliver("provider")


def _deliver(queue: str) -> None:
    if outbox.deliver_pending(_engine(), _couriers(), queue, seconds=5):
        clock.ring_what_is_due(_engine(), doorbell.ring)


@app.task(name=pulse.TASK, bind=True)
def beat_once(task: Any) -> None:
    """Note that this worker lives, and ask for what the scheduler should have asked for."""
    heartbeats.beat(_engine(), task.request.hostname, app.amqp.queues.consume_from.keys() & doorbell.TASKS.keys())
    for job in heartbeats.ask_for_late_jobs(_engine(), PERIODS):
        app.send_task(job, queue=QUEUES[job])


def _job(name: str, **limits: int) -> Callable[[Callable[[], None]], Any]:
    """A task of the schedule: done once, however many ask for it at the same time."""

    def made(work: Callable[[], None]) -> Any:
        @app.task(name=name, **limits)
        @wraps(work)
        def in_turn() -> None:
            if heartbeats.take_turn(_engine(), name, PERIODS[name]):
                work()

        return in_turn

    return made


@_job("tasks.sweep")
def sweep() -> None:
    """Ring what is due."""
    clock.ring_what_is_due(_engine(), doorbell.ring)


@_job("tasks.carry_out_due_cancellations")
def carry_out_due_cancellations() -> None:
    """Carry out the cancellations whose instant has come; what they queued is rung for."""
    carry_out_more_cancellations()


@app.task(name="tasks.carry_out_more_cancellations")
def carry_out_more_cancellations() -> None:
    """Go on with those of this minute: so many may end at one instant that one task has no time for all."""
    more = partial(app.send_task, "tasks.carry_out_more_cancellations", queue="events")
    if clock.carry_out_due_cancellations(_engine(), rules_of(settings), more=more):
        clock.ring_what_is_due(_engine(), doorbell.ring)


@_job("tasks.raise_alerts")
def raise_alerts() -> None:
    """Tell operators of what needs a person; what was queued is rung for."""
    if settings.ops_emails and alerts.raise_alerts(_engine(), rules_of(settings), settings.webhook_silence):
        doorbell.ring("mail")


@_job("tasks.reconcile_events", soft_time_limit=45, time_limit=60)
def reconcile_events() -> None:
    """Read Chargebee's list of events, when its turn has come, for what no webhook brought."""
    if gateway := _reader():
        reconcile.reconcile_when_due(_engine(), gateway, seconds=15, ring=lambda: doorbell.ring("events"))


@_job("tasks.compare", soft_time_limit=45, time_limit=60)
def compare() -> None:
    """Compare the mirror with what Chargebee says, at night."""
    if gateway := _reader():
        comparison.compare_when_due(_engine(), gateway, seconds=15, ring=lambda: doorbell.ring("events"))
