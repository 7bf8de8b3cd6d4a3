"""A journal brings a site back: the same objects, the same events, at the same instant."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request
from flask.testing import FlaskClient

from simulator import Site
from simulator.http import create_app
from simulator.journal import MOVED, Journal, Strayed

API_KEY = "test_key"
CUSTOMER = "/api/v2/customers/{id}"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "site.journal")


def a_site() -> Site:
    return Site(seed=3)


def order(site: Site, seats: int) -> None:
    customer = site.create_customer(company="Verger", email="a@b.example", auto_collection="off", net_term_days=30)
    site.subscribe(customer["id"], "boreal-cloud-CAD-Monthly", seats)


def live(site: Site, journal: Journal) -> None:
    """Two orders, some time between them, and a month after."""
    journal.begin(site)
    for seats in (1, 5):
        order(site, seats)
        journal.note("order", seats)
        site.advance(hours=7)
    site.advance(days=33)
    journal.note(MOVED)


def again(site: Site, journal: Journal) -> dict[str, int]:
    return journal.again(site, order=lambda seats: order(site, seats))


def test_done_again_it_is_the_same_site(journal: Journal) -> None:
    live(first := a_site(), journal)
    done = again(second := a_site(), journal)
    assert done == {"order": 2}
    assert second.dump() == first.dump()


def test_nothing_is_written_down_before_it_begins(journal: Journal) -> None:
    journal.note("order", 1)
    assert not list(journal.lines())
    assert again(a_site(), journal) == {"order": 0}


def test_it_goes_on_where_it_was(journal: Journal) -> None:
    live(a_site(), journal)
    again(second := a_site(), journal)
    journal.begin(second)
    order(second, 9)
    journal.note("order", 9)
    again(third := a_site(), journal)
    assert third.dump() == second.dump()


def test_a_line_that_was_cut_off_was_never_done(journal: Journal) -> None:
    live(a_site(), journal)
    with journal.path.open("a") as file:
        file.write('["2021-02-07T05:00:00+00:00", "order", [')
    again(second := a_site(), journal)
    journal.begin(second)
    order(second, 2)
    journal.note("order", 2)
    assert again(a_site(), journal) == {"order": 3}


def test_a_site_that_does_otherwise_today_is_found_out(journal: Journal) -> None:
    live(a_site(), journal)
    with pytest.raises(Strayed, match=r"line 1 of .*site\.journal \(order\) leads elsewhere"):
        again(Site(seed=4), journal)


def test_only_its_owner_reads_it(journal: Journal) -> None:
    live(a_site(), journal)
    assert journal.path.stat().st_mode & 0o077 == 0


def test_what_is_due_at_the_instant_of_a_deed_comes_after_it_unless_it_came_before(journal: Journal) -> None:
    """The clock stands where a renewal is due when a second deed comes: done again, that order is kept."""

    def deed(site: Site) -> None:
        site.create_customer(company="Verger", email="a@b.example")

    def wait_for_renewal(site: Site) -> None:
        assert site.next_due_at
        site.advance_to(site.next_due_at)

    journal.begin(first := a_site())
    order(first, 1)
    journal.note("order", 1)
    wait_for_renewal(first)
    journal.note(MOVED)
    deed(first)
    journal.note("deed")
    second = a_site()
    journal.again(second, order=lambda seats: order(second, seats), deed=lambda: deed(second))
    assert second.dump() == first.dump()


# ---- over the API ----------------------------------------------------------------------------------------------------


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def site() -> Site:
    site = a_site()
    order(site, 1)
    return site


@pytest.fixture
def client(site: Site, told: list[str]) -> FlaskClient:
    return create_app(site, api_key=API_KEY, wrote=lambda: told.append(request.path)).test_client()


def test_every_call_that_changed_something_is_told_of_and_no_other(
    client: FlaskClient, site: Site, told: list[str]
) -> None:
    key = (API_KEY, "")
    customer, invoice = CUSTOMER.format(id=site.ids("customer")[0]), site.ids("invoice")[0]
    assert client.get(customer, auth=key).status_code == 200
    assert client.post(f"/api/v2/invoices/{invoice}/pdf", auth=key).status_code == 200
    assert client.post(CUSTOMER.format(id="nobody"), data={"first_name": "Ana"}, auth=key).status_code == 404
    assert client.post(customer, data={"net_term_days": "x"}, auth=key).status_code == 400
    assert told == []
    assert client.post(customer, data={"first_name": "Ana"}, auth=key).status_code == 200
    assert told == [customer]


def test_a_call_that_is_answered_from_its_idempotency_key_is_told_of_once(
    client: FlaskClient, site: Site, told: list[str]
) -> None:
    customer = CUSTOMER.format(id=site.ids("customer")[0])
    for _ in range(2):
        headers = {"chargebee-idempotency-key": "k-1"}
        answer = client.post(customer, data={"first_name": "Ana"}, auth=(API_KEY, ""), headers=headers)
        assert answer.status_code == 200
    assert len(told) == 1
