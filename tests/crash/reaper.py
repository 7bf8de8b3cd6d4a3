"""What kills the parts of a running system, one after another, by a plan that depends on the seed alone."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import redis

from local.children import Server
from local.postgres import Postgres
from local.valkey import Valkey
from tests.crash.runner import Runner, send_signal

WORKERS = ("worker", "worker_mail")
# Of so many blows together, how many are of which kind. The first ones kill; the others only hinder.
KILLS = {
    "worker child": 22,
    "worker": 7,
    "receiver child": 6,
    "receiver": 5,
    "beat": 5,
    "valkey": 6,
    "postgres": 6,
}
HINDRANCES = {"frozen child": 5, "frozen worker": 3, "flush": 4}


def plan(seed: int, kills: int) -> list[str]:
    """The kinds of all blows in their order: so many kills, each kind in its measure, and hindrances between them."""
    dice = random.Random(f"{seed} blows")
    blows = _measured(KILLS, kills, dice)
    blows += _measured(HINDRANCES, round(kills * sum(HINDRANCES.values()) / sum(KILLS.values())), dice)
    dice.shuffle(blows)
    return blows


def _measured(shares: dict[str, int], count: int, dice: random.Random) -> list[str]:
    whole = [kind for kind, share in shares.items() for _ in range(share)]
    return [kind for _ in range(count // len(whole)) for kind in whole] + dice.sample(whole, count % len(whole))


@dataclass(frozen=True, slots=True)
class Blow:
    """What was done, when, and whom it hit: the process, and the post that it or its parent fills."""

    kind: str
    at: datetime
    moment: float  # the same by the monotonic clock
    hit: int
    post: str | None

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S.%f} {self.kind} {self.hit} {self.post or ''}"


@dataclass
class Reaper:
    """Strikes, and sees to it that servers come back and what was frozen goes on. To be used from one thread."""

    seed: int
    runner: Runner
    postgres: Postgres
    valkey: Valkey
    blows: list[Blow] = field(default_factory=list)
    _later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _away: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} reaper")

    def strike(self, kind: str) -> bool:
        """One blow; False where there is nobody to be hit just now."""
        blow: Callable[[], int | None] = getattr(self, f"_{kind.replace(' ', '_')}")
        posts = {pid: name for name, post in self.runner.posts.items() for pid in (post.pid, *post.children)}
        at, moment, hit = datetime.now(UTC), time.monotonic(), blow()
        if hit is None:
            return False
        self.blows.append(Blow(kind, at, moment, hit, posts.get(hit)))
        return True

    @property
    def done(self) -> Counter[str]:
        """How many blows of each kind there were."""
        return Counter(blow.kind for blow in self.blows)

    def tend(self) -> None:
        """Bring back what was away for long enough."""
        now = time.monotonic()
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for _, bring_back in due:
            bring_back()

    def rest(self) -> None:
        """Bring back everything, now."""
        later, self._later = self._later, []
        for _, bring_back in later:
            bring_back()

    def _after(self, seconds: float, bring_back: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + seconds, bring_back))

    # ---- blows -------------------------------------------------------------------------------------------------------

    def _worker_child(self) -> int | None:
        return self._signal_one(self._children(*WORKERS), signal.SIGKILL)

    def _worker(self) -> int | None:
        """The parent: Celery has its children killed in the middle of their work when it is gone."""
        return self._signal_one(self._parents(*WORKERS), signal.SIGKILL)

    def _receiver_child(self) -> int | None:
        return self._signal_one(self._children("receiver"), signal.SIGKILL)

    def _receiver(self) -> int | None:
        return self._signal_one(self._parents("receiver"), signal.SIGKILL)

    def _beat(self) -> int | None:
        return self._signal_one(self._parents("beat"), signal.SIGKILL)

    def _frozen_child(self) -> int | None:
        return self._freeze(self._children(*WORKERS))

    def _frozen_worker(self) -> int | None:
        return self._freeze(self._parents(*WORKERS))

    def _valkey(self) -> int | None:
        return self._take_away(self.valkey, self.dice.uniform(0, 3))

    def _postgres(self) -> int | None:
        return self._take_away(self.postgres, self.dice.uniform(0, 2))

    def _flush(self) -> int | None:
        try:
            with redis.Redis.from_url(self.valkey.url(), socket_timeout=2) as broker:
                broker.flushall()
        except redis.RedisError:
            return None
        return self.valkey.pid

    def _take_away(self, server: Server, seconds: float) -> int | None:
        if server in self._away:
            return None

        def bring_back() -> None:
            server.start()
            self._away.remove(server)

        pid = server.pid
        self._away.append(server)
        server.kill()
        self._after(seconds, bring_back)
        return pid

    def _freeze(self, pids: list[int]) -> int | None:
        """Stop one for some seconds; one time in five for longer than the database waits for a session."""
        pid = self._signal_one(pids, signal.SIGSTOP)
        if pid is None:
            return None
        seconds = self.dice.uniform(16, 20) if self.dice.random() < 0.2 else self.dice.uniform(0.5, 5)
        self._after(seconds, lambda: send_signal(pid, signal.SIGCONT))
        return pid

    def _signal_one(self, pids: list[int], sign: signal.Signals) -> int | None:
        pid = self.dice.choice(pids) if pids else None
        return pid if pid is not None and send_signal(pid, sign) else None

    def _parents(self, *posts: str) -> list[int]:
        return [pid for name in posts if (pid := self.runner.posts[name].pid)]

    def _children(self, *posts: str) -> list[int]:
        return [pid for name in posts for pid in self.runner.posts[name].children]
