"""How much one caller may ask for. Counted by each process for itself: enough to make guessing and flooding dull."""

from __future__ import annotations

import threading
import time
from collections import Counter


class Limiter:
    """So many a minute for each key. It forgets everything with each minute, so its memory has a bound."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def allows(self, key: str, now: float | None = None) -> bool:
        """Count one more, and say whether it is within the limit. `now` is in seconds."""
        minute = int((time.monotonic() if now is None else now) // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, Counter()
            self._counts[key] += 1
            return self._counts[key] <= self._per_minute
