"""Idempotency keys: a change is made once, however often it is asked for."""

from __future__ import annotations

import pytest
from chargebee import Chargebee

from simulator import Site
from simulator.api.replays import KEPT, Replays
from simulator.api.traffic import Customers
from simulator.pricing import MONTHLY
from tests.simulator.api.conftest import Ask

KEY = {"chargebee_idempotency_key": "k-1"}


@pytest.fixture
def site(site: Site) -> Site:
    for id in ("boreal", "austral"):
        site.subscribe("marie", MONTHLY.id, id=id)
    return site


def test_the_same_request_again_is_answered_as_before_and_changes_nothing(site: Site, ask: Ask) -> None:
    first = ask("POST", "/customers/marie", {"phone": "514 555-0100"}, **KEY)
    made = len(site.events)
    again = ask("POST", "/customers/marie", {"phone": "514 555-0100"}, **KEY)
    assert (again.status_code, again.data) == (200, first.data)
    assert again.headers["chargebee-idempotency-replayed"] == "true"
    assert "chargebee-idempotency-replayed" not in first.headers
    assert len(site.events) == made


def test_the_providers_client_sees_that_an_answer_was_given_before(client: Chargebee) -> None:
    answers = [
        client.Customer.update("marie", {"locale": "en-CA"}, headers={"chargebee-idempotency-key": "k-1"})
        for _ in range(2)
    ]
    assert [answer.is_idempotency_replayed for answer in answers] == [False, True]


@pytest.mark.parametrize(
    ("path", "given"), [("/customers/marie", {"phone": "1"}), ("/invoices/F-10391/void", {}), ("/customers", {})]
)
def test_another_request_under_the_same_key_is_refused(path: str, given: dict[str, str], ask: Ask) -> None:
    ask("POST", "/customers/marie", {"locale": "en-CA"}, **KEY)
    refused = ask("POST", path, given, **KEY)
    assert refused.json is not None
    assert (refused.status_code, refused.json["api_error_code"]) == (422, "unable_to_process_request")


def test_a_refusal_is_answered_again_too(site: Site, ask: Ask) -> None:
    refused = ask("POST", "/subscriptions/boreal/remove_scheduled_cancellation", **KEY)
    assert refused.status_code == 409
    site.schedule_cancellation("boreal")
    assert ask("POST", "/subscriptions/boreal/remove_scheduled_cancellation", **KEY).status_code == 409
    assert site.current("subscription", "boreal")["status"] == "non_renewing"


def test_a_request_that_came_at_a_bad_moment_may_come_again_under_its_key(customers: Customers, ask: Ask) -> None:
    with customers.writing("marie"):
        assert ask("POST", "/invoices/F-10391/write_off", **KEY).status_code == 429
    assert ask("POST", "/invoices/F-10391/write_off", **KEY).status_code == 200


def test_after_thirty_minutes_of_the_sites_time_a_key_is_forgotten(site: Site, ask: Ask) -> None:
    ask("POST", "/customers/marie", {"phone": "1"}, **KEY)
    site.advance(minutes=29)
    assert ask("POST", "/customers/marie", {"phone": "2"}, **KEY).status_code == 422
    site.advance(minutes=1)
    changed = ask("POST", "/customers/marie", {"phone": "2"}, **KEY)
    assert changed.json is not None
    assert changed.json["customer"]["phone"] == "2"


def test_no_more_than_ten_thousand_answers_are_kept_the_newest_ones(site: Site, ask: Ask) -> None:
    replays = Replays(lambda: site.now)
    answer = ask("GET", "/customers/marie")
    for number in range(KEPT + 5):
        with replays.once(f"k-{number}", b"") as turn:
            turn.answer = answer
    assert len(replays) == KEPT
    with replays.once("k-4", b"") as gone, replays.once("k-5", b"") as kept:
        assert (gone.earlier, kept.earlier is not None) == (None, True)


def test_a_key_in_use_may_be_tried_again(site: Site, ask: Ask, app: object) -> None:
    replays = Replays(lambda: site.now)
    with (
        replays.once("k-1", b"1"),
        pytest.raises(Exception, match="still being carried out"),
        replays.once("k-1", b"1"),
    ):
        pass


def test_a_key_of_more_than_a_hundred_characters_is_refused(ask: Ask) -> None:
    assert ask("POST", "/customers/marie", chargebee_idempotency_key="k" * 101).status_code == 400
    assert ask("POST", "/customers/marie", chargebee_idempotency_key="k" * 100).status_code == 200
