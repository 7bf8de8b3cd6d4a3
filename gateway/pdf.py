"""Fetching the PDF behind a link that someone else chose: an answer of the provider must not steer us elsewhere.

The link may lead to hosts of a list only, and the connection goes to the very address that was checked, so that no name
can be one thing while it is looked at and another while it is used. docs/decisions/invoice-pdf-hosts.md has the list.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpcore

from .errors import ProviderDown, ProviderRefused

MAX_LINK = 4096  # Chargebee documents at most 3500 characters

Resolve = Callable[[str, int], Sequence[str]]
Dial = Callable[[str, int, float], httpcore.NetworkStream]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Special by the IANA registries, and "global" to some of the Python versions we run on: protocol assignments, 6to4
# (both ways), Teredo and its neighbours, documentation.
_SPECIAL = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]


def system_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
    """A TCP connection to an address."""
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)


def fetch_pdf(
    link: str,
    *,
    what: str,
    hosts: Iterable[str],
    development_url: str | None = None,
    max_bytes: int,
    seconds: float,
    resolve: Resolve = system_addresses,
    dial: Dial = dial,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """The PDF behind a link.

    `hosts` are exact names, reached by https on port 443 at public addresses only. Where `development_url` is given,
    its scheme, host and port are allowed as well, at any address. `seconds` is for all of it, `what` names the thing
    in messages; the link is a secret as long as it works and stands in none of them. No proxy of the environment is
    used. `resolve`, `dial` and `tls` (the default verifies against the authorities of certifi) are the network.

    Raises:
        ProviderDown: out of reach, too late, or the link no longer works: ask for a new one.
        ProviderRefused: the link leads where we do not go, or to something that is no PDF or too big.
    """
    deadline = _Deadline(seconds)
    development = _place(development_url) if development_url else None
    place, target = _allowed(link, what, hosts, development)
    try:
        addresses = _addresses(place, resolve, deadline)
        if place != development:
            _refuse_private(what, place, addresses)
        return _read(what, place, target, addresses, max_bytes, deadline, dial, tls)
    except (httpcore.TimeoutException, TimeoutError) as late:
        raise ProviderDown(
            f"{what}: {place.host} did not deliver it within {seconds:g} s; it is tried again by itself",
            code="pdf_too_late",
        ) from late
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as fault:
        raise ProviderDown(
            f"{what}: {place.host} cannot be reached or broke off ({type(fault).__name__}); it is tried again later",
            code="pdf_unreachable",
        ) from fault


def check_link(link: str, *, what: str, hosts: Iterable[str], development_url: str | None = None) -> None:
    """Make sure that a link leads where `fetch_pdf` would go, before somebody's browser is sent there.

    Raises:
        ProviderRefused: it leads elsewhere.
    """
    _allowed(link, what, hosts, _place(development_url) if development_url else None)


class Place(NamedTuple):
    """Where a link leads: scheme, host (lower case, ASCII, no trailing dot) and port."""

    scheme: str
    host: str
    port: int


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the end; raises where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _allowed(link: str, what: str, hosts: Iterable[str], development: Place | None) -> tuple[Place, bytes]:
    """Where a link leads and what to ask for there, if it is one of the places that it may lead to."""
    place, target = _where(link, what)
    if place != development and place not in {Place("https", name, 443) for name in map(_ascii, hosts) if name}:
        shown = f"{place.scheme}://{place.host}:{place.port}"
        raise ProviderRefused(
            f"{what}: its link leads to {shown}, which is not allowed; "
            "if this is where Chargebee keeps its downloads, add the host to CHARGEBEE_PDF_HOSTS",
            code="pdf_host_not_allowed",
        )
    return place, target


def _where(link: str, what: str) -> tuple[Place, bytes]:
    """Where a link leads, and what to ask for there. Anything that two parsers could read in two ways is refused."""
    try:
        if len(link) > MAX_LINK or not link.isprintable() or " " in link or "\\" in link:
            raise ValueError
        place, parts = _place(link), urlsplit(link)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return place, target.encode("ascii")
    except ValueError:
        raise ProviderRefused(
            f"{what}: its link is not a plain web address; look at the invoice in Chargebee", code="pdf_link_refused"
        ) from None


def _place(url: str) -> Place:
    parts = urlsplit(url)
    scheme, host = parts.scheme, _ascii(parts.hostname or "")
    if scheme not in ("http", "https") or not host or set(parts.netloc) & set("@%"):
        raise ValueError(url)
    port = parts.port if parts.port is not None else {"http": 80, "https": 443}[scheme]
    return Place(scheme, host, port)


def _ascii(host: str) -> str:
    """The one spelling of a host name that is compared, resolved, sent and verified."""
    return host.removesuffix(".").encode("idna").decode("ascii").lower()


def _addresses(place: Place, resolve: Resolve, deadline: _Deadline) -> Sequence[str]:
    # The system's resolver knows no time limit: it gets a thread, and is left to itself when it is late.
    executor = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        return executor.submit(resolve, place.host, place.port).result(timeout=deadline.left())
    finally:
        executor.shutdown(wait=False)


def _refuse_private(what: str, place: Place, addresses: Sequence[str]) -> None:
    if not all(map(is_public, addresses)):
        raise ProviderRefused(
            f"{what}: {place.host} has an address that is not public; check the name service of this machine",
            code="pdf_address_not_allowed",
        )


def is_public(address: str) -> bool:
    """Is it an address of the public internet? Not ours, not the machine's, and not one of those wrapped in another."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip in _NAT64:  # how a network that has IPv6 only reaches hosts that have IPv4 only
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL)


def _read(
    what: str,
    place: Place,
    target: bytes,
    addresses: Sequence[str],
    max_bytes: int,
    deadline: _Deadline,
    dial: Dial,
    tls: ssl.SSLContext | None,
) -> bytes:
    network = _CheckedNetwork(addresses, deadline, dial)
    netloc = f"[{place.host}]" if ":" in place.host else place.host
    if place.port != {"http": 80, "https": 443}[place.scheme]:
        netloc += f":{place.port}"
    # No compression: what counts against the limit is what is kept, and what is not asked for is not a PDF.
    headers: list[tuple[bytes | str, bytes | str]] = [
        ("Host", netloc),
        ("Accept", "application/pdf"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "quittance"),
    ]
    # The name in the address is the original one: it is what TLS asks for and verifies.
    url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target=target)
    with (
        httpcore.ConnectionPool(ssl_context=tls or _default_tls(), network_backend=network) as pool,
        pool.stream("GET", url, headers=headers) as response,
    ):
        _check_status(what, place, response.status)
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > max_bytes:
                raise ProviderRefused(
                    f"{what}: it is bigger than {max_bytes} bytes; send it by hand, or raise PDF_MAX_BYTES",
                    code="pdf_too_big",
                )
            if not body.startswith(b"%PDF-"[: len(body)]):
                break
    if not body.startswith(b"%PDF-"):
        raise ProviderRefused(
            f"{what}: what {place.host} sends is not a PDF; look at the invoice in Chargebee", code="not_a_pdf"
        )
    return bytes(body)


def _check_status(what: str, place: Place, status: int) -> None:
    if status == 200:
        return
    if 300 <= status < 400:
        raise ProviderRefused(
            f"{what}: {place.host} sends us elsewhere ({status}), and a link is followed once; "
            "look at the invoice in Chargebee",
            code="pdf_redirected",
            status=status,
        )
    raise ProviderDown(
        f"{what}: {place.host} answered {status}; it is tried again by itself, with a new link",
        code="pdf_unavailable",
        status=status,
    )


def _default_tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


class _CheckedNetwork(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, one after the other, whatever name is asked for."""

    def __init__(self, addresses: Sequence[str], deadline: _Deadline, dial: Dial) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._dial = dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for tried, address in enumerate(self._addresses):
            seconds = self._deadline.left() / (
                len(self._addresses) - tried
            )  # one dead address leaves time for the next
            try:
                return _LimitedStream(self._dial(address, port, seconds), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as fault:
                failure = fault
        raise failure


class _LimitedStream(httpcore.NetworkStream):
    """A connection that ends at the deadline, however slowly the other side keeps talking."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _LimitedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline
        )

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
