"""`quittance reconcile`: the list read by hand, and the number of the week."""

from __future__ import annotations

import json

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY
from tests.builders import Quittance


@pytest.fixture
def api(chargebee_api: ChargebeeApi, chargebee_site: Site, quittance: Quittance) -> dict[str, str]:
    """Settings of the API of a site where one subscription was bought just now."""
    chargebee_site.create_customer(id="marie", email="marie@test1234.example")
    chargebee_site.add_card("marie")
    chargebee_site.subscribe("marie", MONTHLY.id, 3)
    quittance.move_clock(chargebee_site.now)
    return {
        "CHARGEBEE_SITE": chargebee_api.site_name,
        "CHARGEBEE_API_KEY": chargebee_api.key,
        "CHARGEBEE_API_URL": chargebee_api.url,
    }


def test_the_list_is_read_and_what_was_missed_is_counted(
    run, read, api: dict[str, str], quittance: Quittance, chargebee_site: Site
) -> None:
    made = len(chargebee_site.events)
    assert run("reconcile", "events", **api).stdout == f"{made} events looked at, {made} of them new.\n"
    assert read("reconcile", "events", **api) == {"events": made, "new": 0}
    quittance.run("update found_events set found_at = found_at - interval '1 day'")
    told = read("reconcile", "report")
    assert (told["missed"], told["late"], told["waiting"]) == (made, 0, 0)
    assert sum(told["by_day"].values()) == sum(told["by_type"].values()) == made
    shown = run("reconcile", "report").stdout
    assert f"missed in 7 days            {made}" in shown
    assert "invoice_generated" in shown


def test_a_list_that_was_never_read_is_told_of(run, read) -> None:
    assert read("reconcile", "report")["watermark"] is None
    assert "was never read" in run("reconcile", "report").stderr


def test_what_is_in_the_way_is_told_in_a_line(run, api: dict[str, str], chargebee_api: ChargebeeApi) -> None:
    assert "no Chargebee API is configured" in run("reconcile", "events", code=1).stderr
    chargebee_api.faults.plan("unavailable", path="/events$")
    assert "What was read before is kept" in run("reconcile", "events", code=1, **api).stderr
    assert "CHARGEBEE_API_KEY" in run("reconcile", "events", code=1, **api | {"CHARGEBEE_API_KEY": "test_x"}).stderr
    told = json.loads(run("reconcile", "report", "--json").stdout)
    assert "CHARGEBEE_API_KEY" in told["problem"]
