"""Pace: one domain gets so many mails a minute, from all workers together."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from tasks.pace import take_turn
from tests.builders import Quittance, a_customer, an_event, an_invoice

LAST_MINUTE_GONE = """
    update mail_paces set next_at = next_at - interval '61 s',
      taken_at = array(select at - interval '61 s' from unnest(taken_at) as at)
"""


def test_many_who_ask_at_once_share_one_minutes_turns(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as workers:
        turns = list(workers.map(lambda n: take_turn(engine, f"reader{n}@big.example", 10), range(24)))
    waiting = sorted(turn for turn in turns if turn)
    assert turns.count(None) == 10
    # Those who wait stand in a line, a tenth of a minute apart.
    apart = [later - sooner for sooner, later in itertools.pairwise(waiting)]
    assert all(gap == timedelta(seconds=6) for gap in apart[1:])


def test_domains_wait_for_themselves_and_without_a_limit_nobody_does(engine: Engine) -> None:
    assert take_turn(engine, "a@big.example", 1) is None
    assert take_turn(engine, "b@BIG.example", 1) is not None
    assert take_turn(engine, "a@small.example", 1) is None
    assert take_turn(engine, "b@big.example", 0) is None


def paced(db_url: str, directory: Path) -> Quittance:
    return Quittance(db_url, directory, MAIL_PER_DOMAIN="2")


def test_mail_above_the_pace_waits_and_leaves_the_next_minute(db_url: str, tmp_path: Path) -> None:
    quittance = paced(db_url, tmp_path)
    quittance.take(an_event(a_customer(), *(an_invoice(1, id=f"F-{n}", paid=6784) for n in range(5))))
    assert len(quittance.mails()) == 2
    assert quittance.rows("select distinct state, attempts, reason from outbox where state = 'new'") == [
        ("new", 0, "it waits for its turn: so many mails a minute go to one domain")
    ]
    assert quittance.rows("select count(*) from outbox where due_at > now() + interval '25 s'") == [3]
    quittance.hurry()
    assert len(quittance.mails()) == 2  # asked too early, they wait on
    quittance.run(LAST_MINUTE_GONE)
    quittance.hurry()
    assert len(quittance.mails()) == 4
    quittance.run(LAST_MINUTE_GONE)
    quittance.hurry()
    assert len(quittance.mails()) == 5
    assert quittance.rows("select distinct state, attempts from outbox") == [("sent", 1)]
    quittance.close()


def test_waiting_for_a_turn_costs_no_patience(db_url: str, tmp_path: Path) -> None:
    quittance = paced(db_url, tmp_path)
    quittance.take(an_event(a_customer(), *(an_invoice(1, id=f"F-{n}", paid=6784) for n in range(3))))
    assert quittance.rows("select waiting_since > now() from outbox where state = 'new'") == [True]
    quittance.close()
