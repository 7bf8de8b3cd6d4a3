"""Puts a rendered e-mail under its headers.

Headers may carry text that a provider or a customer wrote, so whatever could start another header is taken out or
refused here, in one place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from billing.errors import NeedsAttention

from .render import Rendered

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_MESSAGE_ID = re.compile(r"<[!-~]+@[!-~]+>")
_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def message_id(key: str, domain: str) -> str:
    """The Message-ID of an outbox key: the same at every attempt, so that a mail server can tell a repeat."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def attachment_name(number: str, locale: str) -> str:
    """The file name of an invoice's PDF: `Facture-F-10428.pdf` or `Invoice-F-10428.pdf`."""
    word = "Facture" if locale.startswith("fr") else "Invoice"
    return f"{word}-{_UNSAFE_IN_FILE_NAME.sub('-', number).strip('-.') or 'PDF'}.pdf"


def build(
    rendered: Rendered,
    *,
    sender: str,
    recipient: str,
    reply_to: str | None,
    message_id: str,
    locale: str,
    key: str,
    attachment: bytes | None = None,
    attachment_name: str | None = None,
    sender_name: str | None = None,
    sent_at: dt.datetime | None = None,
    answers: str | None = None,
) -> EmailMessage:
    """The whole message, ready to send: text and HTML parts, and the PDF where there is one.

    `sender` is an address or `Name <address>`; `sender_name` (the merchant) is used where it has no name. `sent_at` is
    for the Date header, now if absent. `answers` is the Message-ID of the mail that this one is shown under.

    Raises:
        NeedsAttention: the recipient is not exactly one address, or a header would carry an encoded word (`=?`) that
            somebody else wrote.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = _sender(sender, sender_name)
    made["To"] = _address("recipient", recipient)
    if reply_to:
        made["Reply-To"] = _address("reply-to", reply_to)
    made["Subject"] = _header("Subject", rendered.subject)
    made["Date"] = format_datetime((sent_at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC))
    made["Message-ID"] = _checked_message_id(message_id)
    if answers:
        made["In-Reply-To"] = made["References"] = _checked_message_id(answers)
    made["Auto-Submitted"] = "auto-generated"
    made["X-Entity-Ref-ID"] = _header("X-Entity-Ref-ID", key)
    made.set_content(rendered.text, cte="quoted-printable")
    made.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    if attachment is not None:
        made.add_attachment(
            attachment,
            maintype="application",
            subtype="pdf",
            filename=_UNSAFE_IN_FILE_NAME.sub("-", attachment_name or "document.pdf"),
        )
    # Last: making a message multipart moves its Content- headers into the first part.
    made["Content-Language"] = locale.replace("_", "-")
    return made


def _header(name: str, text: str) -> str:
    """The text as a header may carry it, without control characters or line ends."""
    plain = _UNPRINTABLE.sub(" ", text).strip()
    if "=?" in plain:
        raise NeedsAttention(f"the {name} of an e-mail would hold an encoded word (=?); correct the text it comes from")
    return plain


def _checked_message_id(text: str) -> str:
    if not _MESSAGE_ID.fullmatch(text) or "=?" in text:
        raise NeedsAttention("the Message-ID of an e-mail is not <text@domain> in ASCII; correct MAIL_DOMAIN")
    return text


def _sender(sender: str, given_name: str | None) -> Address:
    own_name, addr_spec = parseaddr(sender)
    address = _address("sender", addr_spec)
    name = _header("From", own_name or given_name or "")
    return Address(display_name=name, username=address.username, domain=address.domain)


def _address(role: str, text: str) -> Address:
    """Exactly one address. What is wrong with one that is refused is said without repeating it."""
    plain = text.strip()
    local, _, domain = plain.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
        if _UNPRINTABLE.search(plain) or "=?" in plain or not local.isascii() or not _DOMAIN.fullmatch(domain):
            raise ValueError
        return Address(addr_spec=f"{local}@{domain}")
    except (ValueError, IndexError, AttributeError, MessageError) as problem:
        raise NeedsAttention(
            f"the {role} of an e-mail is not one address that mail can be sent to; correct it where it is kept"
        ) from problem
