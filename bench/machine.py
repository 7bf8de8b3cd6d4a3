"""What the machine is, what a process costs on it, and how much of it others take while we measure.

Read from /proc, so on Linux only.
"""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.children import LocalError

_TICK = os.sysconf("SC_CLK_TCK")
QUIET = 0.2  # of one processor


def require_linux() -> None:
    if not Path("/proc/stat").exists():
        raise LocalError(
            "benchmarks read /proc, so they run on Linux only; run them in a container or a virtual machine"
        )


def described(postgres: str) -> str:
    """One line that says what was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}; PostgreSQL {postgres}; Python {platform.python_version()}"


def cpu_seconds(root: int) -> float:
    """Processor time that a process and its children have used so far, those that have ended included."""
    children, used = _processes()
    total, wanted = 0, [root]
    while wanted:
        pid = wanted.pop()
        total += used.get(pid, 0)
        wanted += children[pid]
    return total / _TICK


def children_of(pid: int) -> list[int]:
    return _processes()[0][pid]


def memory(pid: int) -> float:
    """What a process holds, in MB; of what it shares with others, its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LocalError(f"/proc/{pid}/smaps_rollup does not tell what the process shares: use a newer kernel")


def _processes() -> tuple[dict[int, list[int]], dict[int, int]]:
    """The children of each process, and the ticks that each has used, those of ended children included."""
    children: dict[int, list[int]] = defaultdict(list)
    used: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            children[int(fields[1])].append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15]))
    return children, used


class Others:
    """How many processors others used, on average, since the last look."""

    def __init__(self) -> None:
        self._at = self._look()

    def share(self) -> float:
        before, self._at = self._at, self._look()
        spent = self._at[0] - before[0]
        return max(0.0, (self._at[1] - before[1]) / spent) if spent else 0.0

    @staticmethod
    def _look() -> tuple[float, float]:
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        )
        return time.monotonic(), (user + nice + system + irq + softirq + steal) / _TICK - cpu_seconds(os.getpid())


def wait_for_quiet(seconds: float) -> float:
    """Wait, but not for ever, until others are quiet; how many processors they last used."""
    end = time.monotonic() + seconds
    others = Others()
    while True:
        time.sleep(0.5)
        share = others.share()
        if share < QUIET or time.monotonic() >= end:
            return share


class Cost:
    """What happened while something was measured: how long, and how many processors others used meanwhile."""

    seconds = 0.0
    others = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    cost, others, start = Cost(), Others(), time.monotonic()
    yield cost
    cost.seconds, cost.others = time.monotonic() - start, others.share()
