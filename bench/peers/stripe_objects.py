"""What Stripe sends and answers, as the peers take it: a customer, an account, a signed `customer.updated`.

Standard library only: the peers' own environments import this too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

SIGNING_SECRET = "whsec_bench"
API_VERSION = "2024-06-20"
CUSTOMERS = 200
ADDRESS = {
    "city": "Montréal",
    "country": "CA",
    "line1": "1, rue du Port",
    "line2": None,
    "postal_code": "H2Y 1A1",
    "state": "QC",
}


def account() -> dict[str, Any]:
    return {
        "id": "acct_bench",
        "object": "account",
        "business_profile": {"name": "Bench"},
        "settings": {"branding": {}, "dashboard": {"display_name": "Bench"}},
        "country": "CA",
        "default_currency": "cad",
        "details_submitted": True,
        "charges_enabled": True,
        "payouts_enabled": True,
        "type": "standard",
        "email": "bench@example.com",
        "metadata": {},
    }


def customer(id: str) -> dict[str, Any]:
    """A customer of some 2 KB, as long as one of Chargebee's."""
    return {
        "id": id,
        "object": "customer",
        "address": ADDRESS,
        "balance": 0,
        "created": 1_760_000_000,
        "currency": "cad",
        "default_source": None,
        "delinquent": False,
        "description": "a customer " + "x" * 400,
        "discount": None,
        "email": f"{id}@example.com",
        "invoice_prefix": "ABCDEF12",
        "livemode": False,
        "invoice_settings": {
            "custom_fields": None, "default_payment_method": None, "footer": "f" * 300, "rendering_options": None,
        },
        "metadata": {f"key{number}": "v" * 40 for number in range(12)},
        "name": "Ada Tremblay",
        "next_invoice_sequence": 2,
        "phone": None,
        "preferred_locales": ["fr-CA"],
        "shipping": {"address": ADDRESS, "name": "Ada Tremblay", "phone": ""},
        "tax_exempt": "none",
        "test_clock": None,
    }  # fmt: skip


def updates(count: int) -> Iterator[tuple[bytes, str]]:
    """Bodies and signatures of so many `customer.updated`, spread over the customers; no id is used twice."""
    first = time.time_ns() // 1000
    for number in range(first, first + count):
        event = {
            "id": f"evt_{number}",
            "object": "event",
            "api_version": API_VERSION,
            "created": 1_760_000_000,
            "type": "customer.updated",
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": f"req_{number}", "idempotency_key": None},
            "data": {
                "object": customer(f"cus_bench{number % CUSTOMERS:05d}"),
                "previous_attributes": {"description": "before"},
            },
        }
        body = json.dumps(event, separators=(",", ":")).encode()
        yield body, _signature(body)


def _signature(body: bytes) -> str:
    at = int(time.time())
    digest = hmac.new(SIGNING_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Stripe's API as a WSGI application: each object read is answered at once, which flatters whoever asks."""
    path = environ["PATH_INFO"]
    if path.startswith("/v1/customers/"):
        found: dict[str, Any] | None = customer(path.rsplit("/", 1)[1])
    else:
        found = account() if path.startswith("/v1/account") else None
    body = json.dumps(found or {}).encode()
    status = "200 OK" if found else "404 Not Found"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
