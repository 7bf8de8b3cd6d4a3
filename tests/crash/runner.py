"""What keeps processes running in production, made small: whoever ends is started again, and nobody asks why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from local.children import kill_group, spawn

ROOT = Path(__file__).resolve().parents[2]
RESTARTED_AFTER = 0.3  # seconds


@dataclass
class Post:
    """A place that is to be filled always."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    ended_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The id of its process; None while it has none."""
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def children(self) -> list[int]:
        """The ids of its process's children, oldest first."""
        return children_of(self.pid) if self.pid else []


def children_of(pid: int) -> list[int]:
    """The living children of a process, oldest first."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return sorted(found)


@dataclass
class Runner:
    """Starts `python -m ..` for each post and fills it anew when it is empty. To be used from one thread.

    Their output is in files of `folder`. `starts` counts how often each post was filled.
    """

    folder: Path
    posts: dict[str, Post] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    _ever: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add(self, name: str, *command: str, **environ: str) -> None:
        """A post to fill from now on."""
        self.posts[name] = Post(name, command, environ)
        self._fill(self.posts[name])

    def tend(self) -> None:
        """Fill the posts that have been empty for a moment."""
        now = time.monotonic()
        for post in self.posts.values():
            if post.pid is not None:
                continue
            post.ended_at = post.ended_at or now
            if now - post.ended_at >= RESTARTED_AFTER:
                self._fill(post)

    def close(self) -> None:
        """End everything that was ever started, orphans too."""
        for process in self._ever:
            kill_group(process)
            process.wait()

    def _fill(self, post: Post) -> None:
        if post.process is not None and post.name == "receiver":  # what is left of it still holds the port
            kill_group(post.process)
        with open(self.folder / f"{post.name}.log", "ab") as log:
            post.process = spawn(
                [sys.executable, "-m", *post.command],
                output=log.fileno(),
                environment=post.environ,
                directory=ROOT,
                death_signal=signal.SIGKILL,
            )
        post.ended_at = None
        self.starts[post.name] += 1
        self._ever.append(post.process)


def send_signal(pid: int, sign: signal.Signals) -> bool:
    """Signal a process of ours; whether it was still there."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return False
    return True
