"""Merging: the greatest snapshot of an object stays, in whatever order they come."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.events import Event
from models import clock
from models.session import transaction
from simulator import Site
from tasks.inbox import take_in
from tests.builders import JANUARY, Body, Quittance, a_customer, a_subscription, an_event, seconds

_ids = itertools.count(1)

CUSTOMER = "select version, deleted, first_name from customers where id = :id"
TIES = "select kind, object_type, object_id, times from findings"


def told(version: int, name: str, *, deleted: bool = False, minute: int = 0, id: str = "cust_1") -> Body:
    return an_event(
        a_customer(version, id=id, first_name=name, deleted=deleted), at=JANUARY + timedelta(minutes=minute)
    )


def greatest(events: list[Body]) -> tuple[int, bool, str]:
    """By the order that is promised, reckoned from the events themselves."""

    def order(event: Body) -> tuple[int, bool, int, str]:
        (snapshot,) = Event.from_body(json.dumps(event).encode()).snapshots
        body = event["content"]["customer"]
        return body["resource_version"], body["deleted"], event["occurred_at"], snapshot.digest

    body = max(events, key=order)["content"]["customer"]
    return body["resource_version"], body["deleted"], body["first_name"]


@pytest.mark.long
@given(
    drawn=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["Marie", "Luc"]), st.booleans(), st.integers(0, 2)),
        min_size=2,
        max_size=5,
    ),
    shuffled=st.randoms(use_true_random=False),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_greatest_snapshot_stays_whatever_the_order(
    quittance: Quittance, drawn: list[tuple[int, str, bool, int]], shuffled: st.DataObject
) -> None:
    id = f"cust_{next(_ids)}"
    events = [told(version, name, deleted=gone, minute=minute, id=id) for version, name, gone, minute in drawn]
    in_some_order = list(events)
    shuffled.shuffle(in_some_order)  # type: ignore[attr-defined]
    for event in in_some_order:
        quittance.take(event)
    assert quittance.rows(CUSTOMER, id=id) == [greatest(events)]


def test_ties_of_three_end_alike_in_every_order(quittance: Quittance) -> None:
    orders = [*itertools.permutations([(1, "Marie"), (2, "Luc"), (3, "Marie")])]
    for step in range(3):
        quittance.take(*(told(1, order[step][1], minute=order[step][0], id=f"c{n}") for n, order in enumerate(orders)))
    assert quittance.rows("select distinct first_name, tie_at from customers") == [
        ("Marie", JANUARY + timedelta(minutes=3))
    ]


def test_a_tombstone_of_the_version_we_hold_wins_and_stays(quittance: Quittance) -> None:
    alive, gone = told(1, "Marie", minute=5), told(1, "Marie", deleted=True)
    for order in [(alive, gone), (gone, alive)]:
        for event in order:
            quittance.take(event | {"id": f"{event['id']}_{next(_ids)}"})
        ((_, deleted, _),) = quittance.rows(CUSTOMER, id="cust_1")
        assert deleted is True
    assert quittance.rows(TIES) == []


def test_a_newer_snapshot_brings_a_deleted_object_back(quittance: Quittance) -> None:
    quittance.take(told(1, "Marie", deleted=True), told(2, "Marie"))
    assert [deleted for _, deleted, _ in quittance.rows(CUSTOMER, id="cust_1")] == [False]


def test_the_greater_of_two_snapshots_in_one_event_is_kept_and_counted_once(quittance: Quittance) -> None:
    for first, second in [(1, 2), (4, 3)]:
        event = an_event(a_subscription(first, seats=10 + first), a_subscription(second, seats=10 + second))
        quittance.take(event)
        assert quittance.ending(event) == ("applied", None)
    assert quittance.rows("select before, after from seat_entries order by id") == [(0, 12), (12, 14)]


def test_an_object_without_a_version_is_as_old_as_its_event(quittance: Quittance) -> None:
    def bare(name: str, day: int) -> Body:
        customer = a_customer(first_name=name) | {"resource_version": None, "updated_at": None}
        return an_event(customer, at=JANUARY + timedelta(days=day))

    quittance.take(bare("Marie", 2))
    quittance.take(bare("Luc", 1))
    assert quittance.rows("select version, first_name from customers") == [
        (seconds(JANUARY + timedelta(days=2)) * 1000, "Marie")
    ]


def test_the_same_snapshot_in_another_event_is_quiet(quittance: Quittance) -> None:
    quittance.take(told(1, "Marie"))
    audits = quittance.rows("select count(*) from audit_entries")
    again = told(1, "Marie", minute=9)
    quittance.take(again)
    assert quittance.ending(again) == ("ignored", "nothing newer in it")
    assert quittance.rows(TIES) == []
    assert quittance.rows("select count(*) from audit_entries") == audits


def test_two_different_snapshots_of_one_version_are_a_finding(quittance: Quittance) -> None:
    quittance.take(told(1, "Marie"), told(1, "Luc"))
    assert quittance.rows(TIES) == [("tie", "customer", "cust_1", 1)]
    assert quittance.rows("select count(*) from outbox") == [0]
    quittance.take(told(1, "Luc", minute=-1))
    quittance.take(told(1, "Marie", minute=-1))
    assert quittance.rows("select times > 1 from findings") == [True]


def test_after_a_tie_the_api_says_what_is_true(with_api: Quittance, site: Site) -> None:
    true = site.create_customer(id="cust_1", company="Boréal", first_name="Marie", email="marie@test1234.example")
    version = true["resource_version"]
    wrong = [true | {"first_name": name} for name in ("Luc", "Zoé")]
    with_api.take(an_event(wrong[0]), an_event(wrong[1], at=JANUARY + timedelta(minutes=1)))
    assert with_api.rows("select key, kind, state from outbox") == [
        (f"read_customer:cust_1:{version}", "chargebee", "sent")
    ]
    assert with_api.rows("select version, first_name from customers") == [(version, "Marie")]
    # What was overtaken by it stays so, and nobody is asked twice.
    with_api.take(an_event(wrong[1], at=JANUARY + timedelta(minutes=2)))
    assert with_api.rows("select first_name from customers") == ["Marie"]
    assert with_api.rows("select count(*) from outbox") == [1]


def test_what_is_read_in_the_second_of_a_tie_came_after_it(quittance: Quittance) -> None:
    with transaction(quittance.engine) as session:
        now = clock.now(session)
        take_in(session, {"customer": a_customer()})
    (read,) = quittance.rows("select raw from inbox_events")
    assert Event.from_body(read).snapshots[0].tie_at >= now


def test_what_the_api_shows_is_no_tie_to_report(with_api: Quittance, site: Site) -> None:
    true = site.create_customer(id="cust_1", company="Boréal", first_name="Marie", email="marie@test1234.example")
    with_api.take(an_event(true | {"first_name": "Luc"}), an_event(true | {"first_name": "Zoé"}))
    assert with_api.rows("select first_name from customers") == ["Marie"]
    assert with_api.rows("select object_id, times from findings") == [("cust_1", 1)]
