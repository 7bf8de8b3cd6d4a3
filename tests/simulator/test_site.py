"""The site's clock and its promise that a refused action leaves no trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulator import Refused, Site
from simulator.pricing import MONTHLY


def test_the_clock_never_runs_back(site: Site) -> None:
    with pytest.raises(ValueError, match="does not go back"):
        site.advance_to(site.now - timedelta(seconds=1))


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Site(now=datetime(2021, 1, 4))  # noqa: DTZ001


def test_what_falls_due_happens_at_its_own_instant_and_in_order(site: Site) -> None:
    site.change_customer("marie", auto_collection="off", net_term_days=10)
    body = site.subscribe("marie", MONTHLY.id, id="boreal")
    place = len(site.events)
    site.advance(days=60)
    told = [(event["occurred_at"], event["event_type"]) for event in site.events[place:]]
    assert told == sorted(told, key=lambda thing: thing[0])
    assert {at for at, type in told if type == "subscription_renewed"} == {
        body["current_term_end"],
        int(datetime(2021, 3, 4, 15, 0, tzinfo=UTC).timestamp()),
    }
    assert site.now == datetime(2021, 1, 4, 15, 0, tzinfo=UTC) + timedelta(days=60)


def test_one_long_step_and_many_short_ones_tell_the_same(site: Site) -> None:
    sites = []
    for hours in (24 * 100, 7):
        one = Site(seed=7)
        one.create_customer(id="marie", company="Société Test1234", email="marie@test1234.example")
        one.add_card("marie", last4="0002", expires=(3, 2021))
        one.subscribe("marie", MONTHLY.id, 3, trial_days=9, id="boreal")
        end = one.now + timedelta(days=100)
        while one.now < end:
            one.advance_to(min(end, one.now + timedelta(hours=hours)))
        sites.append(one)
    assert sites[0].dump() == sites[1].dump()


def test_a_refused_action_leaves_no_trace(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    site.change_seats("boreal", 2, end_of_term=True)
    before = site.dump()
    with pytest.raises(Refused):
        site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    with pytest.raises(Refused):
        site.record_payment(["F-10391", "F-99999"])
    with pytest.raises(Refused):
        site.change_seats("nobody", 3)
    assert site.dump() == before


def test_another_seed_makes_other_ids(site: Site) -> None:
    first, second = (Site(seed=seed) for seed in (1, 2))
    bodies = [one.create_customer(company="Société Test1234", email=None) for one in (first, second)]
    assert bodies[0]["id"] != bodies[1]["id"]
    assert first.events[0]["id"] != second.events[0]["id"]


def test_what_is_not_there_is_not_found(site: Site) -> None:
    with pytest.raises(Refused) as refusal:
        site.current("invoice", "F-1")
    assert (refusal.value.code, refusal.value.status) == ("resource_not_found", 404)


def test_an_event_is_an_envelope_as_chargebee_makes_them(site: Site) -> None:
    event = site.events[0]
    assert {key: event[key] for key in ("object", "api_version", "event_type", "occurred_at")} == {
        "object": "event", "api_version": "v2", "event_type": "customer_created", "occurred_at": site.timestamp,
    }  # fmt: skip
    assert event["id"].startswith("ev_") and event["content"] == {"customer": site.current("customer", "marie")}


def test_versions_never_tie_and_are_never_whole_seconds_however_fast_things_change(site: Site) -> None:
    for turn in range(2500):
        site.change_customer("marie", phone=str(turn))
    versions = [body["resource_version"] for body in site.versions["customer", "marie"]]
    assert versions == sorted(set(versions)) and all(version % 1000 for version in versions)


def test_what_a_refused_action_had_planned_for_later_does_not_come(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    site.change_seats("boreal", 2, end_of_term=True)
    with pytest.raises(Refused), site._action():  # two edits as one action, the second of which is refused
        site.change_seats("boreal", 9, end_of_term=True)
        site.reactivate("boreal")
    site.advance(days=31)
    assert site.current("subscription", "boreal")["subscription_items"][0]["quantity"] == 2


def test_the_clock_says_what_comes_next_and_can_go_there_step_by_step(site: Site) -> None:
    assert Site().next_due_at is None
    site.change_customer("marie", auto_collection="off", net_term_days=10)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    site.subscribe("marie", MONTHLY.id, id="second")
    instants = []
    while (due_at := site.next_due_at) and due_at < datetime(2021, 2, 5, tzinfo=UTC):
        site.step_to_next_due()
        assert site.now == due_at
        instants.append(due_at)
    reminded_and_due = [datetime(2021, 1, day, 15, 0, tzinfo=UTC) for day in (11, 11, 14, 14, 21, 21)]
    assert instants == [*reminded_and_due, *[datetime(2021, 2, 4, 15, 0, tzinfo=UTC)] * 2]
    renewed = [event for event in site.events if event["event_type"] == "subscription_renewed"]
    assert [event["content"]["subscription"]["id"] for event in renewed] == ["boreal", "second"]


def test_what_is_due_and_does_nothing_is_an_error_and_no_endless_loop() -> None:
    class Stuck(Site):
        def _renew(self, subscription_id: str) -> None:
            """A term that ends and does not."""

    site = Stuck()
    site.create_customer(id="marie", company="Société Test1234", email=None)
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with pytest.raises(RuntimeError, match="subscription boreal"):
        site.advance(days=40)
