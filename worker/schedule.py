"""What the scheduler asks for, and how often. Missing a turn costs nothing: the next one asks the same question."""

from __future__ import annotations

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "ring what is due": {"task": "tasks.sweep", "schedule": 5.0, "options": {"queue": "events", "expires": 5.0}},
    "carry out due cancellations": {
        "task": "tasks.carry_out_due_cancellations",
        "schedule": 60.0,
        "options": {"queue": "events", "expires": 60.0},
    },
    "tell operators of trouble": {
        "task": "tasks.raise_alerts",
        "schedule": 60.0,
        "options": {"queue": "events", "expires": 60.0},
    },
    # Its turn comes every ten minutes; in between, what could not be read then is gone on with.
    "look for events that no webhook brought": {
        "task": "tasks.reconcile_events",
        "schedule": 60.0,
        "options": {"queue": "provider", "expires": 60.0},
    },
    # Once a night; each minute, what it did not get done yet.
    "compare the mirror with Chargebee": {
        "task": "tasks.compare",
        "schedule": 60.0,
        "options": {"queue": "provider", "expires": 60.0},
    },
}
