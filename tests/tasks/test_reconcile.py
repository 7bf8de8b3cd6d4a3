"""Events that no webhook brought: found on the provider's list, once, whatever interrupts the reading."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from billing.errors import NotYet
from gateway.client import Gateway, Page
from models.session import transaction
from simulator import Body, Site, history
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY
from tasks import reconcile
from tasks.inbox import apply_pending
from tasks.reconcile import Listed, report
from tasks.slots import take_slot
from tests.builders import JANUARY, Quittance, end_state
from tests.conftest import a_database


@pytest.fixture
def chargebee_site(request: pytest.FixtureRequest) -> Site:
    seed = getattr(request.node, "callspec", None) and request.node.callspec.params.get("seed")
    return history(seed) if seed else Site(seed=7, now=JANUARY)


@pytest.fixture
def quittance(with_api: Quittance, site: Site) -> Quittance:
    """At the time of the site, which reads the list for the first time before anything happens there."""
    with_api.move_clock(site.now)
    assert read(with_api) == Listed(0, 0, True)
    return with_api


def gateway_of(quittance: Quittance) -> Gateway:
    assert quittance.couriers.gateway is not None
    return quittance.couriers.gateway


def read(quittance: Quittance, gateway: Gateway | None = None) -> Listed:
    return reconcile.reconcile_now(quittance.engine, gateway or gateway_of(quittance), ring=lambda: None)


def when_due(quittance: Quittance, seconds: float = 60) -> Listed | None:
    return reconcile.reconcile_when_due(quittance.engine, gateway_of(quittance), seconds=seconds, ring=lambda: None)


def next_turn(quittance: Quittance) -> None:
    """Ten minutes of real time have gone by."""
    quittance.run("delete from job_slots")


def live(site: Site, customers: int = 1) -> list[Body]:
    """So many customers buy; the events of it."""
    before = len(site.events)
    for number in range(customers):
        customer = site.create_customer(company=f"Client {number}", email=f"c{number}@example.com")["id"]
        site.add_card(customer)
        site.subscribe(customer, MONTHLY.id, number % 7 + 1)
    return list(site.events)[before:]


def origins(quittance: Quittance) -> dict[str, str]:
    return dict(quittance.rows("select id, origin from inbox_events"))


def missed(quittance: Quittance) -> int:
    with transaction(quittance.engine) as session:
        return report(session).missed


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """Pages of five; those that were read."""
    read, whole = [], Gateway.events

    def events(self: Gateway, *arguments: object) -> Page:
        page = whole(self, *arguments, limit=5)  # type: ignore[arg-type]
        read.append(page)
        return page

    monkeypatch.setattr(Gateway, "events", events)
    return read


def test_an_event_that_no_webhook_brought_is_found_and_ends_in_the_providers_state(
    quittance: Quittance, site: Site
) -> None:
    made = live(site, 2)
    quittance.take(*made[::2])
    listed = read(quittance)
    assert (listed.events, listed.new) == (len(made), len(made[1::2]))
    quittance.drain()
    seats = {each["id"]: each["subscription_items"][0]["quantity"] for each in site.all("subscription")}
    assert dict(quittance.rows("select id, seats from subscriptions")) == seats
    assert set(quittance.rows("select status from inbox_events")) <= {"applied", "ignored"}
    assert {id for id, origin in origins(quittance).items() if origin == "reconcile"} == {
        event["id"] for event in made[1::2]
    }


def test_reading_again_changes_nothing(quittance: Quittance, site: Site) -> None:
    live(site)
    assert read(quittance).new
    quittance.drain()
    mirror = "select id, version, tie_at from customers union all select id, version, tie_at from invoices"
    before = quittance.rows(mirror)
    mails = len(quittance.mails())
    assert mails and read(quittance).new == 0
    quittance.drain()
    assert quittance.rows(mirror) == before
    assert len(quittance.mails()) == mails
    assert quittance.rows("select kind from findings") == []


@pytest.mark.long
@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.long), pytest.param(4, marks=pytest.mark.long)]
)
def test_a_history_of_which_a_part_never_came_ends_as_if_all_had(
    with_api: Quittance, site: Site, seed: int, admin: psycopg.Connection, template_db: str, tmp_path: Path
) -> None:
    dice = random.Random(f"{seed} lost webhooks")
    began = datetime.fromtimestamp(next(iter(site.events))["occurred_at"], UTC)
    with_api.run("insert into readings (name, watermark) values ('events', :began)", began=began)
    with_api.move_clock(site.now)
    came = [event for event in site.events if dice.random() > 0.3]
    dice.shuffle(came)
    with a_database(admin, template_db) as url:
        fed = Quittance(url, tmp_path / "fed")
        try:
            fed.move_clock(site.now)
            apply(fed, list(site.events))
            expected = end_state(fed)
        finally:
            fed.close()
    apply(with_api, came)
    assert end_state(with_api) != expected
    assert read(with_api).new == len(site.events) - len(came)
    apply_pending(with_api.engine, with_api.couriers.rules, seconds=30)
    assert end_state(with_api) == expected


def apply(quittance: Quittance, events: list[Body]) -> None:
    for event in events:
        quittance.post(event)
    apply_pending(quittance.engine, quittance.couriers.rules, seconds=30)


def test_pages_end_where_they_end(quittance: Quittance, site: Site, small_pages: list[Page]) -> None:
    made: list[Body] = []
    while len(made) < 10 or len(made) % 5:  # the last page is full
        made += live(site)
    assert read(quittance).events == len(made)
    assert [len(page.rows) for page in small_pages] == [5] * (len(made) // 5)
    assert set(origins(quittance)) == {event["id"] for event in made}


def test_what_happens_while_pages_are_read_is_read_too(
    quittance: Quittance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(site, 2)
    whole = Gateway.events
    pages = 0

    def events(self: Gateway, *arguments: object) -> Page:
        nonlocal pages
        pages += 1
        if pages < 4:
            live(site)
        return whole(self, *arguments, limit=5)  # type: ignore[arg-type]

    monkeypatch.setattr(Gateway, "events", events)
    read(quittance)
    assert set(origins(quittance)) == {event["id"] for event in site.events}


class Died(BaseException):
    """The process is gone."""


def test_a_reading_whose_process_dies_between_pages_goes_on_with_the_next_page(
    quittance: Quittance, site: Site, small_pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = live(site, 3)
    whole, pages = reconcile._take, 0

    def take(*arguments: object) -> int:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise Died
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reconcile, "_take", take)
    with pytest.raises(Died):
        read(quittance)
    assert len(origins(quittance)) == 10
    small_pages.clear()
    quittance.run("update readings set due_at = now()")  # its lease is over
    assert (listed := when_due(quittance)) and listed.to_the_end
    assert small_pages[0].rows[0]["id"] not in [event["id"] for event in made[:10]]
    assert set(origins(quittance)) == {event["id"] for event in made}


def test_a_reading_that_takes_long_goes_on_at_the_next_look(
    quittance: Quittance, site: Site, small_pages: list[Page]
) -> None:
    made = live(site, 3)
    next_turn(quittance)
    looks = 0
    while (listed := when_due(quittance, seconds=0)) and not listed.to_the_end:
        looks += 1
    assert looks == len(small_pages) - 1 > 2
    assert set(origins(quittance)) == {event["id"] for event in made}
    assert when_due(quittance) is None


def test_two_schedulers_read_it_once_a_turn(quittance: Quittance, site: Site) -> None:
    live(site)
    next_turn(quittance)
    assert [when_due(quittance) is not None for _ in range(3)] == [True, False, False]
    next_turn(quittance)
    assert when_due(quittance) is not None


def test_a_slot_is_taken_once_and_only_by_who_commits(quittance: Quittance) -> None:
    hour = timedelta(hours=1)
    with transaction(quittance.engine) as session:
        assert take_slot(session, "a job", hour)
        session.rollback()
    for expected in (True, False):
        with transaction(quittance.engine) as session:
            assert take_slot(session, "a job", hour) is expected
            assert not expected or take_slot(session, "another job", hour)


def test_the_wait_that_chargebee_asks_for_is_kept(
    quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    live(site)
    next_turn(quittance)
    chargebee_api.limits.per_minute = 0
    assert when_due(quittance) is None
    ((wait, problem),) = quittance.rows("select extract(epoch from due_at - now()), problem from readings")
    assert 5 < wait <= 60 and "429" in problem
    chargebee_api.limits.per_minute = 150
    assert when_due(quittance) is None  # not yet
    quittance.run("update readings set due_at = now()")
    assert (listed := when_due(quittance)) and listed.new
    assert quittance.rows("select due_at, problem from readings") == [(None, None)]


@pytest.mark.parametrize("fault", ["internal_error", "unavailable", "cut"])
def test_a_page_that_does_not_come_is_read_later(
    quittance: Quittance, site: Site, chargebee_api: ChargebeeApi, small_pages: list[Page], fault: str
) -> None:
    made = live(site, 2)
    chargebee_api.faults.plan(fault, path="/events$", times=1)  # type: ignore[arg-type]
    with pytest.raises(NotYet):
        read(quittance)
    assert read(quittance).to_the_end
    assert set(origins(quittance)) == {event["id"] for event in made}


def test_an_offset_that_chargebee_has_forgotten_starts_the_reading_again(quittance: Quittance, site: Site) -> None:
    made = live(site)
    quittance.run("update readings set next_offset = 'forgotten', since = watermark, due_at = now()")
    assert when_due(quittance) is None
    assert quittance.rows("select kind, object_id from findings") == [("reconcile_refused", "events")]
    quittance.run("update readings set due_at = now()")
    assert when_due(quittance)
    assert set(origins(quittance)) == {event["id"] for event in made}


def test_the_watermark_is_that_of_the_last_event_and_never_ahead_of_our_clock(quittance: Quittance, site: Site) -> None:
    watermark = "select watermark from readings"
    site.advance(minutes=14)
    live(site)
    quittance.move_clock(site.now + timedelta(hours=1))
    read(quittance)
    assert quittance.rows(watermark) == [site.now]
    quittance.move_clock(site.now - timedelta(minutes=2))  # a clock that was wrong
    read(quittance)
    assert quittance.rows(watermark)[0] < site.now - timedelta(minutes=1)


def test_an_event_that_comes_late_to_the_list_is_found(quittance: Quittance, site: Site) -> None:
    made = live(site)
    quittance.run("update readings set watermark = :later", later=site.now + timedelta(minutes=15))
    quittance.move_clock(site.now + timedelta(hours=1))
    assert read(quittance).new == len(made)


def test_an_event_listed_with_another_body_is_a_finding_and_the_first_body_stays(
    quittance: Quittance, site: Site
) -> None:
    event = live(site)[0]
    other = json.loads(json.dumps(event))
    other["content"]["customer"]["company"] = "Somebody else"
    quittance.take(other)
    read(quittance)
    assert quittance.rows("select kind, object_type, object_id from findings") == [
        ("same_id_other_body", "event", event["id"])
    ]
    (raw,) = quittance.rows("select raw from inbox_events where id = :id", id=event["id"])
    assert json.loads(bytes(raw)) == other


def test_an_event_that_could_not_be_read_is_applied_as_it_is_listed(quittance: Quittance, site: Site) -> None:
    made = live(site)
    quittance.take(*(event | {"api_version": "v1"} for event in made))
    assert quittance.rows("select distinct status from inbox_events") == ["parked"]
    assert read(quittance).new == 0
    quittance.drain()
    assert quittance.rows("select count(*) from inbox_events where status = 'parked'") == [0]
    assert quittance.rows("select count(*) from customers") == [len(site.ids("customer"))]
    assert quittance.rows("select count(*) from findings") == [0]


def test_a_missed_webhook_is_one_that_did_not_come_within_ten_minutes(quittance: Quittance, site: Site) -> None:
    made = live(site)
    prompt, late, never = made[0], made[1], made[2]
    quittance.take(*made[3:])
    read(quittance)
    assert missed(quittance) == 0  # they may still come
    quittance.move_clock(site.now + timedelta(minutes=9))
    assert quittance.post(prompt).json == {"status": "duplicate"}
    quittance.move_clock(site.now + timedelta(minutes=11))
    quittance.post(late)
    quittance.post(prompt)  # once more: it came in time
    with transaction(quittance.engine) as session:
        told = report(session)
    assert (told.missed, told.late, told.waiting) == (2, 1, 0)
    assert told.by_day == {"2021-01-11": 2}
    assert sum(told.by_type.values()) == 2 and never["event_type"] in told.by_type
    assert quittance.receiver.test_client().get("/readyz").json["missed_webhooks_in_7_days"] == 2
    quittance.move_clock(site.now + timedelta(days=8))
    assert missed(quittance) == 0


def test_a_missed_event_that_happened_long_ago_is_merged_quietly(sober_with_api: Quittance, site: Site) -> None:
    sober_with_api.move_clock(site.now)
    read(sober_with_api)
    live(site)
    sober_with_api.move_clock(site.now + timedelta(days=8))  # nothing ran for so long
    assert read(sober_with_api).new
    sober_with_api.drain()
    assert sober_with_api.rows("select count(*) from invoices") == [1]
    assert sober_with_api.mails() == []
