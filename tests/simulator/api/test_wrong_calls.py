"""Wrong calls get the provider's kind of answer, and never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from simulator import Site
from simulator.api import CALLS
from simulator.api.calls import Call
from simulator.api.traffic import Limits
from simulator.http import create_app
from simulator.pricing import MONTHLY, SUPPORT, YEARLY
from tests.simulator.api.conftest import Ask


def check_refusal(refused: TestResponse) -> dict[str, Any]:
    body = refused.json
    assert isinstance(body, dict)
    assert body["http_status_code"] == body["http_code"] == refused.status_code
    assert body["message"] == body["error_msg"]
    assert body["type"] in ("invalid_request", "payment", "operation_failed")
    assert body["api_error_code"] and body["error_code"]
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/comets/halley", 404, "resource_not_found"),
        ("GET", "/customers/", 404, "resource_not_found"),
        ("GET", "/customers/a/b/c", 404, "resource_not_found"),
        ("GET", "/customers/nobody", 404, "resource_not_found"),
        ("POST", "/invoices/F-1/write_off", 404, "resource_not_found"),
        ("PUT", "/customers/marie", 405, "http_method_not_supported"),
        ("DELETE", "/customers/marie", 405, "http_method_not_supported"),
        ("OPTIONS", "/customers/marie", 405, "http_method_not_supported"),
        ("GET", "/invoices/F-10391/write_off", 405, "http_method_not_supported"),
        ("POST", "/customers", 400, "duplicate_entry"),
        ("POST", "/subscriptions/boreal/remove_scheduled_cancellation", 409, "invalid_state_for_request"),
        ("POST", "/subscriptions/boreal", 400, "configuration_incompatible"),
        ("POST", "/subscriptions/boreal/cancel", 400, "configuration_incompatible"),
        ("GET", "/plans", 400, "configuration_incompatible"),
    ],
)
def test_a_wrong_call_is_answered_as_the_provider_does(
    site: Site, ask: Ask, method: str, path: str, status: int, code: str
) -> None:
    site.subscribe("marie", MONTHLY.id, id="boreal")
    refused = ask(method, path, {"id": "marie"} if path == "/customers" else None)
    body = check_refusal(refused)
    assert (refused.status_code, body["api_error_code"]) == (status, code)


def test_a_call_of_the_older_catalogue_is_told_so_whatever_it_is_given(ask: Ask) -> None:
    refused = check_refusal(ask("POST", "/subscriptions/boreal", {"plan_id": "basic", "plan_quantity": "5"}))
    assert (refused["api_error_code"], refused["error_code"]) == ("configuration_incompatible", "api_restricted")


def test_a_body_that_is_not_a_form_is_refused(ask: Ask) -> None:
    refused = ask("POST", "/customers/marie", b'{"locale": "fr"}', Content_Type="application/json")
    assert (refused.status_code, check_refusal(refused)["api_error_code"]) == (400, "invalid_request")


def test_a_silence_header_with_another_value_is_refused(ask: Ask) -> None:
    refused = ask("POST", "/customers/marie", {"locale": "fr"}, chargebee_event_webhook="all-off")
    assert (refused.status_code, check_refusal(refused)["api_error_code"]) == (400, "invalid_request")


# Nonsense, at every call.

_SOME_IDS = ("marie", "paul", "boreal", "austral", "F-10391", "F-10392", "NC-1001", MONTHLY.id, YEARLY.id, SUPPORT.id)
_VALUES = st.one_of(
    st.sampled_from((*_SOME_IDS, "", "0", "1", "-1", "true", "false", "check", "immediately", "on", "off")),
    st.sampled_from(("plan", "4102444799", "1612137600", "9007199254740991", "9" * 30, "{}", "[]", "['a']", "[1,2]")),
    st.integers(-5, 200_000).map(str),
    st.text(max_size=20),
)


def _names(call: Call) -> st.SearchStrategy[str]:
    if call.filters is not None:
        known = [f"{field}[{operator}]" for field, asked in call.filters.items() for operator in asked.operators]
        known += ["limit", "offset", "sort_by[asc]", "sort_by[desc]", "include_deleted"]
    else:
        known = [name.replace("[]", "[0]").replace("cf_*", "cf_a") for name in call.table or {}]
    return st.one_of(st.sampled_from(known or ["comment"]), st.text(max_size=12))


@st.composite
def _requests(draw: st.DrawFn) -> tuple[Call, str, dict[str, str]]:
    call = draw(st.sampled_from(CALLS))
    id = draw(st.one_of(st.sampled_from(_SOME_IDS), st.text("ab./%é -_", min_size=1, max_size=8)))
    given: dict[str, str] = {}
    for name in (name for name, reader in (call.table or {}).items() if type(reader).__name__ == "required"):
        if draw(st.integers(0, 9)):  # mostly what must be given is given
            given[name.replace("[]", "[0]")] = draw(_VALUES)
    given |= draw(st.dictionaries(_names(call), _VALUES, max_size=4))
    return call, id, given


_NONSENSE = st.lists(_requests(), min_size=1, max_size=12)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests=_NONSENSE)
def test_no_nonsense_is_answered_with_a_500(requests: list[tuple[Call, str, dict[str, str]]]) -> None:
    check_nonsense(requests)


@pytest.mark.long
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests=_NONSENSE)
def test_no_amount_of_nonsense_is_answered_with_a_500(requests: list[tuple[Call, str, dict[str, str]]]) -> None:
    check_nonsense(requests)


def check_nonsense(requests: list[tuple[Call, str, dict[str, str]]]) -> None:
    """Make the calls, one after the other, on a site with a little of everything."""
    site = Site(seed=7)
    for id in ("marie", "paul"):
        site.create_customer(id=id, company="Société Test1234", email="marie@test1234.example")
    site.add_card("marie")
    site.subscribe("marie", MONTHLY.id, 3, id="boreal")
    site.subscribe("paul", YEARLY.id, 2, id="austral", auto_collection="off", addons={SUPPORT.id: 1})
    app = create_app(site, api_key="test_key", limits=Limits(per_minute=10_000))
    app.testing = True  # what we did not foresee is raised
    http = app.test_client()
    for call, id, asked in requests:
        path = "/api/v2" + call.path.replace("<id>", id)
        form: dict[str, Any] = {"data": asked} if call.method == "POST" else {"query_string": asked}
        answer = http.open(path, method=call.method, auth=("test_key", ""), **form)
        if answer.status_code in (308, 200):
            continue
        assert answer.status_code < 500
        check_refusal(answer)
