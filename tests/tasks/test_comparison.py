"""The mirror compared with the provider: what made no event is found, merged and noted; what is gone is buried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.client import Gateway, Page
from gateway.errors import ProviderRefused
from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY
from tasks import comparison
from tasks.comparison import Step, compare_now, compare_when_due
from tests.builders import Quittance

FINDINGS = "select kind, object_type, object_id from findings order by kind, object_id"


def gateway_of(quittance: Quittance) -> Gateway:
    assert quittance.couriers.gateway is not None
    return quittance.couriers.gateway


def compare(quittance: Quittance, **how: object) -> dict[str, tuple[int, int]]:
    """Compare and apply; what was looked at and how much of it differed, by kind."""
    steps = list(compare_now(quittance.engine, gateway_of(quittance), sleep=lambda _: None, **how))  # type: ignore[arg-type]
    quittance.drain()
    return {
        kind: (sum(s.listed for s in steps if s.kind == kind), sum(s.different for s in steps if s.kind == kind))
        for kind in dict.fromkeys(step.kind for step in steps)
    }


@pytest.fixture
def quittance(with_api: Quittance, site: Site) -> Quittance:
    """Two customers, one of whom owes an invoice; everything was told, an hour ago."""
    for id, offline in (("marie", False), ("paul", True)):
        site.create_customer(id=id, email=f"{id}@test1234.example", auto_collection="off" if offline else "on")
        if not offline:
            site.add_card(id)
        site.subscribe(id, MONTHLY.id, 3, id=f"seats-{id}")
    with_api.move_clock(site.now)
    with_api.take(*site.events)
    site.advance(hours=1)
    with_api.move_clock(site.now)
    return with_api


def later(quittance: Quittance, site: Site, **step: float) -> None:
    site.advance(**step)
    quittance.move_clock(site.now)


def seats(quittance: Quittance) -> dict[str, int]:
    return dict(quittance.rows("select id, seats from subscriptions"))


def test_where_nothing_differs_nothing_is_done(quittance: Quittance, site: Site) -> None:
    before = quittance.rows("select count(*) from inbox_events")
    assert compare(quittance) == {"customer": (2, 0), "subscription": (2, 0), "invoice": (1, 0)}
    assert quittance.rows(FINDINGS) == []
    assert quittance.rows("select count(*) from inbox_events") == before


def test_a_change_that_made_no_event_is_merged_noted_and_told(quittance: Quittance, site: Site) -> None:
    mails = len(quittance.mails())
    with site.silenced(webhooks=True, events=True):
        site.change_seats("seats-marie", 9)
    later(quittance, site, hours=1)
    assert compare(quittance)["subscription"] == (2, 1)
    assert seats(quittance) == {"seats-marie": 9, "seats-paul": 3}
    assert ("mirror_differs", "subscription", "seats-marie") in quittance.rows(FINDINGS)
    assert len(quittance.mails()) > mails
    assert compare(quittance)["subscription"] == (2, 0)


def test_what_the_mirror_lacks_is_taken_in(quittance: Quittance, site: Site) -> None:
    with site.silenced(webhooks=True, events=True):
        site.create_customer(id="anna", email="anna@test1234.example")
        site.add_card("anna")
        site.subscribe("anna", MONTHLY.id, 4, id="seats-anna")
    later(quittance, site, hours=1)
    compare(quittance)
    assert seats(quittance)["seats-anna"] == 4
    assert quittance.rows(FINDINGS) == [
        ("mirror_lacks", "customer", "anna"),
        ("mirror_lacks", "subscription", "seats-anna"),
    ]


def test_what_the_mirror_lost_is_taken_in_again(quittance: Quittance, site: Site) -> None:
    for _ in range(2):
        quittance.run("delete from subscriptions where id = 'seats-paul'")
        assert compare(quittance)["subscription"] == (2, 1)
        assert seats(quittance)["seats-paul"] == 3


def test_what_changed_just_now_is_left_to_its_webhook(quittance: Quittance, site: Site) -> None:
    site.change_seats("seats-marie", 9)
    later(quittance, site, minutes=9)
    assert compare(quittance)["subscription"] == (2, 0)
    later(quittance, site, minutes=2)
    assert compare(quittance)["subscription"] == (2, 1)


def test_what_is_live_here_and_not_listed_is_asked_for(quittance: Quittance, site: Site) -> None:
    with site.silenced(webhooks=True, events=True):
        site.cancel("seats-marie")
        invoice = site.find("invoice", customer_id="paul")[0]
        site.record_payment(invoice["id"], amount=invoice["amount_due"], method="check")
    later(quittance, site, hours=1)
    compare(quittance)
    assert seats(quittance) == {"seats-marie": 0, "seats-paul": 3}
    assert quittance.rows("select status from invoices where id = :id", id=invoice["id"]) == ["paid"]
    assert quittance.rows("select open from followups") == [False]
    assert ("mirror_differs", "invoice", invoice["id"]) in quittance.rows(FINDINGS)


def test_what_is_not_there_any_more_becomes_a_tombstone(quittance: Quittance, site: Site) -> None:
    with site.silenced(webhooks=True, events=True):
        site.cancel("seats-marie")
        site.delete_subscription("seats-marie")
    later(quittance, site, hours=1)
    compare(quittance)
    assert quittance.rows("select deleted, seats from subscriptions where id = 'seats-marie'") == [(True, 0)]
    assert ("gone_from_chargebee", "subscription", "seats-marie") in quittance.rows(FINDINGS)
    before = quittance.rows("select sum(times) from findings")
    compare(quittance)
    assert quittance.rows("select sum(times) from findings") == before


def test_nothing_is_buried_where_the_api_is_that_of_another_site(
    quittance: Quittance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(self: Gateway, *arguments: object, **more: object) -> Page:
        return Page([], None)

    monkeypatch.setattr(Gateway, "objects", another)

    def nobody(self: Gateway, id: str) -> object:
        raise ProviderRefused(f"{id}: Chargebee answered 404", status=404)

    for kind in ("customer", "subscription", "invoice"):
        monkeypatch.setattr(Gateway, kind, nobody)
    compare(quittance)
    assert seats(quittance) == {"seats-marie": 3, "seats-paul": 3}
    assert quittance.rows("select distinct kind, severity from findings") == [("gone_from_chargebee", "error")]
    quittance.run(
        "insert into customers select (jsonb_populate_record(c, jsonb_build_object('id', c.id || n))).*"
        " from customers c, generate_series(1, 20) n"
    )
    quittance.run("delete from findings")
    compare(quittance)
    assert ("mirror_is_of_another_site", "site", "customer") in quittance.rows(FINDINGS)


def test_what_was_buried_and_is_there_after_all_comes_back_and_the_product_hears_of_it(
    quittance: Quittance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, read = Gateway.objects, Gateway.subscription

    def objects(self: Gateway, kind: str, *arguments: object, **how: object) -> Page:
        page = whole(self, kind, *arguments, **how)  # type: ignore[arg-type]
        return Page([body for body in page.rows if body["id"] != "seats-marie"], page.next_offset)

    def subscription(self: Gateway, id: str) -> object:
        if id == "seats-marie":
            raise ProviderRefused(f"{id}: Chargebee answered 404", status=404)
        return read(self, id)

    rules = replace(quittance.couriers.rules, calls_back=True)
    quittance.couriers = replace(quittance.couriers, rules=rules)
    with monkeypatch.context() as for_a_night:
        for_a_night.setattr(Gateway, "objects", objects)
        for_a_night.setattr(Gateway, "subscription", subscription)
        compare(quittance)
    assert seats(quittance)["seats-marie"] == 0
    compare(quittance)
    assert seats(quittance)["seats-marie"] == 0  # of what went lately the list may be the older word
    later(quittance, site, minutes=11)
    assert compare(quittance)["subscription"] == (2, 1)
    assert quittance.rows("select deleted, seats from subscriptions where id = 'seats-marie'") == [(False, 3)]
    assert ("mirror_differs", "subscription", "seats-marie") in quittance.rows(FINDINGS)
    assert compare(quittance)["subscription"] == (2, 0)
    told = quittance.rows("select payload->'seats', reason from outbox where kind = 'callback' order by id")
    assert [seats for seats, _ in told] == [0, 3]
    assert not any(reason.startswith("history") for _, reason in told)


def test_only_what_changed_since_is_compared_where_a_date_is_given(quittance: Quittance, site: Site) -> None:
    later(quittance, site, days=1)
    since = site.now
    with site.silenced(webhooks=True, events=True):
        site.change_customer("paul", company="Paul et fils")
    later(quittance, site, hours=1)
    assert compare(quittance, since=since) == {"customer": (1, 1), "subscription": (0, 0), "invoice": (0, 0)}
    assert quittance.rows("select company from customers where id = 'paul'") == ["Paul et fils"]


def test_what_happened_long_ago_is_merged_quietly(sober_with_api: Quittance, site: Site) -> None:
    site.create_customer(id="paul", email="paul@test1234.example", auto_collection="off")
    site.subscribe("paul", MONTHLY.id, 3, id="seats-paul")
    later(sober_with_api, site, days=8)
    compare(sober_with_api)
    assert sober_with_api.rows("select open from followups") == [True]
    assert sober_with_api.mails() == []


# ---- by night --------------------------------------------------------------------------------------------------------


def by_night(quittance: Quittance, seconds: float = 60) -> int:
    rings: list[str] = []
    different = compare_when_due(
        quittance.engine, gateway_of(quittance), seconds=seconds, ring=lambda: rings.append("events")
    )
    assert bool(rings) == bool(different)
    quittance.drain()
    return different


def another_night(quittance: Quittance) -> None:
    quittance.run("delete from job_slots")


def test_every_night_but_the_first_the_mirror_is_compared_once(quittance: Quittance, site: Site) -> None:
    with site.silenced(webhooks=True, events=True):
        site.change_seats("seats-marie", 9)
    later(quittance, site, hours=1)
    assert by_night(quittance) == 0  # an import may still be to come
    another_night(quittance)
    assert by_night(quittance) == 1
    quittance.run("delete from customers where id = 'paul'")
    assert by_night(quittance) == 0
    another_night(quittance)
    assert by_night(quittance) == 1


def test_many_that_are_not_listed_are_asked_for_in_one_night(
    quittance: Quittance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "FEW", 1)
    by_night(quittance)
    with site.silenced(webhooks=True, events=True):
        for subscription in ("seats-marie", "seats-paul"):
            site.cancel(subscription)
    later(quittance, site, hours=1)
    another_night(quittance)
    assert by_night(quittance) == 2
    assert seats(quittance) == {"seats-marie": 0, "seats-paul": 0}
    assert quittance.rows("select count(*) from readings where ended_at is null and name like 'compare %'") == [0]


def test_a_comparison_that_takes_long_goes_on_at_the_next_look(
    quittance: Quittance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, read = Gateway.objects, list[str]()

    def objects(self: Gateway, kind: str, offset: str | None, **how: object) -> Page:
        page = whole(self, kind, offset, limit=1, **how)  # type: ignore[arg-type]
        read.extend(body["id"] for body in page.rows)
        return page

    monkeypatch.setattr(Gateway, "objects", objects)
    steps = compare_now(quittance.engine, gateway_of(quittance))
    assert [next(steps) for _ in range(3)] == [Step("customer", 1, 0)] * 2 + [Step("customer", 0, 0)]
    assert next(steps) == Step("subscription", 1, 0)
    steps.close()  # the process is gone
    quittance.run(
        "insert into job_slots (name, slot) select 'comparison', floor((extract(epoch from now()) - 28800) / 86400)"
    )
    quittance.run("update readings set due_at = now() where name like 'compare %' and ended_at is null")
    read.clear()
    by_night(quittance)
    assert len(read) == 2  # the other subscription, and the invoice
    assert quittance.rows("select count(*) from readings where name like 'compare %' and ended_at is null") == [0]


def test_what_cannot_be_asked_now_is_asked_later(quittance: Quittance, site: Site, chargebee_api: ChargebeeApi) -> None:
    by_night(quittance)
    another_night(quittance)
    chargebee_api.faults.plan("unavailable", path="/subscriptions$")
    by_night(quittance)
    ended = "select name from readings where name like 'compare %' and ended_at is null order by name"
    assert quittance.rows(ended) == ["compare invoice", "compare subscription"]
    quittance.run("update readings set due_at = now() where ended_at is null")
    by_night(quittance)
    assert quittance.rows(ended) == []
