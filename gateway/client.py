"""Our calls to Chargebee, named in our words, over its official SDK.

What comes back are Chargebee's own objects as plain dicts, so that a snapshot read here goes through the same door as
one in a webhook body. Every failure leaves as ProviderDown or ProviderRefused, whatever the SDK or the network raised.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from .errors import ProviderDown, ProviderRefused
from .writes import Call

if TYPE_CHECKING:  # importing the SDK costs a second and 50 MB: it waits for the first call
    from chargebee import APIError, Chargebee

T = TypeVar("T")
Raw = dict[str, Any]  # an object as Chargebee sends it

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # for each read: an answer that trickles is cut by the time limit of the task
PDF_SECONDS = 10.0  # for a whole download
PDF_MAX_BYTES = 5 * 1024 * 1024
LONGEST_WAIT = 3600.0  # a Retry-After beyond it is not believed: nothing waits longer between two attempts

# Codes of Chargebee that pass by themselves, as its clients list them for 429, 500 and 503 (`lock_timeout` is a
# concurrent change of the same subscription). They count under any status: the list is older than some sites.
_PASSING_CODES = {
    "api_request_limit_exceeded",
    "db_connection_failure",
    "internal_error",
    "internal_temporary_error",
    "lock_timeout",
    "site_not_ready",
    "site_read_only_mode",
    "third_party_api_request_limit_exceeded",
}
_PASSING_STATUSES = {408, 425, 429}


class Page(NamedTuple):
    """One page of a list: raw objects, and what to pass as `offset` for the next one (None: this was the last)."""

    rows: list[Raw]
    next_offset: str | None


class Pace(Protocol):
    """Who decides when a call may be made."""

    def before_call(self) -> None:
        """Return when it is its turn, or raise ProviderDown."""

    def asked_to_wait(self, seconds: float | None) -> None:
        """Chargebee takes no more calls: for so long, where it says."""


class ChargebeeSettings(Protocol):
    """What `gateway_of` reads; `worker.settings.Settings` has it."""

    @property
    def chargebee_site(self) -> str | None: ...
    @property
    def chargebee_api_key(self) -> str | None: ...
    @property
    def chargebee_api_url(self) -> str | None: ...
    @property
    def chargebee_pdf_hosts(self) -> tuple[str, ...]: ...
    @property
    def pdf_max_bytes(self) -> int: ...


def gateway_of(settings: ChargebeeSettings, pace: Pace | None = None) -> Gateway | None:
    """The gateway that the settings describe, or None where no API is configured."""
    if not settings.chargebee_site or not settings.chargebee_api_key:
        return None
    return Gateway(
        settings.chargebee_site,
        settings.chargebee_api_key,
        settings.chargebee_api_url,
        pdf_hosts=settings.chargebee_pdf_hosts,
        pdf_max_bytes=settings.pdf_max_bytes,
        pace=pace,
    )


class Gateway:
    """Chargebee, for one site. Safe to share between threads; makes no call and imports no SDK before the first use.

    `api_url` replaces `https://<site>.chargebee.com` (development: the simulator). `pdf_hosts` are further exact hosts
    that invoice PDFs may be fetched from, beside the site's own (docs/decisions/invoice-pdf-hosts.md).
    Nothing is retried here: the rows that ask for a call are tried again by their own schedule.
    """

    def __init__(
        self,
        site: str,
        api_key: str,
        api_url: str | None = None,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        pdf_hosts: Iterable[str] = (),
        pdf_max_bytes: int = PDF_MAX_BYTES,
        pdf_seconds: float = PDF_SECONDS,
        pace: Pace | None = None,
    ) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", site):
            raise ValueError("the Chargebee site is not a name such as acme-test: the API key would go elsewhere")
        self.site = site
        self.api_url = api_url.rstrip("/") if api_url else None
        parts = urlsplit(self.api_url or f"https://{site}.chargebee.com")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the Chargebee API URL is not http://host:port or https://host:port")
        pdf_hosts = tuple(pdf_hosts)
        if not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host) for host in pdf_hosts):
            raise ValueError("CHARGEBEE_PDF_HOSTS holds something that is not an exact host name in lower case")
        self._plain = parts.scheme == "http"
        self._loopback_host = parts.hostname if self.api_url and _is_loopback(parts.hostname) else None
        self._api_key = api_key
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._pdf_hosts = (*pdf_hosts, *(() if self.api_url else (f"{site}.chargebee.com",)))
        self._pdf_max_bytes = pdf_max_bytes
        self._pdf_seconds = pdf_seconds
        self._pace = pace

    def __repr__(self) -> str:
        return f"Gateway({self.site!r}, api_url={self.api_url!r})"

    # Reads

    def event(self, id: str) -> Raw:
        """One event, as in a webhook body."""
        return self._retrieve("event", id)["event"]

    def events(self, occurred_after: datetime, offset: str | None = None, limit: int = 100) -> Page:
        """A page of the events since an instant, oldest first.

        Chargebee counts whole seconds: events of the very second of `occurred_after` are in. `offset` is the
        `next_offset` of the page before.
        """
        if occurred_after.tzinfo is None:
            raise ValueError("occurred_after has no time zone")
        params = _given(
            limit=limit,
            offset=offset,
            occurred_at={"after": math.floor(occurred_after.timestamp()) - 1},  # Chargebee's "after" excludes
            sort_by={"asc": "occurred_at"},
        )

        return self._list(f"the list of events since {occurred_after.isoformat()}", "event", params)

    def objects(
        self,
        kind: str,
        offset: str | None = None,
        *,
        limit: int = 100,
        updated_after: datetime | None = None,
        statuses: Sequence[str] = (),
        deleted: bool = True,
    ) -> Page:
        """A page of the objects of a kind, those first that changed longest ago; with the `deleted` ones.

        Credit notes stand by date, and cannot be asked for by when they changed: Chargebee sorts them by no more.
        """
        params = _given(
            limit=limit,
            offset=offset,
            sort_by={"asc": "date" if kind == "credit_note" else "updated_at"},
            updated_at={"after": math.floor(updated_after.timestamp()) - 1} if updated_after else None,
            status={"in": list(statuses)} if statuses else None,
            include_deleted=True if deleted else None,
        )
        return self._list(f"the list of {kind.replace('_', ' ')}s", kind, params)

    def _list(self, what: str, kind: str, params: Any) -> Page:
        def read(sdk: Chargebee) -> Page:
            page = getattr(sdk, _resource(kind)).list(params)
            next_offset = page.next_offset
            if next_offset is not None and not isinstance(next_offset, str):
                raise TypeError(f"next_offset is {type(next_offset).__name__}")
            return Page([getattr(row, kind).raw_data for row in page.list], next_offset)

        return self._call(what, read)

    def subscription(self, id: str) -> Raw:
        """`{"subscription": .., "customer": ..}`: a subscription and whose it is."""
        return self._retrieve("subscription", id, "customer")

    def subscription_to_come(self, id: str) -> Raw:
        """A subscription as it will be once its scheduled changes are made: no snapshot of what it is now."""
        return self._retrieve("subscription", id, call="retrieve_with_scheduled_changes")["subscription"]

    def customer(self, id: str) -> Raw:
        """One customer."""
        return self._retrieve("customer", id)["customer"]

    def invoice(self, id: str) -> Raw:
        """One invoice, with what was paid on it."""
        return self._retrieve("invoice", id)["invoice"]

    def transaction(self, id: str) -> Raw:
        """One transaction, with the invoices it paid."""
        return self._retrieve("transaction", id)["transaction"]

    def transactions(self, **exactly: str) -> list[Raw]:
        """Every transaction with just these values, the deleted ones too: `transactions(reference_number="001482")`."""
        found: list[Raw] = []
        params: dict[str, Any] = {name: {"is": value} for name, value in exactly.items()}
        params |= {"limit": 100, "include_deleted": True}
        while True:
            page = self._list(f"the list of transactions with {exactly}", "transaction", params)
            found += page.rows
            if page.next_offset is None:
                return found
            params["offset"] = page.next_offset

    def credit_note(self, id: str) -> Raw:
        """One credit note."""
        return self._retrieve("credit_note", id)["credit_note"]

    def payment_source(self, id: str) -> Raw:
        """One card or bank account on file, masked."""
        return self._retrieve("payment_source", id)["payment_source"]

    def invoice_pdf(self, id: str) -> bytes:
        """The PDF of an invoice: checked to be one, and no bigger than the limit.

        Chargebee answers with a link that works for a while; it is asked for and followed at once.
        """
        from .pdf import fetch_pdf  # its HTTP stack is not needed before

        what = f"the PDF of invoice {id}"
        link = self._pdf_link(what, id)
        with self._told_in_our_words(what):
            return fetch_pdf(
                link,
                what=what,
                hosts=self._pdf_hosts,
                development_url=self.api_url,
                max_bytes=self._pdf_max_bytes,
                seconds=self._pdf_seconds,
            )

    def invoice_pdf_link(self, id: str) -> str:
        """A new link to the PDF of an invoice, for somebody's browser: it works for an hour at most.

        It leads to one of the hosts that PDFs may come from.
        """
        from .pdf import check_link

        what = f"the PDF of invoice {id}"
        link = self._pdf_link(what, id)
        with self._told_in_our_words(what):
            check_link(link, what=what, hosts=self._pdf_hosts, development_url=self.api_url)
        return link

    def _pdf_link(self, what: str, id: str) -> str:
        _check_id(what, id)
        how: Any = {"disposition_type": "attachment"}
        link: str = self._call(what, lambda sdk: sdk.Invoice.pdf(id, how).download.download_url)
        return link

    # Writes

    def write(self, call: Call, key: str, *, good_until: float = math.inf) -> dict[str, Any]:
        """Make a call that changes something; the objects that the answer holds, as the content of an event.

        The same `key` makes the same call once, however often it is made within half an hour. Chargebee mails nobody
        of it: mail is ours. `good_until` is an instant of `time.monotonic`.

        Raises:
            ProviderDown: whether it was carried out is unknown: read before repeating. Past `good_until` nothing left.
            ProviderRefused: nothing was changed.
        """
        what = str(call)
        _check_id(what, call.id)
        headers = {"chargebee-idempotency-key": key, "chargebee-event-email": "all-disabled"}

        def make(sdk: Chargebee) -> dict[str, Any]:
            if time.monotonic() > good_until:
                raise ProviderDown(f"{what}: this process slept, and somebody else may be at it", code="too_late")
            answer = getattr(getattr(sdk, _resource(call.resource)), call.action)(call.id, call.params, headers)
            return {name: shown for name, value in vars(answer).items() if (shown := _shown(value))}

        try:
            return self._call(what, make)
        except ProviderRefused as refused:
            if refused.status != 403:
                raise
            raise ProviderRefused(
                f"{what}: CHARGEBEE_API_KEY may not write (Chargebee answered 403 {refused.code or ''}); make a key "
                f"with full access on site {self.site}, set it, then do this again",
                code=refused.code,
                status=refused.status,
            ) from refused

    # How a call is made

    def _retrieve(self, kind: str, id: str, *beside: str, call: str = "retrieve") -> dict[str, Raw]:
        """The object asked for, by its kind, and the objects that come beside it."""
        what = f"{kind.replace('_', ' ')} {id}"
        _check_id(what, id)

        def read(sdk: Chargebee) -> dict[str, Raw]:
            answer = getattr(getattr(sdk, _resource(kind)), call)(id)
            objects = {name: getattr(answer, name).raw_data for name in (kind, *beside)}
            if objects[kind].get("id") != id:
                raise TypeError("the answer is about another object")
            return objects

        return self._call(what, read)

    def _call(self, what: str, call: Callable[[Chargebee], T]) -> T:
        """What the SDK answers, or the failure in our words. `what` names the thing for the message."""
        if self._pace is None:
            return self._made(what, call)
        self._pace.before_call()
        try:
            return self._made(what, call)
        except ProviderDown as reason:
            if reason.status == 429 and reason.code == "api_request_limit_exceeded":
                self._pace.asked_to_wait(reason.retry_after)
            raise

    def _made(self, what: str, call: Callable[[Chargebee], T]) -> T:
        with self._told_in_our_words(what):
            if self._loopback_host:
                _reach_directly(self._loopback_host)
            sdk = self._sdk
            with _plain_http() if self._plain else nullcontext():
                return call(sdk)

    @contextmanager
    def _told_in_our_words(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ProviderDown, ProviderRefused):
            raise
        except Exception as error:
            if type(error).__name__ == "SoftTimeLimitExceeded":
                raise  # the worker's own alarm, rung by Celery inside whatever runs: not the provider's failure
            raise self._failure(what, error) from error

    @cached_property
    def _sdk(self) -> Chargebee:
        from chargebee import Chargebee
        from chargebee.retry_config import RetryConfig

        # At DEBUG the SDK logs whole bodies, with names and addresses.
        logging.getLogger("chargebee").setLevel(logging.INFO)
        sdk = Chargebee(self._api_key, self.site, protocol="http" if self._plain else "https")
        sdk.update_connect_timeout_secs(self._connect_seconds)
        sdk.update_read_timeout_secs(self._read_seconds)
        sdk.update_retry_config(RetryConfig(enabled=False))  # its retry of a 429 never ends
        if self.api_url:
            sdk.env.api_endpoint = f"{self.api_url}/api/v2"
        return sdk

    def _failure(self, what: str, error: Exception) -> ProviderDown | ProviderRefused:
        import httpx
        from chargebee import APIError

        again = "it is tried again by itself"
        if isinstance(error, APIError):
            return self._told(what, error)
        if isinstance(error, httpx.TimeoutException):
            return ProviderDown(
                f"{what}: Chargebee did not answer in time ({type(error).__name__}); {again}", code="timeout"
            )
        if isinstance(error, httpx.HTTPError):
            return ProviderDown(
                f"{what}: Chargebee cannot be reached ({type(error).__name__}); {again}", code="unreachable"
            )
        # What the SDK raises for a body that is no JSON, is not of Chargebee, or lacks what it must have. The
        # status is lost there: the one in its message is guessed from the text of the body.
        if type(error) is Exception or isinstance(error, TypeError | AttributeError | KeyError | ValueError):
            return ProviderDown(
                f"{what}: Chargebee answered something we do not understand ({type(error).__name__}); {again}, "
                "look at the cause if it stays",
                code="not_understood",
            )
        return ProviderDown(
            f"{what}: the call failed in an unexpected way ({type(error).__name__}); {again}, "
            "look at the cause if it stays",
            code="unexpected",
        )

    def _told(self, what: str, error: APIError) -> ProviderDown | ProviderRefused:
        """The failure that Chargebee itself told."""
        status, code = _status_of(error), str(error.api_error_code or "") or None
        fact = f"Chargebee answered {status} {code or ''}".rstrip()
        refused = status is not None and 400 <= status < 500 and status not in _PASSING_STATUSES
        if not refused or code in _PASSING_CODES:
            wait = _seconds_of(_header(error, "retry-after"))
            after = "" if wait is None else f" (it asks for {wait:g} s)"
            return ProviderDown(
                f"{what}: {fact}{after}; it is tried again by itself", code=code, status=status, retry_after=wait
            )
        words = "".join(c for c in str(error) if c.isprintable())[:200]
        return ProviderRefused(f"{what}: {fact}: {words}; {self._next_step(status)}", code=code, status=status)

    def _next_step(self, status: int | None) -> str:
        if status == 401:
            return f"check that CHARGEBEE_API_KEY is a valid key of site {self.site}"
        if status == 403:
            return "give the API key the right to read it, in Chargebee"
        if status == 404:
            return f"check that it exists on site {self.site}"
        return "look at it in Chargebee, then try again by hand"


def _resource(kind: str) -> str:
    return kind.title().replace("_", "")  # credit_note: sdk.CreditNote


def _shown(value: Any) -> Raw | list[Raw] | None:
    """A member of an answer as Chargebee sent it, an object or several; None: it is no object."""
    if isinstance(value, list):
        return [each.raw_data for each in value]
    shown: Raw | None = getattr(value, "raw_data", None)
    return shown


def _given(**params: Any) -> dict[str, Any]:
    """The parameters that have a value: the SDK would send None as an empty text, which clears a field."""
    return {name: value for name, value in params.items() if value is not None}


def _check_id(what: str, id: str) -> None:
    """Refuse what would change the path of the request: the SDK leaves `/` as it is, httpx resolves `.` and `..`."""
    if (
        not id
        or len(id) > 100
        or id != id.strip()
        or not id.isprintable()
        or set(id) & set("/\\%")
        or not id.strip(".")
    ):
        shown = "".join(c for c in what if c.isprintable())[:120]
        raise ProviderRefused(
            f"{shown}: this id cannot be asked for through the API (1 to 100 printable characters without / \\ %); "
            "look at it in Chargebee",
            code="invalid_id",
        )


def _status_of(error: APIError) -> int | None:
    return error.http_status_code if isinstance(error.http_status_code, int) else None


def _header(error: APIError, name: str) -> str | None:
    value = error.http_headers.get(name) if error.http_headers is not None else None
    return str(value) if value is not None else None


def _seconds_of(retry_after: str | None) -> float | None:
    """A Retry-After header, seconds or a date, as seconds from now; None where it says nothing usable."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return min(float(retry_after), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)


# Another host than Chargebee's (development)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _reach_directly(host: str) -> None:
    """Keep calls to a loopback host away from the proxy of the environment, which a proxy could not reach anyhow.

    httpx reads the proxies from the environment and the SDK has no switch for it, so the host is added to `no_proxy`
    of this process. It stays there: no one wants a loopback host through a proxy.
    """
    proxies = urllib.request.getproxies()
    excepted = proxies.get("no", "")
    if proxies.keys() - {"no"} and not {"*", host} & {name.strip() for name in excepted.split(",")}:
        os.environ["no_proxy"] = f"{excepted},{host}" if excepted else host  # the lower-case name wins


_plain_lock = threading.Lock()
_plain_calls = 0
_verified_before = True


@contextmanager
def _plain_http() -> Iterator[None]:
    """While inside, the SDK may use http.

    It looks at an attribute of its class, not of the client, and forces https while that is true. So the attribute
    is false exactly while calls to a plain-http host are under way, in any thread, and put back by the last of them.
    A gateway to a real site that calls in that window still speaks https and still verifies certificates: httpx does
    it by default, only with the authorities of certifi in place of the SDK's own file.
    """
    global _plain_calls, _verified_before
    from chargebee import Chargebee

    with _plain_lock:
        if _plain_calls == 0:
            _verified_before = Chargebee.verify_ca_certs
            Chargebee.verify_ca_certs = False
        _plain_calls += 1
    try:
        yield
    finally:
        with _plain_lock:
            _plain_calls -= 1
            if _plain_calls == 0:
                Chargebee.verify_ca_certs = _verified_before
