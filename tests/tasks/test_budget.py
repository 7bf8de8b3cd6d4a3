"""The calls of a minute, shared by all: never more than the limit, and deliveries do not wait for long readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.client import Gateway
from gateway.errors import ProviderDown
from simulator.fixtures import ChargebeeApi
from tasks.budget import Budget
from tests.builders import Quittance


@pytest.fixture
def budget(quittance: Quittance) -> Budget:
    return Budget(quittance.engine, "boreal-test", per_minute=100)


def pass_by(quittance: Quittance, seconds: float) -> None:
    """So much real time goes by."""
    quittance.run(
        "update call_budgets set reckoned_at = reckoned_at - make_interval(secs => :s),"
        " closed_until = closed_until - make_interval(secs => :s)",
        s=seconds,
    )


def taken(budget: Budget) -> int:
    """How many calls are to be had at once."""
    for count in range(1000):
        try:
            budget.before_call()
        except ProviderDown:
            return count
    raise AssertionError("there is no end to them")


def test_no_minute_sees_more_calls_than_the_limit(quittance: Quittance, budget: Budget) -> None:
    calls = taken(budget)
    assert 20 <= calls <= 21
    for _ in range(6):
        pass_by(quittance, 10)
        calls += taken(budget)
    assert 95 <= calls <= 102  # a hundred, and what the test itself took in time


def test_processes_share_the_calls_of_one_site(quittance: Quittance, budget: Budget) -> None:
    taken(budget)
    with pytest.raises(ProviderDown, match="used up") as caught:
        replace(budget).before_call()
    assert caught.value.retry_after is not None and 0 < caught.value.retry_after < 1
    assert taken(replace(budget, site="another-site")) >= 20


def test_a_reading_leaves_a_share_to_deliveries(budget: Budget) -> None:
    assert 10 <= taken(replace(budget, reading=True)) <= 11
    assert 10 <= taken(budget) <= 11


def test_a_patient_call_waits_for_its_turn(quittance: Quittance, budget: Budget) -> None:
    taken(budget)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        pass_by(quittance, seconds)

    replace(budget, patience=None, sleep=sleep).before_call()
    assert waits and sum(waits) < 1


def test_when_chargebee_asks_to_wait_nobody_calls(
    quittance: Quittance, budget: Budget, chargebee_api: ChargebeeApi
) -> None:
    api = chargebee_api
    gateway = Gateway(api.site_name, api.key, api.url, pace=budget)
    api.limits.per_minute = 0
    with pytest.raises(ProviderDown) as caught:
        gateway.events(datetime(2021, 1, 1, tzinfo=UTC))
    assert caught.value.status == 429
    api.limits.per_minute = 150
    with pytest.raises(ProviderDown, match="used up") as caught:
        gateway.events(datetime(2021, 1, 1, tzinfo=UTC))
    assert caught.value.retry_after is not None and 5 < caught.value.retry_after <= 60
    pass_by(quittance, 60)
    assert gateway.events(datetime(2021, 1, 1, tzinfo=UTC)).rows == []
