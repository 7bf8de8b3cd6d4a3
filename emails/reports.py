"""What a mail relay reports after it took a mail: which addresses it came back from for good.

Postmark posts its own JSON. Amazon SES speaks through SNS, which wraps SES's JSON as text in its own, or posts it bare.
A mailbox that is full, an auto-reply or a delay is no dead address: only what the relay itself calls lasting counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .senders import in_plain_words

# Postmark, "Bounce types": what it calls hard, and an address that cannot exist.
_POSTMARK_HARD = frozenset({"HardBounce", "BadEmailAddress"})
_ADDRESS = re.compile(r"[!-~]{1,64}@[!-~]{1,255}")
# Amazon's own hosts and nothing else: a person will open it.
_SNS_URL = re.compile(r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/\?[!-~]{1,1500}")


class NotAReport(ValueError):
    """Nothing that we can read as a report. The message says what is wrong and repeats none of it."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """Addresses that mail came back from for good. `reason` is what the relay heard, without addresses."""

    relay: str  # postmark, ses
    addresses: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ToConfirm:
    """SNS asks whether it may send reports of this topic here; yes is said by opening the URL."""

    topic: str
    url: str


@dataclass(frozen=True, slots=True)
class OfNoConcern:
    """A report that changes nothing for us, and why."""

    why: str


Report = Bounced | ToConfirm | OfNoConcern


def read(raw: bytes) -> Report:
    """Read a report as it was posted.

    Raises:
        NotAReport: of neither relay, or without what a report must have.
    """
    body = _object(raw)
    if body.get("Type") == "SubscriptionConfirmation":
        return _to_confirm(body)
    if body.get("Type") == "Notification" and isinstance(body.get("Message"), str):
        body = _object(body["Message"])
    if kind := body.get("notificationType") or body.get("eventType"):
        return _ses(body) if kind == "Bounce" else OfNoConcern("no bounce")
    if "RecordType" in body or "MessageID" in body:
        return _postmark(body) if body.get("RecordType", "Bounce") == "Bounce" else OfNoConcern("no bounce")
    raise NotAReport("neither Postmark nor Amazon SES writes reports like this; check what posts here")


def _postmark(body: dict[str, Any]) -> Report:
    # Inactive: Postmark sends nothing there any more, whatever the reason.
    kind = body.get("Type")
    is_hard = isinstance(kind, str) and kind in _POSTMARK_HARD
    if not is_hard and body.get("Inactive") is not True:
        return OfNoConcern("it may pass: not a hard bounce")
    reason = body.get("Details") or body.get("Description") or body.get("Name") or "hard bounce"
    return Bounced("postmark", (_address(body.get("Email")),), in_plain_words(str(reason)))


def _ses(body: dict[str, Any]) -> Report:
    bounce = body.get("bounce")
    if not isinstance(bounce, dict):
        raise NotAReport("a bounce of Amazon SES without `bounce`")
    if bounce.get("bounceType") != "Permanent":
        return OfNoConcern("it may pass: not a permanent bounce")
    recipients = bounce.get("bouncedRecipients")
    if not isinstance(recipients, list) or not all(isinstance(each, dict) for each in recipients) or not recipients:
        raise NotAReport("a bounce of Amazon SES without `bouncedRecipients`")
    reason = recipients[0].get("diagnosticCode") or bounce.get("bounceSubType") or "permanent bounce"
    addresses = tuple(_address(each.get("emailAddress")) for each in recipients)
    return Bounced("ses", addresses, in_plain_words(str(reason)))


def _to_confirm(body: dict[str, Any]) -> Report:
    topic, url = str(body.get("TopicArn", ""))[:300], body.get("SubscribeURL")
    if not isinstance(url, str) or not _SNS_URL.fullmatch(url):
        raise NotAReport("a subscription to confirm at an address that is not Amazon SNS's own")
    return ToConfirm(in_plain_words(topic), url)


def _address(text: Any) -> str:
    plain = text.strip() if isinstance(text, str) else ""
    if not _ADDRESS.fullmatch(plain):
        raise NotAReport("a bounce of something that is not an address")
    return plain


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAReport("it is not JSON") from None
    if not isinstance(body, dict):
        raise NotAReport("it is JSON but no object")
    return body
