"""`quittance reconcile`: the list read by hand, and the number of the week."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from simulator.pricing import MONTHLY
from tests.builders import Quittance
from tests.conftest import ROOT


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


@pytest.mark.long
def test_the_mirror_is_compared_and_what_differs_is_counted(
    run, read, api: dict[str, str], quittance: Quittance, chargebee_site: Site
) -> None:
    quittance.take(*chargebee_site.events)
    chargebee_site.advance(hours=1)
    quittance.move_clock(chargebee_site.now)
    assert read("reconcile", "objects", **api)["different"] == {"customer": 0, "subscription": 0, "invoice": 0}
    with chargebee_site.silenced(webhooks=True, events=True):
        chargebee_site.change_customer("marie", company="Marie et filles")
    since = chargebee_site.now.isoformat()
    chargebee_site.advance(hours=1)
    quittance.move_clock(chargebee_site.now)
    told = run("reconcile", "objects", "--since", since, **api)
    assert told.stdout.splitlines()[0] == "1 customer looked at, 1 different"
    assert "findings list" in told.stderr
    quittance.drain()
    assert quittance.rows("select company from customers") == ["Marie et filles"]


@pytest.mark.long
def test_a_site_is_imported_and_told_of_in_a_few_lines(run, read, api: dict[str, str], quittance: Quittance) -> None:
    told = run("import", "--dry-run", **api).stdout.splitlines()
    assert told[0] == "1 customer, 1 would be new" and "0 credit notes, 0 would be new" in told
    assert quittance.rows("select count(*) from inbox_events") == [0]
    done = read("import", **api)
    assert done["listed"] == done["new"] and done["listed"]["subscription"] == 1
    quittance.drain()
    assert quittance.rows("select seats from subscriptions") == [3]
    assert sum(read("import", **api)["new"].values()) == 0


def test_events_are_backfilled_from_a_date_or_an_instant(run, read, api: dict[str, str], chargebee_site: Site) -> None:
    made = len(chargebee_site.events)
    day, instant = chargebee_site.now.date().isoformat(), chargebee_site.now.isoformat()
    assert read("events", "backfill", "--since", day, "--dry-run", **api)["new"] == {"event": made}
    assert run("events", "backfill", "--since", instant, **api).stdout == f"{made} events, {made} new\n"
    assert run("events", "backfill", "--since", day, **api).stdout == f"{made} events, 0 new\n"
    assert "neither" in run("events", "backfill", "--since", "yesterday", code=2, **api).stderr


@pytest.mark.long
def test_an_import_on_a_terminal_shows_a_bar(api: dict[str, str], environment: dict[str, str]) -> None:
    main, other = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    ran = subprocess.run(
        [sys.executable, "-m", "worker.cli", "import"],
        cwd=ROOT,
        env=inherited | environment | api | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=other,
        check=True,
    )
    os.close(other)
    assert "customers" in os.read(main, 65536).decode()
    os.close(main)
    assert b"1 customer, 1 new" in ran.stdout


def test_what_is_in_the_way_is_told_in_a_line(run, api: dict[str, str], chargebee_api: ChargebeeApi) -> None:
    assert "no Chargebee API is configured" in run("reconcile", "events", code=1).stderr
    chargebee_api.faults.plan("unavailable", path="/events$")
    assert "What was read is kept" in run("reconcile", "events", code=1, **api).stderr
    assert "CHARGEBEE_API_KEY" in run("reconcile", "events", code=1, **api | {"CHARGEBEE_API_KEY": "test_x"}).stderr
    told = json.loads(run("reconcile", "report", "--json").stdout)
    assert "CHARGEBEE_API_KEY" in told["problem"]
