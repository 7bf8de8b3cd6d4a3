"""Fetching an invoice PDF: where we go, where we do not, and what we take."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import httpcore
import pytest

from gateway.client import Gateway
from gateway.errors import ProviderDown, ProviderRefused
from gateway.pdf import fetch_pdf, is_public

from .conftest import Answer, Provider, ScriptedServer, TlsServer, answer

PDF = b"%PDF-1.7\n" + b"0" * 5000
PUBLIC = "93.184.215.14"
HOST = "downloads.example.com"


def nowhere(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
    raise AssertionError(f"went to {address}")


def fetch(link: str, addresses: Sequence[str] = (PUBLIC,), **more: object) -> bytes:
    values: dict[str, object] = {
        "what": "the PDF of invoice inv_1",
        "hosts": [HOST],
        "max_bytes": 10_000,
        "seconds": 5,
        "resolve": lambda host, port: list(addresses),
        "dial": nowhere,
    }
    return fetch_pdf(link, **values | more)  # type: ignore[arg-type]


# Through the gateway


def test_the_pdf_is_fetched_from_the_link_that_chargebee_gives(provider: Provider) -> None:
    provider.serve_pdf(answer(200, PDF, "application/pdf"))
    assert provider.gateway().invoice_pdf("inv_1") == PDF
    ask, follow = provider.requests
    assert ask.line == "POST /api/v2/invoices/inv_1/pdf HTTP/1.1"
    assert ask.body == b"disposition_type=attachment"
    assert follow.line == "GET /files/inv_1.pdf?sig=a%2Fb HTTP/1.1"
    assert "authorization" in ask.headers
    assert "authorization" not in follow.headers  # the key is for the API alone


@pytest.mark.parametrize("download", [None, {}, {"download_url": None}, {"download_url": 5}, "https://example.com"])
def test_an_answer_without_a_link_is_tried_later(provider: Provider, download: object) -> None:
    provider.answer(answer(200, {"download": download}))
    with pytest.raises(ProviderDown) as caught:
        provider.gateway().invoice_pdf("inv_1")
    assert caught.value.code == "not_understood"


def test_an_invoice_that_is_not_there_has_no_pdf(provider: Provider) -> None:
    provider.refuse(404, "resource_not_found")
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway().invoice_pdf("inv_1")
    assert caught.value.code == "resource_not_found"


@pytest.mark.parametrize(
    ("reply", "refused", "code"),
    [
        (answer(302, b"", Location="https://example.com/"), True, "pdf_redirected"),
        (answer(304), True, "pdf_redirected"),
        (answer(403, b"<Error>Request has expired</Error>"), False, "pdf_unavailable"),
        (answer(404), False, "pdf_unavailable"),
        (answer(500), False, "pdf_unavailable"),
        (answer(206, PDF[:100]), False, "pdf_unavailable"),
        (answer(200, b"<html>%PDF-1.7</html>"), True, "not_a_pdf"),
        (answer(200, b"\n" + PDF), True, "not_a_pdf"),
        (answer(200, b"%PD"), True, "not_a_pdf"),
        (answer(200, b""), True, "not_a_pdf"),
        (answer(200, PDF)[:-20], False, "pdf_unreachable"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", False, "pdf_unreachable"),
        (b"", False, "pdf_unreachable"),
    ],
)
def test_what_is_no_pdf_is_not_taken(provider: Provider, reply: bytes, refused: bool, code: str) -> None:
    provider.serve_pdf(reply)
    with pytest.raises(ProviderRefused if refused else ProviderDown) as caught:
        provider.gateway().invoice_pdf("inv_1")
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert len(provider.requests) == 2  # nothing was followed
    assert "inv_1" in str(caught.value)
    assert "sig=" not in str(caught.value)  # the link works for whoever holds it


def without_length(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PDF)


@pytest.mark.parametrize("reply", [answer(200, PDF), without_length])
def test_a_pdf_over_the_limit_is_left_where_it_is(provider: Provider, reply: Answer) -> None:
    provider.serve_pdf(reply)
    assert provider.gateway(pdf_max_bytes=len(PDF)).invoice_pdf("inv_1") == PDF
    provider.serve_pdf(reply)
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway(pdf_max_bytes=len(PDF) - 1).invoice_pdf("inv_1")
    assert caught.value.code == "pdf_too_big"


def endless(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%PDF-")
    while not over.is_set():
        connection.sendall(b"0" * 65536)


def test_a_body_without_end_is_cut_at_the_limit(provider: Provider) -> None:
    provider.serve_pdf(endless)
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway().invoice_pdf("inv_1")
    assert caught.value.code == "pdf_too_big"


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def trickling_head(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.02):
        connection.sendall(b"X: y\r\n")


def trickling_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n%PDF-")
    while not over.wait(0.02):
        connection.sendall(b"0")


@pytest.mark.parametrize("reply", [silent, trickling_head, trickling_body])
def test_a_download_ends_at_its_deadline_however_it_dawdles(provider: Provider, reply: Answer) -> None:
    provider.serve_pdf(reply)
    with pytest.raises(ProviderDown) as caught:
        provider.gateway(pdf_seconds=0.3).invoice_pdf("inv_1")
    assert caught.value.code == "pdf_too_late"


def test_a_name_service_that_dawdles_ends_at_the_deadline() -> None:
    over = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        over.wait(20)
        return [PUBLIC]

    with pytest.raises(ProviderDown) as caught:
        fetch(f"https://{HOST}/a.pdf", resolve=resolve, seconds=0.1)
    over.set()
    assert caught.value.code == "pdf_too_late"


# Where a link may lead


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/a.pdf",
        f"https://evil.example/?{HOST}",
        f"https://evil.example/#{HOST}",
        f"https://{HOST}.evil.example/a.pdf",
        f"https://{HOST}../a.pdf",
        f"https://evil{HOST}/a.pdf",
        f"http://{HOST}/a.pdf",
        f"http://{HOST}:443/a.pdf",
        f"https://{HOST}:8443/a.pdf",
        f"https://{HOST}:80/a.pdf",
        "https://127.0.0.1/a.pdf",
        "https://[::1]/a.pdf",
        "https://2130706433/a.pdf",
        "https://dоwnloads.example.com/a.pdf",  # a Cyrillic о
    ],
)
def test_a_link_to_another_host_is_refused(link: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        fetch(link, resolve=nowhere)
    assert caught.value.code == "pdf_host_not_allowed"


@pytest.mark.parametrize(
    "link",
    [
        f"https://{HOST}\\@evil.example/a.pdf",
        f"https://{HOST}/a\\b.pdf",
        f"https://{HOST}@evil.example/a.pdf",
        f"https://user:password@{HOST}/a.pdf",
        f"https://@{HOST}/a.pdf",
        f"https://{HOST}%2eevil.example/a.pdf",
        "https://%64ownloads.example.com/a.pdf",
        f"https://{HOST}\t/a.pdf",
        f"https://{HOST}/a.pdf\r\nX: y",
        f"https://{HOST}/a b.pdf",
        f"https://{HOST}/\x00",
        f"https://{HOST}/\x85",
        f"https://{HOST}:port/a.pdf",
        f"https://{HOST}:99999/a.pdf",
        f"https://{HOST}/é.pdf",
        "https:///a.pdf",
        "https://[::1/a.pdf",
        "//downloads.example.com/a.pdf",
        "file:///etc/passwd",
        "ftp://downloads.example.com/a.pdf",
        "",
        f"https://{HOST}/" + "a" * 5000,
    ],
)
def test_a_link_that_can_be_read_in_two_ways_is_refused(link: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        fetch(link, resolve=nowhere)
    assert caught.value.code == "pdf_link_refused"


@pytest.mark.parametrize(
    "link", [f"https://{HOST}/a", f"https://{HOST}:443/a", f"https://{HOST}./a", f"HTTPS://{HOST.upper()}/a"]
)
def test_spellings_of_an_allowed_host_are_one_host(link: str) -> None:
    names: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        names.append(f"{host}:{port}")
        raise OSError("no such host")

    with pytest.raises(ProviderDown) as caught:
        fetch(link, resolve=resolve, hosts=[f"{HOST.title()}."])
    assert caught.value.code == "pdf_unreachable"
    assert names == [f"{HOST}:443"]


def test_a_site_fetches_from_its_own_host_and_the_hosts_it_was_given_alone() -> None:
    assert Gateway("acme", "key")._pdf_hosts == ("acme.chargebee.com",)
    assert Gateway("acme", "key", pdf_hosts=[HOST])._pdf_hosts == (HOST, "acme.chargebee.com")
    assert Gateway("acme", "key", "http://127.0.0.1:9")._pdf_hosts == ()


def test_the_development_host_is_allowed_at_its_very_port(provider: Provider, another_server: ScriptedServer) -> None:
    another_server.answer(answer(200, PDF))
    provider.answer(answer(200, {"download": {"download_url": f"{another_server.url}/a.pdf"}}))
    with pytest.raises(ProviderRefused) as caught:
        provider.gateway().invoice_pdf("inv_1")
    assert caught.value.code == "pdf_host_not_allowed"
    assert another_server.connections == 0


# Addresses


@pytest.mark.parametrize(
    "address",
    """0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1
    203.0.113.9 192.88.99.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1
    ::ffff:93.184.215.14 ::7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1
    2002:7f00:1:: fc00::1 fd12::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 3fff::1 127.1 localhost 0x7f.1""".split(),
)
def test_an_address_that_is_not_of_the_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        with pytest.raises(ProviderRefused) as caught:
            fetch(f"https://{HOST}/a.pdf", addresses)
        assert caught.value.code == "pdf_address_not_allowed"


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.long
def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_allowed(
    tls_server: TlsServer,
) -> None:
    server, trusting = tls_server
    server.answer(answer(200, PDF, "application/pdf"))
    dialled: list[tuple[str, int]] = []

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        dialled.append((address, port))
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", server.port, timeout=seconds)

    assert fetch(f"https://{HOST.upper()}./a.pdf", dial=dial, tls=trusting) == PDF
    assert dialled == [(PUBLIC, 443)]
    assert server.server_names == [HOST]
    assert server.requests[0].headers["host"] == HOST


def test_the_name_is_asked_for_once() -> None:
    """A name that is public when it is looked at and private when it is used finds no second look."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    dialled: list[str] = []

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        dialled.append(address)
        raise httpcore.ConnectError

    with pytest.raises(ProviderDown):
        fetch(f"https://{HOST}/a.pdf", resolve=lambda host, port: next(answers), dial=dial)
    assert dialled == [PUBLIC]


def test_a_dead_address_leaves_time_for_the_next(tls_server: TlsServer) -> None:
    server, trusting = tls_server
    server.answer(answer(200, PDF))

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        if address == PUBLIC:
            assert seconds < 3  # of the 5
            raise httpcore.ConnectTimeout
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", server.port, timeout=seconds)

    assert fetch(f"https://{HOST}/a.pdf", [PUBLIC, "1.1.1.1"], dial=dial, tls=trusting) == PDF


def test_a_certificate_for_another_name_is_not_accepted(tls_server: TlsServer) -> None:
    server, trusting = tls_server
    server.answer(answer(200, PDF))

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", server.port, timeout=seconds)

    with pytest.raises(ProviderDown) as caught:
        fetch("https://acme.chargebee.com/a.pdf", hosts=["acme.chargebee.com"], dial=dial, tls=trusting)
    assert "certificate" in str(caught.value.__cause__).lower()
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_not_accepted(tls_server: TlsServer) -> None:
    server, _ = tls_server
    server.answer(answer(200, PDF))

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", server.port, timeout=seconds)

    with pytest.raises(ProviderDown) as caught:
        fetch(f"https://{HOST}/a.pdf", dial=dial)
    assert "certificate" in str(caught.value.__cause__).lower()
    assert server.requests == []


def test_a_download_does_not_go_through_the_proxy_of_the_environment(
    provider: Provider, another_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_server.answer(answer(200, PDF))
    provider.answer(answer(200, PDF))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", another_server.url)
    url = provider.url
    assert fetch(f"{url}/a.pdf", ["127.0.0.1"], development_url=url, dial=httpcore_dial) == PDF
    assert another_server.connections == 0


def httpcore_dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)


def test_a_link_for_a_browser_is_checked_and_not_followed(provider: Provider, another_server: ScriptedServer) -> None:
    provider.serve_pdf(answer(200, PDF))
    assert provider.gateway().invoice_pdf_link("inv_1") == f"{provider.url}/files/inv_1.pdf?sig=a%2Fb"
    assert len(provider.requests) == 1
    for elsewhere in (f"{another_server.url}/inv_1.pdf", "https://169.254.169.254/x", "https://x.example\\@y.example/"):
        provider.answer(answer(200, {"download": {"download_url": elsewhere}}))
        with pytest.raises(ProviderRefused):
            provider.gateway().invoice_pdf_link("inv_1")
    assert another_server.requests == []
