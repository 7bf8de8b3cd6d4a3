"""The first day of an existing site: everything comes in, once, and nobody is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from billing.errors import NotYet
from gateway.client import Gateway, Page
from models.session import transaction
from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.population import populate
from simulator.pricing import MONTHLY
from tasks.imports import KINDS, Step, backfill_events, count_events, count_site, import_site
from tasks.inbox import apply_pending, take_events
from tasks.reconcile import reconcile_now
from tests.builders import JANUARY, Quittance, end_state
from tests.conftest import a_database


@cache
def populated() -> Site:
    site = Site(seed=3, now=JANUARY)
    populate(site, 50, years=0)
    return site


@pytest.fixture
def chargebee_site(request: pytest.FixtureRequest) -> Site:
    return populated() if "fifty" in request.node.name else Site(seed=7, now=JANUARY)


@pytest.fixture
def quittance(with_api: Quittance, site: Site) -> Quittance:
    with_api.move_clock(site.now)
    return with_api


def gateway_of(quittance: Quittance) -> Gateway:
    assert quittance.couriers.gateway is not None
    return quittance.couriers.gateway


def import_all(quittance: Quittance) -> list[Step]:
    return list(import_site(quittance.engine, gateway_of(quittance), sleep=lambda _: None))


def buy(site: Site, customers: int) -> None:
    for number in range(customers):
        customer = site.create_customer(company=f"Client {number}", email=f"c{number}@example.com")["id"]
        site.add_card(customer)
        site.subscribe(customer, MONTHLY.id, number % 7 + 1)


def totals(steps: list[Step]) -> dict[str, tuple[int, int]]:
    return {
        kind: (sum(s.listed for s in steps if s.kind == kind), sum(s.new for s in steps if s.kind == kind))
        for kind in dict.fromkeys(step.kind for step in steps)
    }


@pytest.mark.long
def test_an_import_of_fifty_customers_is_the_mirror_that_webhooks_make(
    quittance: Quittance, site: Site, admin: psycopg.Connection, template_db: str, tmp_path: Path
) -> None:
    steps = import_all(quittance)
    assert totals(steps) == {kind: (len(found), len(found)) for kind in KINDS if (found := objects(site, kind))}
    apply_pending(quittance.engine, quittance.couriers.rules, seconds=30)
    assert quittance.rows("select distinct status from inbox_events") == ["applied"]
    assert quittance.rows("select distinct state from outbox where kind in ('email', 'callback')") == ["suppressed"]
    with a_database(admin, template_db) as url:
        fed = Quittance(url, tmp_path / "fed")
        try:
            fed.move_clock(site.now)
            with transaction(fed.engine) as session:
                take_events(session, list(site.events), origin="webhook")
            apply_pending(fed.engine, fed.couriers.rules, seconds=30)
            expected = end_state(fed)
        finally:
            fed.close()
    assert end_state(quittance) == expected


def objects(site: Site, kind: str) -> list[dict[str, object]]:
    return site.all(kind, include_deleted=True)


def test_an_import_done_again_finds_everything_known(quittance: Quittance, site: Site) -> None:
    buy(site, 2)
    import_all(quittance)
    quittance.drain()
    again = import_all(quittance)
    assert sum(step.listed for step in again) == sum(len(objects(site, kind)) for kind in KINDS)
    assert sum(step.new for step in again) == 0


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Pages of three; what was on those that were read."""
    read: list[str] = []
    whole, listed = Gateway.objects, Gateway.events

    def objects(self: Gateway, kind: str, offset: str | None = None) -> Page:
        page = whole(self, kind, offset, limit=3)
        read.extend(row["id"] for row in page.rows)
        return page

    def events(self: Gateway, *arguments: object) -> Page:
        page = listed(self, *arguments, limit=3)  # type: ignore[arg-type]
        read.extend(row["id"] for row in page.rows)
        return page

    monkeypatch.setattr(Gateway, "objects", objects)
    monkeypatch.setattr(Gateway, "events", events)
    yield read


def test_an_import_that_was_interrupted_goes_on_where_it_stopped(
    quittance: Quittance, site: Site, small_pages: list[str]
) -> None:
    buy(site, 5)
    reading = import_site(quittance.engine, gateway_of(quittance), sleep=lambda _: None)
    before = [next(reading) for _ in range(5)]  # in the midst of the subscriptions
    reading.close()
    seen = set(small_pages)
    small_pages.clear()
    after = import_all(quittance)
    assert not seen & set(small_pages)
    assert totals(before + after) == {kind: (len(o), len(o)) for kind in KINDS if (o := objects(site, kind))} | {
        "credit_note": (0, 0)
    }


def test_a_page_that_does_not_come_is_asked_for_again_and_given_up_at_last(
    quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    buy(site, 1)
    waits: list[float] = []
    chargebee_api.faults.plan("internal_error", path="/customers$", times=2)
    list(import_site(quittance.engine, gateway_of(quittance), sleep=waits.append))
    assert waits == [1.0, 2.0]
    fault = chargebee_api.faults.plan("internal_error", path="/customers$", times=None)
    with pytest.raises(NotYet):
        list(import_site(quittance.engine, gateway_of(quittance), sleep=waits.append))
    assert fault.struck == 6


def test_the_wait_that_chargebee_asks_for_is_kept(
    quittance: Quittance, site: Site, chargebee_api: ChargebeeApi
) -> None:
    buy(site, 1)
    chargebee_api.limits.per_minute = 0
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        chargebee_api.limits.per_minute = 150

    list(import_site(quittance.engine, gateway_of(quittance), sleep=sleep))
    assert len(waits) == 1 and 5 < waits[0] <= 60


def test_what_happens_after_an_import_is_told(quittance: Quittance, site: Site) -> None:
    buy(site, 1)
    import_all(quittance)
    quittance.drain()
    before = len(site.events)
    site.advance(days=31)
    quittance.move_clock(site.now)
    quittance.take(*list(site.events)[before:])
    states = dict(quittance.rows("select object_id, state from outbox where name = 'invoice'"))
    first, second = (invoice["id"] for invoice in site.all("invoice"))
    assert states == {first: "suppressed", second: "sent"}


@pytest.mark.parametrize("by_events", [False, True])
def test_what_happens_during_an_import_is_no_history(quittance: Quittance, site: Site, by_events: bool) -> None:
    since = site.now
    buy(site, 1)
    site.advance(hours=1)
    quittance.move_clock(site.now)
    engine, gateway = quittance.engine, gateway_of(quittance)
    reading = backfill_events(engine, gateway, since) if by_events else import_site(engine, gateway)
    if not by_events:
        next(reading)  # the customers
    site.advance(minutes=1)
    first = site.all("invoice")[0]["id"]
    buy(site, 1)
    list(reading)
    quittance.move_clock(site.now)
    reconcile_now(engine, gateway, ring=lambda: None)
    quittance.drain()
    states = dict(quittance.rows("select object_id, state from outbox where name = 'invoice'"))
    assert len(states) == 2 and states.pop(first) == "suppressed"
    assert set(states.values()) == {"sent"}


def test_from_an_import_on_webhooks_that_are_lost_are_looked_for(quittance: Quittance, site: Site) -> None:
    made = len(site.events)
    import_all(quittance)
    buy(site, 1)
    listed = reconcile_now(quittance.engine, gateway_of(quittance), ring=lambda: None)
    assert listed.new == len(site.events) - made > 0


def test_counting_first_says_what_an_import_would_find_and_writes_nothing(quittance: Quittance, site: Site) -> None:
    buy(site, 2)
    engine, gateway = quittance.engine, gateway_of(quittance)
    would = totals(list(count_site(engine, gateway)))
    assert would["customer"] == (2, 2) and would["invoice"] == (2, 2)
    assert quittance.rows("select count(*) from inbox_events") == [0]
    import_all(quittance)
    quittance.drain()
    buy(site, 1)
    assert totals(list(count_site(engine, gateway)))["customer"] == (3, 1)


def test_events_since_a_date_are_brought_in_quietly_and_once(
    quittance: Quittance, site: Site, small_pages: list[str]
) -> None:
    buy(site, 1)
    site.advance(days=2)
    since, before = site.now, len(site.events)
    buy(site, 2)
    made = {event["id"] for event in list(site.events)[before:]}
    quittance.move_clock(site.now)
    engine, gateway = quittance.engine, gateway_of(quittance)
    assert totals(list(count_events(engine, gateway, since))) == {"event": (len(made), len(made))}
    reading = backfill_events(engine, gateway, since)
    next(reading)
    reading.close()
    small_pages.clear()
    list(backfill_events(engine, gateway, since))
    assert len(small_pages) == len(made) - 3
    assert sum(step.new for step in backfill_events(engine, gateway, since)) == 0
    quittance.drain()
    assert set(quittance.rows("select id from inbox_events where origin = 'import'")) == made
    assert quittance.rows("select count(*) from invoices") == [2]
    assert quittance.mails() == []
    assert quittance.rows("select count(*) from found_events") == [0]
