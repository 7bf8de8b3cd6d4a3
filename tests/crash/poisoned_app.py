"""The worker as it is, with two more handlers: "poison" kills the process that applies it, "endless" never ends.

Started as `celery -A tests.crash.poisoned_app worker`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from tasks.registry import on
from tasks.world import World
from worker.app import app

__all__ = ["app"]


@on("poison")
def die(world: World, content: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@on("endless")
def go_on_and_on(world: World, content: dict[str, Any]) -> None:
    while True:
        time.sleep(0.01)
