"""`quittance seats set`, `cancellations schedule`, `payments record` and their like, from the question to the site."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator import Site
from simulator.fixtures import ChargebeeApi
from tests.builders import Quittance
from tests.tasks.writing import a_site, ends_with_its_term, owed, payments, seats


@pytest.fixture
def chargebee_site() -> Site:
    return a_site()


@pytest.fixture
def api(chargebee_api: ChargebeeApi, chargebee_site: Site, quittance: Quittance) -> dict[str, str]:
    quittance.move_clock(chargebee_site.now)
    quittance.take(*chargebee_site.events)
    return {
        "CHARGEBEE_SITE": chargebee_api.site_name,
        "CHARGEBEE_API_KEY": chargebee_api.key,
        "CHARGEBEE_API_URL": chargebee_api.url,
    }


def test_seats_are_asked_for_and_set_and_the_row_says_what_became_of_it(
    run, read, api: dict[str, str], chargebee_site: Site
) -> None:
    asked = run("seats", "set", "boreal", "8", answer="y\n", **api)
    assert "goes from 5 to 8 seats now" in asked.stderr and "Do it?" in asked.stderr
    key = asked.stdout.strip().rpartition(" ")[2]
    assert "goes from 5 to 8 seats" in run("outbox", "list").stdout
    assert seats(chargebee_site) == 5
    run("drain", **api)
    assert seats(chargebee_site) == 8
    shown = read("outbox", "show", key)["outbox"]
    assert (shown["state"], shown["name"], len(shown["calls"])) == ("sent", "set_seats", 1)
    assert shown["calls"][0]["key"].startswith(key)
    told = run("outbox", "show", key).stdout
    assert "Calls begun" in told and "update_for_items" in told and "goes from 5 to 8 seats" in told
    assert "asked for set_seats" in " ".join(run("explain", "boreal").stdout.split())
    assert "has 8 seats already" in run("seats", "set", "boreal", "8", "--when", "now", code=1, **api).stderr


def test_who_says_no_has_asked_for_nothing(run, read, api: dict[str, str], chargebee_site: Site) -> None:
    run("seats", "set", "boreal", "8", answer="n\n", code=1, **api)
    assert read("outbox", "list")["outbox"] == []
    assert "no Chargebee API is configured" in run("seats", "set", "boreal", "8", code=1).stderr
    assert "nothing in the outbox" in run("outbox", "show", "nothing", code=1).stderr


def test_a_write_that_failed_is_not_released_beside_another_of_the_same_object(
    run, read, api: dict[str, str], quittance: Quittance
) -> None:
    def asked(seats: str) -> str:
        return str(run("seats", "set", "boreal", seats, "--yes", **api).stdout.strip().rpartition(" ")[2])

    first = asked("8")
    quittance.run("update outbox set state = 'failed'")
    second = asked("9")
    refused = run("outbox", "release", first, "--yes", code=1).stderr
    assert f"{second} is under way for the same subscription" in refused and "Nothing was released" in refused
    assert read("outbox", "show", first)["outbox"]["state"] == "failed"
    quittance.run("update outbox set state = 'failed'")
    assert "Nothing was released" in run("outbox", "release", first, second, "--yes", code=1).stderr
    assert run("outbox", "release", first, "--yes").stdout.strip() == "1 released."


@pytest.mark.long
def test_a_payment_is_recorded_and_taken_back(
    run, api: dict[str, str], chargebee_site: Site, quittance: Quittance
) -> None:
    record = ("payments", "record", owed(chargebee_site)["id"], "--method", "check", "--reference", "001482", "--yes")
    assert "339.18 CAD, received on 2021-01-11" in run(*record, **api).stdout
    assert "is under way for the same invoice" in run(*record, code=1, **api).stderr
    run("drain", **api)
    assert payments(chargebee_site) == [(33_918, "001482")]
    assert quittance.rows("select state, balance from followups") == [("paid", 0)]
    (payment,) = chargebee_site.find("transaction")
    assert "which is to pay again" in run("payments", "take-back", payment["id"], "--yes", **api).stdout
    run("drain", **api)
    assert payments(chargebee_site) == []
    assert quittance.rows("select state, balance from followups where open") == [("awaiting", 33_918)]


@pytest.mark.long
def test_an_end_is_scheduled_withdrawn_and_run_only_where_chargebee_failed_to(
    run, api: dict[str, str], chargebee_site: Site, quittance: Quittance
) -> None:
    run("cancellations", "schedule", "boreal", "--at-term-end", "--yes", **api)
    run("drain", **api)
    assert ends_with_its_term(chargebee_site)
    run("cancellations", "withdraw", "boreal", "--yes", **api)
    run("drain", **api)
    assert not ends_with_its_term(chargebee_site)
    run("cancellations", "schedule", "boreal", "--on", "2021-02-11", "--yes", **api)
    run("drain", **api)
    early = run("cancellations", "run", "--on", "2021-02-11", "--yes", code=1, **api)
    assert "it is not ended before that" in early.stderr
    assert "Nothing is left" in run("cancellations", "run", "--on", "2021-02-12", "--yes", **api).stdout
    quittance.move_clock(chargebee_site.now + timedelta(days=32))  # Chargebee's own clock stands still
    run("cancellations", "run", "--on", "2021-02-11", "--yes", **api)
    run("drain", **api)
    assert chargebee_site.current("subscription", "boreal")["status"] == "cancelled"
    assert quittance.rows("select executed_by from cancellations where state = 'run'") == ["worker"]
