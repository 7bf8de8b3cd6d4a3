"""Signs of life: which workers live, and whether what is scheduled is done, whoever asks for it.

A worker that lives writes its row through a task of its own. A job that nobody has asked for in time is asked for by
whichever worker notices first, so there may be one scheduler, or two, or none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import Engine, text

from models.session import transaction

LIVES = timedelta(seconds=60)  # a worker that wrote nothing for so long does not live
_LATE = timedelta(seconds=5)  # on top of its period, before workers ask for a job themselves

_BEAT = text("""
    insert into heartbeats (worker, queues) values (:worker, :queues)
    on conflict (worker) do update set at = now(), queues = excluded.queues
""")
_FORGET = text("delete from heartbeats where at < now() - interval '1 hour'")
_END = text("delete from heartbeats where worker = :worker")
# What lies in the future was written before the database's clock was set back.
_TAKE = text("""
    insert into job_turns (job, taken_at) values (:job, now())
    on conflict (job) do update set taken_at = now()
      where job_turns.taken_at is null or job_turns.taken_at not between now() - :pause and now()
    returning job
""")
_ASK = text("""
    insert into job_turns (job, asked_at) values (:job, now())
    on conflict (job) do update set asked_at = now()
      where coalesce(greatest(job_turns.taken_at, job_turns.asked_at) not between now() - :pause and now(), true)
    returning job
""")


def beat(engine: Engine, worker: str, queues: Collection[str]) -> None:
    """Note that this worker lives. One that died is missed for an hour, then forgotten."""
    with transaction(engine) as session:
        session.execute(_FORGET)
        session.execute(_BEAT, {"worker": worker, "queues": sorted(queues)})


def say_goodbye(engine: Engine, worker: str) -> None:
    """A worker ends in good order: nobody need miss it."""
    with transaction(engine) as session:
        session.execute(_END, {"worker": worker})


def take_turn(engine: Engine, job: str, period: timedelta) -> bool:
    """Is it time to do this job? Not when it was begun less than half its period ago: it was asked for twice."""
    with transaction(engine) as session:
        return session.execute(_TAKE, {"job": job, "pause": period / 2}).first() is not None


def ask_for_late_jobs(engine: Engine, periods: Mapping[str, timedelta]) -> list[str]:
    """The jobs whose turn is over and that nobody began; to be asked for now, by the caller and by nobody else."""
    with transaction(engine) as session:
        asked = ((job, session.execute(_ASK, {"job": job, "pause": periods[job] + _LATE})) for job in sorted(periods))
        return [job for job, row in asked if row.first() is not None]
