"""Is the receiver fit for work? /healthz asks the process, /readyz what it stands on."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from psycopg.errors import UndefinedTable

from webhooks.store import Store, Unavailable
from worker.doorbell import TASKS, Doorbell

log = structlog.get_logger(__name__)

_VERSIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"
_REVISION = re.compile(r"^(down_)?revision\b[^=\n]*=(.*)$", re.MULTILINE)

# The oldest event: of those never started, and of those that a process died with, the first of two partial indexes.
# What webhooks did not bring in a week is counted to a limit, so that a site without webhooks is told of as fast. A
# worker lives that wrote its heartbeat within a minute; one that died, and did not end, is missed for an hour.
STATE = """
select array(select version_num::text from alembic_version),
       extract(epoch from business_now() - least(
         (select received_at from inbox_events where status = 'pending' and starts = 0 order by due_at, seq limit 1),
         (select received_at from inbox_events where status = 'pending' and starts > 0 order by due_at, seq limit 1)
       ))::float8,
       (select count(*) from (
          select from missed_webhooks where found_at > business_now() - interval '7 days' limit 10000
       ) as missed),
       (select jsonb_object_agg(queue, (
          select count(*) from heartbeats where queues @> array[queue] and at > now() - interval '60 s'
       )) from unnest(%(queues)s::text[]) as queue),
       array(select worker from heartbeats where at <= now() - interval '60 s' order by worker limit 20),
       exists (select from job_turns where asked_at > now() - interval '2 min')
"""


@dataclass(frozen=True, slots=True)
class Schema:
    """What this code knows of the schema's history: every migration, and the newest."""

    known: frozenset[str]
    head: frozenset[str]

    @classmethod
    def of(cls, versions: Path = _VERSIONS) -> Schema:
        """Read from the migrations' files, without importing Alembic."""
        revisions: set[str] = set()
        replaced: set[str] = set()
        for path in versions.glob("*.py"):
            for down, value in _REVISION.findall(path.read_text("utf-8")):
                (replaced if down else revisions).update(re.findall(r"""["']([^"']+)["']""", value))
        return cls(frozenset(revisions), frozenset(revisions - replaced))

    def words_for(self, found: Collection[str]) -> tuple[str, bool]:
        """How a database that is at these migrations is told of, and whether this code can work on it.

        A migration that is not known here was made by a newer version: a deployment migrates first, and what runs
        goes on until it is replaced.
        """
        if frozenset(found) == self.head:
            return "at head", True
        if found and not self.known.issuperset(found):
            return "made by a newer version", True
        return "not at head: quittance db upgrade", False


def readiness(store: Store, doorbell: Doorbell, schema: Schema) -> tuple[Mapping[str, Any], bool]:
    """What /readyz shows, and whether events can be taken: a broker or workers that are away only make them wait."""
    try:
        row = store.ask(STATE, {"queues": list(TASKS)})
    except Unavailable as reason:
        if isinstance(reason.__cause__, UndefinedTable):
            return _without(schema.words_for(())[0]), False
        log.warning("not ready: the database cannot be asked", reason=str(reason))
        return {"status": "unavailable", "database": "cannot be asked"}, False
    versions, oldest, missed, live, silent, late = row or ((), None, 0, {}, (), False)
    migrations, fit = schema.words_for(versions)
    if not fit:
        return _without(migrations), False
    ringing = not doorbell.broken and doorbell.reachable()
    return {
        "status": "ready" if ringing and all(live.values()) else "degraded",
        "database": "ok",
        "migrations": migrations,
        "broker": "ok" if ringing else "away: events are stored, and worked off by the sweeper's pace",
        "live_workers": live,
        "silent_workers": silent,
        "scheduler": "late or away: workers ask for what is due" if late else "ok",
        "oldest_pending_seconds": round(max(0.0, oldest), 1) if oldest is not None else None,
        "missed_webhooks_in_7_days": missed,
    }, True


def _without(migrations: str) -> Mapping[str, Any]:
    return {"status": "unavailable", "database": "ok", "migrations": migrations}
