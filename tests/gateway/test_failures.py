"""Every way in which a call to Chargebee fails, through the real SDK and real sockets."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from billing.errors import NeedsAttention, NotYet
from gateway.client import LONGEST_WAIT, Gateway, gateway_of
from gateway.errors import ProviderDown, ProviderRefused

from .conftest import Provider, ScriptedServer, TlsServer, answer

INVOICE = {"invoice": {"id": "inv_1", "object": "invoice", "cf_cost_centre": "R&D", "total": 6784}}


def test_an_invoice_comes_back_as_chargebee_sent_it(provider: Provider) -> None:
    provider.answer(answer(200, INVOICE))
    assert provider.gateway().invoice("inv_1") == INVOICE["invoice"]
    assert provider.requests[0].line == "GET /api/v2/invoices/inv_1 HTTP/1.1"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (408, "never_heard_of"),
        (429, "never_heard_of"),
        (429, "api_request_limit_exceeded"),
        (429, "lock_timeout"),
        (409, "lock_timeout"),
        (500, "internal_error"),
        (503, "site_read_only_mode"),
        (502, "never_heard_of"),
    ],
)
def test_what_passes_by_itself_is_tried_later(provider: Provider, status: int, code: str) -> None:
    provider.refuse(status, code)
    with pytest.raises(ProviderDown) as caught:
        provider.gateway().invoice("inv_1")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert isinstance(caught.value, NotYet)


@pytest.mark.parametrize(
    ("status", "code", "type"),
    [
        (400, "param_wrong_value", "invalid_request"),
        (401, "api_authentication_failed", None),
        (402, "payment_processing_failed", "payment"),
        (403, "api_authorization_failed", "invalid_request"),
        (404, "resource_not_found", "invalid_request"),
        (409, "invalid_state_for_request", "invalid_request"),
        (422, "unable_to_process_request", "operation_failed"),
    ],
)
def test_what_chargebee_refuses_needs_a_person(provider: Provider, status: int, code: str, type: str | None) -> None:
    provider.refuse(status, code, "the developer's words", type)
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway().invoice("inv_1")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert isinstance(caught.value, NeedsAttention)


def test_a_refusal_names_the_thing_the_fact_and_the_next_step(provider: Provider) -> None:
    provider.refuse(404, "resource_not_found", "inv_1 not found\r\nX: y")
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway().invoice("inv_1")
    assert str(caught.value) == (
        "invoice inv_1: Chargebee answered 404 resource_not_found: inv_1 not foundX: y; "
        "check that it exists on site acme-test"
    )
    assert type(caught.value.__cause__).__name__ == "InvalidRequestError"


def test_a_wrong_key_names_the_setting_and_not_the_key(provider: Provider) -> None:
    provider.refuse(401, "api_authentication_failed", "Sorry, authentication failed.")
    with pytest.raises(ProviderRefused, match="CHARGEBEE_API_KEY") as caught:
        provider.gateway().customer("cust_1")
    assert "test_key" not in str(caught.value) + repr(provider.gateway())


@pytest.mark.parametrize(
    ("header", "wait"),
    [("17", 17), ("0", 0), ("soon", None), ("999999999", LONGEST_WAIT)],
    ids=["seconds", "at once", "no number", "for ever"],
)
def test_a_full_request_limit_says_how_long_to_wait(provider: Provider, header: str, wait: float | None) -> None:
    assert wait_after(provider, header) == wait


@pytest.mark.parametrize(
    ("minutes", "least", "most"), [(30, 1200, 1800), (-30, 0, 0)], ids=["a date to come", "a date that has passed"]
)
def test_a_full_request_limit_says_when_it_ends(provider: Provider, minutes: int, least: float, most: float) -> None:
    wait = wait_after(provider, format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True))
    assert wait is not None
    assert least <= wait <= most


def wait_after(provider: Provider, header: str) -> float | None:
    """For how long the provider is let alone after it answered 429 with this Retry-After."""
    provider.answer(
        answer(429, {"message": "slow", "api_error_code": "api_request_limit_exceeded"}, Retry_After=header)
    )
    with pytest.raises(ProviderDown) as caught:
        provider.gateway().invoice("inv_1")
    return caught.value.retry_after


def test_a_full_request_limit_is_asked_once(provider: Provider) -> None:
    provider.answer(answer(429, {"message": "slow", "api_error_code": "api_request_limit_exceeded"}, Retry_After="0"))
    with pytest.raises(ProviderDown):
        provider.gateway().invoice("inv_1")
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(503, b"<html>503 Service Unavailable</html>", "text/html"), id="a page of the proxy"),
        pytest.param(answer(404, b"<html>nothing here</html>", "text/html"), id="a page that says 404"),
        pytest.param(answer(302, b"", "text/html", Location="https://example.com/"), id="a redirect"),
        pytest.param(answer(400, {"error": "not of Chargebee"}), id="an error that is not Chargebee's"),
        pytest.param(answer(200, b""), id="nothing"),
        pytest.param(answer(200, {}), id="no invoice"),
        pytest.param(answer(200, []), id="a list"),
        pytest.param(answer(200, b"5"), id="a number"),
        pytest.param(answer(200, b"null"), id="null"),
        pytest.param(answer(200, {"invoice": None}), id="an invoice that is null"),
        pytest.param(answer(200, {"invoice": "inv_1"}), id="an invoice that is a text"),
        pytest.param(answer(200, {"invoice": {}}), id="an invoice without id"),
        pytest.param(answer(200, {"invoice": {"id": "inv_2"}}), id="another invoice"),
        pytest.param(answer(200, {"list": 5}), id="a list that is none"),
        pytest.param(answer(200, {"list": [{"invoice": {"id": "inv_1"}}]}), id="a list of invoices"),
    ],
)
def test_an_answer_that_makes_no_sense_is_tried_later(provider: Provider, reply: bytes) -> None:
    provider.answer(reply)
    with pytest.raises(ProviderDown, match="answered something we do not understand") as caught:
        provider.gateway().invoice("inv_1")
    assert caught.value.code == "not_understood"
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("rows", [[{}], [{"event": None}], [{"event": "ev_1"}], [5], 5])
def test_a_page_of_events_that_makes_no_sense_is_tried_later(provider: Provider, rows: object) -> None:
    provider.answer(answer(200, {"list": rows}))
    with pytest.raises(ProviderDown, match="the list of events since 2026-11-23"):
        provider.gateway().events(datetime(2026, 11, 23, tzinfo=UTC))


def test_an_answer_cut_off_is_tried_later(provider: Provider) -> None:
    provider.answer(answer(200, INVOICE)[:-20])
    with pytest.raises(ProviderDown) as caught:
        provider.gateway().invoice("inv_1")
    assert caught.value.code == "unreachable"


def test_nobody_listening_is_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProviderDown, match="cannot be reached") as caught:
        Gateway("acme-test", "test_key", f"http://127.0.0.1:{port}").invoice("inv_1")
    assert caught.value.status is None


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def half_a_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(answer(200, INVOICE)[:-20])
    over.wait(10)


@pytest.mark.parametrize("reply", [silent, half_a_body])
def test_an_answer_that_does_not_come_is_tried_later(provider: Provider, reply: object) -> None:
    provider.answer(reply)  # type: ignore[arg-type]
    with pytest.raises(ProviderDown, match="did not answer in time") as caught:
        provider.gateway(read_seconds=0.2).invoice("inv_1")
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    "id", ["", " ", "a/b", "..", ".", "a\\b", "%2e%2e", "a\nb", "a\x00b", " a", "a ", "x" * 101, "\ud800", "\u2028"]
)
def test_an_id_that_would_change_the_path_is_never_sent(provider: Provider, id: str) -> None:
    provider.answer(answer(200, INVOICE))
    gateway = provider.gateway()
    calls = [gateway.event, gateway.subscription, gateway.customer, gateway.invoice]
    calls += [gateway.transaction, gateway.credit_note, gateway.payment_source, gateway.invoice_pdf]  # type: ignore[list-item]
    for call in calls:
        with pytest.raises(ProviderRefused) as caught:
            call(id)
        assert caught.value.code == "invalid_id"
        assert str(caught.value).isprintable()
    assert provider.requests == []


@pytest.mark.parametrize("id", ["a b", "a?b=c#d", "clé@exemple.ca", "..a", "a;b+c", "INV-0001.2", "x" * 100])
def test_an_odd_id_reaches_chargebee_as_it_is(provider: Provider, id: str) -> None:
    provider.answer(answer(200, {"invoice": {"id": id}}))
    assert provider.gateway().invoice(id) == {"id": id}


def test_a_parameter_without_a_value_is_not_sent(provider: Provider) -> None:
    provider.answer(answer(200, {"list": []}))
    page = provider.gateway().events(datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC), limit=7)
    assert page == ([], None)
    path, _, query = provider.requests[0].line.split()[1].partition("?")
    assert path == "/api/v2/events"
    # 12:00:00 itself is 1795435200: Chargebee's "after" leaves out the second it is given.
    assert sorted(query.split("&")) == ["limit=7", "occurred_at%5Bafter%5D=1795435199", "sort_by%5Basc%5D=occurred_at"]


def test_an_instant_without_a_zone_is_a_mistake_of_ours(provider: Provider) -> None:
    with pytest.raises(ValueError, match="time zone"):
        provider.gateway().events(datetime(2026, 11, 23))  # noqa: DTZ001


class SoftTimeLimitExceeded(Exception):
    """By name what Celery raises inside whatever a worker is doing."""


def test_the_alarm_of_the_worker_is_not_taken_for_a_failure_of_chargebee(provider: Provider) -> None:
    def ring(*_: object) -> None:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        provider.gateway()._call("invoice inv_1", ring)  # type: ignore[arg-type]


def test_bodies_are_not_logged_even_at_debug(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    provider.answer(answer(200, {"customer": {"id": "cust_1", "email": "jeanne@exemple.ca"}}))
    with caplog.at_level(logging.DEBUG):
        provider.gateway().customer("cust_1")
    assert caplog.records
    assert "jeanne" not in caplog.text


# Another host than Chargebee's


def test_the_address_of_a_site_is_chargebees_own_and_verified() -> None:
    import chargebee

    sdk = Gateway("acme", "live_key")._sdk
    assert sdk.env.api_url("/invoices") == "https://acme.chargebee.com/api/v2/invoices"
    assert chargebee.Chargebee.verify_ca_certs is True


def test_a_call_over_plain_http_leaves_the_sdk_as_it_was(provider: Provider) -> None:
    import chargebee

    provider.answer(answer(200, INVOICE))
    provider.gateway().invoice("inv_1")
    assert chargebee.Chargebee.verify_ca_certs is True


@pytest.mark.long
def test_a_real_site_stays_verified_while_another_gateway_speaks_plain_http(
    provider: Provider, tls_server: TlsServer
) -> None:
    seen: list[object] = []

    def ask_meanwhile(connection: socket.socket, over: threading.Event) -> None:
        try:
            Gateway("acme-test", "test_key", tls_server.server.url).invoice("inv_1")
        except ProviderDown as refused:
            seen.append(refused)
        connection.sendall(answer(200, INVOICE))

    provider.answer(ask_meanwhile)
    provider.gateway().invoice("inv_1")
    assert "certificate" in str(seen[0].__cause__).lower()  # type: ignore[attr-defined]
    assert tls_server.server.requests == []


@pytest.mark.long
def test_gateways_in_several_threads_do_not_disturb_each_other(provider: Provider) -> None:
    import chargebee

    provider.answer(answer(200, INVOICE))
    failures: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(5):
                provider.gateway().invoice("inv_1")
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(provider.requests) == 20
    assert chargebee.Chargebee.verify_ca_certs is True


@pytest.mark.parametrize("excepted", [None, "example.com"])
def test_a_loopback_host_is_not_asked_through_the_proxy_of_the_environment(
    provider: Provider, another_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, excepted: str | None
) -> None:
    import httpx

    proxy = another_server
    proxy.answer(answer(502, {"message": "the proxy", "api_error_code": "proxy"}))
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    if excepted:
        monkeypatch.setenv("NO_PROXY", excepted)
    provider.answer(answer(200, INVOICE))
    assert httpx.get(provider.url).status_code == 502  # the proxy of the environment is there, and httpx uses it
    assert provider.gateway().invoice("inv_1") == INVOICE["invoice"]
    assert (len(proxy.requests), len(provider.requests)) == (1, 1)
    if excepted:
        assert urllib.request.getproxies()["no"] == f"{excepted},127.0.0.1"  # what was excepted stays so


# Making one


class SomeSettings:
    chargebee_site: str | None = "acme-test"
    chargebee_api_key: str | None = "test_key"
    chargebee_api_url: str | None = None
    chargebee_pdf_hosts: tuple[str, ...] = ()
    pdf_max_bytes = 1000


def test_without_a_site_or_a_key_there_is_no_gateway() -> None:
    settings = SomeSettings()
    assert gateway_of(settings) is not None
    settings.chargebee_api_key = None
    assert gateway_of(settings) is None
    settings = SomeSettings()
    settings.chargebee_site = None
    assert gateway_of(settings) is None


@pytest.mark.parametrize(
    ("site", "api_url", "pdf_hosts"),
    [
        ("evil.example/", None, ()),
        ("acme.evil", None, ()),
        ("", None, ()),
        ("acme", "ftp://127.0.0.1", ()),
        ("acme", "127.0.0.1:80", ()),
        ("acme", "http://user@127.0.0.1", ()),
        ("acme", None, ["*.amazonaws.com"]),
        ("acme", None, ["https://example.com/"]),
        ("acme", None, [".example.com"]),
    ],
)
def test_values_that_would_send_the_key_elsewhere_are_refused(
    site: str, api_url: str | None, pdf_hosts: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"Chargebee|CHARGEBEE"):
        Gateway(site, "key", api_url, pdf_hosts=pdf_hosts)


def test_the_sdk_is_not_imported_before_the_first_call() -> None:
    code = (
        "import sys; from gateway.client import Gateway; Gateway('acme', 'key'); "
        "import json; print(json.dumps([name for name in ('chargebee', 'httpx') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
