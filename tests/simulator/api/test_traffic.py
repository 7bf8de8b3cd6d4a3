"""Limits, and writes that find another write on the same customer."""

from __future__ import annotations

import pytest

from simulator import Refused, Site
from simulator.api.traffic import Customers, Limits, TooMany
from simulator.pricing import MONTHLY
from tests.simulator.api.conftest import Ask


def test_the_request_after_the_last_of_a_minute_waits_for_the_next_minute(limits: Limits, ask: Ask) -> None:
    limits.per_minute = 2
    assert [ask("GET", "/customers/marie").status_code for _ in range(3)] == [200, 200, 429]
    refused = ask("GET", "/customers/marie")
    assert refused.json is not None
    assert (refused.json["type"], refused.json["api_error_code"]) == ("operation_failed", "api_request_limit_exceeded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def test_a_test_site_takes_150_requests_a_minute_and_then_again_in_the_next() -> None:
    now = 1000.0
    limits = Limits(clock=lambda: now)
    for _ in range(150):
        with limits.request():
            pass
    now += 20
    with pytest.raises(TooMany) as refused, limits.request():
        pass
    assert refused.value.retry_after == 40
    now += refused.value.retry_after
    with limits.request():
        pass


def test_a_request_more_than_the_site_takes_at_once_is_refused_until_one_ends() -> None:
    limits = Limits(at_once=1)
    with limits.request(), pytest.raises(TooMany), limits.request():
        pass
    with limits.request():
        pass


def test_a_write_on_a_customer_whom_another_write_changes_may_be_tried_again(
    site: Site, customers: Customers, ask: Ask
) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    with customers.writing("marie"):
        charge = {"charges[amount][0]": "5", "charges[description][0]": "Formation", "subscription_id": "boreal"}
        for path, given in (
            ("/customers/marie", {}),
            ("/subscriptions/boreal/delete", {}),
            ("/invoices/F-10391/write_off", {}),
            ("/invoices/create_for_charge_items_and_charges", charge),
        ):
            refused = ask("POST", path, given)
            assert refused.json is not None
            assert (refused.status_code, refused.json["api_error_code"]) == (429, "lock_timeout")
            assert refused.json["type"] == "operation_failed"
        assert ask("GET", "/customers/marie").status_code == 200
    assert ask("POST", "/invoices/F-10391/write_off").status_code == 200


def test_customers_do_not_stand_in_each_others_way(customers: Customers) -> None:
    with customers.writing("marie"), customers.writing("paul"):
        pass


def test_the_same_seed_refuses_the_same_writes_for_no_reason() -> None:
    def refusals(seed: int) -> list[bool]:
        customers = Customers(seed, spurious=0.3)
        return [_is_refused(customers) for _ in range(50)]

    assert refusals(7) == refusals(7) != refusals(8)
    assert 0 < sum(refusals(7)) < 50


def _is_refused(customers: Customers) -> bool:
    try:
        with customers.writing("marie"):
            return False
    except Refused:
        return True
