"""Faults of the API on request, before a change is made and after."""

from __future__ import annotations

import threading

import httpx
import pytest
from chargebee import Chargebee, OperationFailedError
from flask import Flask

from simulator import Site, WrongValue
from simulator.api.faults import Faults
from simulator.pricing import MONTHLY
from tests.simulator.api.conftest import Ask

WRITE_OFF = "/invoices/F-10391/write_off"


@pytest.fixture
def site(site: Site) -> Site:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    return site


def status(site: Site) -> str:
    return str(site.current("invoice", "F-10391")["status"])


def test_a_fault_before_the_call_leaves_everything_as_it_was(site: Site, faults: Faults, ask: Ask) -> None:
    fault = faults.plan("internal_error", path="POST /invoices/.*/write_off")
    failed = ask("POST", WRITE_OFF)
    assert failed.json is not None
    assert (failed.status_code, failed.json["api_error_code"]) == (500, "internal_error")
    assert (status(site), fault.struck) == ("payment_due", 1)
    assert ask("POST", WRITE_OFF).status_code == 200


def test_a_fault_after_the_call_hides_a_change_that_was_made(site: Site, faults: Faults, ask: Ask) -> None:
    faults.plan("unavailable", when="after")
    failed = ask("POST", WRITE_OFF, chargebee_idempotency_key="k-1")
    assert (failed.status_code, failed.mimetype, status(site)) == (503, "text/html", "paid")
    again = ask("POST", WRITE_OFF, chargebee_idempotency_key="k-1")
    assert (again.status_code, again.headers["chargebee-idempotency-replayed"]) == (200, "true")


def test_a_fault_after_a_call_waits_for_one_that_is_done(site: Site, faults: Faults, ask: Ask) -> None:
    faults.plan("unavailable", when="after")
    assert ask("POST", "/invoices/F-1/write_off").status_code == 404
    assert ask("POST", WRITE_OFF).status_code == 503


def test_a_fault_strikes_the_calls_it_names_and_as_often_as_it_says(faults: Faults, ask: Ask) -> None:
    faults.plan("internal_error", path="^GET /customers", times=2)
    assert ask("GET", "/invoices").status_code == 200
    assert [ask("GET", "/customers/marie").status_code for _ in range(3)] == [500, 500, 200]
    assert faults.planned == []


def test_the_same_seed_lets_a_rate_strike_the_same_calls() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.plan("cut", times=None, rate=0.3)
        return [faults.strike("GET", "/customers", "before") is not None for _ in range(50)]

    assert struck(7) == struck(7) != struck(8)
    assert 0 < sum(struck(7)) < 50


def test_a_fault_that_does_not_exist_is_refused() -> None:
    for wrong in ({"kind": "earthquake"}, {"kind": "cut", "when": "never"}, {"kind": "cut", "path": "("}):
        with pytest.raises(WrongValue):
            Faults().plan(**wrong)  # type: ignore[arg-type]


def test_faults_are_planned_and_cleared_over_http(app: Flask, ask: Ask) -> None:
    http = app.test_client()
    planned = http.post("/_sim/api/faults", data={"kind": "unavailable", "path": "GET /customers", "times": "1"})
    assert planned.json == {
        "kind": "unavailable", "when": "before", "path": "GET /customers", "times": 1, "rate": 1.0, "struck": 0,
    }  # fmt: skip
    assert http.get("/_sim/api/faults").json == {"list": [planned.json]}
    assert http.delete("/_sim/api/faults").json == {"list": []}
    assert ask("GET", "/customers/marie").status_code == 200
    assert http.post("/_sim/api/faults", data={"kind": "earthquake"}).status_code == 400
    http.post("/_sim/api/faults", data={"kind": "unavailable", "percent": "0"})
    assert ask("GET", "/customers/marie").status_code == 200


# Over a real connection, where they belong.


@pytest.fixture
def over_http(address: str, client: Chargebee) -> Chargebee:
    client.update_read_timeout_secs(0.2)
    return client


def plan(address: str, **fault: str) -> None:
    assert httpx.post(f"{address}/_sim/api/faults", data=fault, trust_env=False).status_code == 200


def test_the_providers_client_meets_each_fault_as_it_would_meet_a_real_one(
    site: Site, address: str, over_http: Chargebee
) -> None:
    def retrieve() -> None:
        over_http.Customer.retrieve("marie")

    for kind, raised in (
        ("internal_error", OperationFailedError),
        ("unavailable", Exception),
        ("timeout", httpx.ReadTimeout),
        ("cut", httpx.RemoteProtocolError),
    ):
        plan(address, kind=kind, times="1")
        with pytest.raises(raised):
            retrieve()
        assert httpx.delete(f"{address}/_sim/api/faults", trust_env=False).status_code == 200
        retrieve()


def test_clearing_the_faults_lets_go_of_who_waits(faults: Faults) -> None:
    fault = faults.plan("timeout")
    waiting = threading.Thread(target=faults.answer, args=(fault,))
    waiting.start()
    faults.clear()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
