"""What the scheduler asks for, and how often. Missing a turn costs nothing: the next one asks the same question.

Time is counted here by a clock that nobody sets: a machine whose time of day is set back an hour would ask for nothing
for an hour. For the same reason no message expires: it would do so by the clock of another machine.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedule


def steady_now() -> datetime:
    """An instant that only ever moves on, at the pace of time; which one it is means nothing."""
    return datetime.fromtimestamp(time.monotonic(), UTC)


def _every(seconds: int, task: str, queue: str) -> dict[str, Any]:
    every = schedule(timedelta(seconds=seconds), nowfun=steady_now)
    return {"task": task, "schedule": every, "options": {"queue": queue}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "ring what is due": _every(5, "tasks.sweep", "events"),
    "carry out due cancellations": _every(60, "tasks.carry_out_due_cancellations", "events"),
    "tell operators of trouble": _every(60, "tasks.raise_alerts", "events"),
    # Its turn comes every ten minutes; in between, what could not be read then is gone on with.
    "look for events that no webhook brought": _every(60, "tasks.reconcile_events", "provider"),
    # Once a night; each minute, what it did not get done yet.
    "compare the mirror with Chargebee": _every(60, "tasks.compare", "provider"),
}

PERIODS: dict[str, timedelta] = {entry["task"]: entry["schedule"].run_every for entry in SCHEDULE.values()}
QUEUES: dict[str, str] = {entry["task"]: entry["options"]["queue"] for entry in SCHEDULE.values()}
