"""Signs of life, and jobs that nobody asked for in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from tasks import heartbeats

MINUTE = timedelta(minutes=1)
JOBS = {"tasks.one": MINUTE, "tasks.other": MINUTE}


def workers(session: Session) -> list[str]:
    return list(session.scalars(text("select worker from heartbeats order by worker")))


def time_goes_by(session: Session, seconds: float) -> None:
    """It does in the rows."""
    session.execute(text("update heartbeats set at = at - make_interval(secs => :s)"), {"s": seconds})
    session.execute(
        text(
            "update job_turns set taken_at = taken_at - i, asked_at = asked_at - i from make_interval(secs => :s) as i"
        ),
        {"s": seconds},
    )


def test_a_worker_has_one_row_that_says_when_it_lived_last(engine: Engine, session: Session):
    heartbeats.beat(engine, "events@one", ["events"])
    time_goes_by(session, 40)
    heartbeats.beat(engine, "events@one", ["provider", "mail"])
    rows = session.execute(text("select queues, at > now() - interval '1 s' from heartbeats")).all()
    assert rows == [(["mail", "provider"], True)]


def test_a_worker_that_ends_well_is_forgotten_and_one_that_died_only_after_an_hour(engine: Engine, session: Session):
    for name in ("ends", "died", "died long ago"):
        heartbeats.beat(engine, name, ["events"])
    heartbeats.say_goodbye(engine, "ends")
    session.execute(text("update heartbeats set at = now() - interval '61 min' where worker = 'died long ago'"))
    session.execute(text("update heartbeats set at = now() - interval '59 min' where worker = 'died'"))
    heartbeats.beat(engine, "lives", ["events"])
    assert workers(session) == ["died", "lives"]


def test_a_job_that_two_ask_for_at_once_is_done_once(engine: Engine, session: Session):
    assert heartbeats.take_turn(engine, "tasks.one", MINUTE)
    assert not heartbeats.take_turn(engine, "tasks.one", MINUTE)
    assert heartbeats.take_turn(engine, "tasks.other", MINUTE)
    time_goes_by(session, 31)
    assert heartbeats.take_turn(engine, "tasks.one", MINUTE)


def test_a_job_that_is_late_is_asked_for_once_whoever_looks(engine: Engine, session: Session):
    assert heartbeats.ask_for_late_jobs(engine, JOBS) == ["tasks.one", "tasks.other"]  # never done: nobody asked yet
    assert heartbeats.ask_for_late_jobs(engine, JOBS) == []
    assert heartbeats.take_turn(engine, "tasks.one", MINUTE)  # that it was asked for keeps nobody from doing it
    time_goes_by(session, 40)
    assert heartbeats.take_turn(engine, "tasks.one", MINUTE)
    time_goes_by(session, 30)
    assert heartbeats.ask_for_late_jobs(engine, JOBS) == ["tasks.other"]  # asked for 70 s ago, and not done
    time_goes_by(session, 36)
    assert heartbeats.ask_for_late_jobs(engine, JOBS) == ["tasks.one"]


@pytest.mark.parametrize("column", ["taken_at", "asked_at"])
def test_a_database_whose_clock_is_set_back_keeps_no_job_waiting(engine: Engine, session: Session, column: str):
    heartbeats.take_turn(engine, "tasks.one", MINUTE)
    session.execute(text(f"update job_turns set {column} = now() + interval '1 h'"))
    assert heartbeats.ask_for_late_jobs(engine, {"tasks.one": MINUTE}) == ["tasks.one"]
    time_goes_by(session, -3600)
    assert heartbeats.take_turn(engine, "tasks.one", MINUTE)
