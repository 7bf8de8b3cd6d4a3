"""Chargebee's limit of calls a minute, kept by all processes together: a token bucket in a row of PostgreSQL.

A fifth of the minute's calls may be made at once, the rest come evenly, so that no minute, wherever it begins, sees
more than the limit. Long readings leave half of that fifth alone: a delivery never waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert

from gateway.errors import ProviderDown
from models import CallBudget
from models.session import transaction

UNSAID = 30.0  # seconds to stay away after a 429 that names none; "about a minute" is said of the limit, less of others

_NOW = text("select clock_timestamp()")


@dataclass(frozen=True)
class Budget:
    """The calls of one site. `patience`: how many seconds a call waits for its turn; None: as long as it takes.

    A `reading` leaves the share of deliveries alone.
    """

    engine: Engine
    site: str
    per_minute: int
    reading: bool = False
    patience: float | None = 0.0
    sleep: Callable[[float], None] = time.sleep

    def before_call(self) -> None:
        """Take one call, or wait for it.

        Raises:
            ProviderDown: it is not to be had within our patience; `retry_after` says when.
        """
        waited = 0.0
        while pause := self._take():
            if self.patience is not None and waited + pause > self.patience:
                raise ProviderDown(
                    f"the calls that Chargebee takes in a minute are used up; the next is to be had in {pause:.0f} s",
                    code="call_budget",
                    retry_after=pause,
                )
            self.sleep(pause)
            waited += pause

    def asked_to_wait(self, seconds: float | None) -> None:
        """Chargebee takes no calls for so long, from anybody."""
        with transaction(self.engine) as session:
            self._row_is_there(session.execute)
            close = text("""
                update call_budgets set closed_until = greatest(closed_until, now() + make_interval(secs => :seconds))
                where site = :site
            """)
            session.execute(close, {"site": self.site, "seconds": UNSAID if seconds is None else seconds})

    @property
    def _burst(self) -> int:
        return max(1, self.per_minute // 5)

    def _take(self) -> float:
        """Take one call; 0, or the seconds until there may be one."""
        with transaction(self.engine) as session:
            self._row_is_there(session.execute)
            row = session.scalars(select(CallBudget).where(CallBudget.site == self.site).with_for_update()).one()
            now: datetime = session.execute(_NOW).scalar_one()  # after the wait for the row
            if row.closed_until and row.closed_until > now:
                return (row.closed_until - now).total_seconds()
            rate = (self.per_minute - self._burst) / 60 or 1 / 60
            row.left = min(self._burst, row.left + max(0.0, (now - row.reckoned_at).total_seconds()) * rate)
            row.reckoned_at = now
            wanted = 1 + (self._burst // 2 if self.reading else 0)
            if row.left < wanted:
                return (wanted - row.left) / rate
            row.left -= 1
            return 0.0

    def _row_is_there(self, execute: Callable[..., object]) -> None:
        execute(insert(CallBudget).values(site=self.site, left=self._burst).on_conflict_do_nothing())
