"""Who calls: HTTP Basic credentials, which are all the proof that Chargebee gives, and the caller's address."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection, Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_authentic(authorization: str | None, credentials: Iterable[tuple[str, str]]) -> bool:
    """Whether an Authorization header names one of the pairs.

    Every pair is compared to its end, whichever matches, so that time tells nothing. `authorization` is the header as
    WSGI passes it: bytes as Latin-1 text.
    """
    given = _basic(authorization or "")
    if given is None:
        return False
    user, password = given
    matched = False
    for known_user, known_password in credentials:
        same_user = hmac.compare_digest(user, known_user.encode())
        same_password = hmac.compare_digest(password, known_password.encode())
        matched |= same_user & same_password
    return matched


def _basic(authorization: str) -> tuple[bytes, bytes] | None:
    scheme, _, token = authorization.strip(" \t").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(token.strip(" \t").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None


def caller(peer: str | None, forwarded_for: str | None, trusted_proxies: int) -> Address | None:
    """The address that calls, or None where it cannot be known.

    Behind `trusted_proxies` proxies, each adds the address it was called from at the end of X-Forwarded-For; what
    stands before those entries was written by the caller, and is not believed.
    """
    if trusted_proxies == 0:
        return _address(peer or "")
    entries = (forwarded_for or "").split(",")
    return _address(entries[-trusted_proxies]) if len(entries) >= trusted_proxies else None


def is_allowed(address: Address | None, networks: Collection[Network]) -> bool:
    """Whether the address may call. Without networks every address may."""
    return not networks or (address is not None and any(address in network for network in networks))


def _address(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):  # [2001:db8::1]:443, as some proxies write it
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 203.0.113.7:443
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
