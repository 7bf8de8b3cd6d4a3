"""Hands messages to a mail relay, or to what stands in for one, and says exactly how far each attempt came.

A relay cannot have taken a message whose final dot never left, so a fault before it is safe to try again. After it,
with no answer, nobody can know: that is OutcomeUnknown, and a person decides.
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol, TextIO
from urllib.parse import unquote, urlsplit

from billing.errors import NeedsAttention, NotYet

STEP_TIMEOUT = 20.0
TOTAL_TIMEOUT = 60.0

_SECURITY: dict[str, Literal["starttls", "tls"] | None] = {"smtp": None, "smtps": "tls", "smtp+starttls": "starttls"}
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}

# Replies about us and the relay, never about this message: a setting is wrong, and mail waits until it is mended.
_ABOUT_SIGNING_IN = {530, 534, 535, 538}
_RECIPIENT = "the recipient"
_ENHANCED = re.compile(r"\b5\.([0-9]{1,3})\.([0-9]{1,3})\b")
_ABOUT_US = re.compile(r"relay|black ?list|block|spam|reputation|polic|\brate\b|authenticat|\b(spf|dkim|dmarc)\b", re.I)
_ADDRESS = re.compile(r"[^\s<>\"',;:]+@[^\s<>\"',;]+")


class OutcomeUnknown(Exception):
    """The message may have been accepted: the connection ended after the final dot and before the relay's answer."""


class RecipientRefused(NeedsAttention):
    """The relay said that there is no such mailbox: a hard bounce. No mail will reach this address."""

    def __init__(self, answer: str) -> None:
        super().__init__(f"the mail server refused {_RECIPIENT}: {answer}")
        self.answer = answer


class SendAborted(Exception):
    """`confirm` said no just before the message would have left. Nothing was sent."""


class Sender(Protocol):
    """Something that takes messages."""

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Send to the one address in To, and return what the relay answered.

        `confirm` is called once, just before the message leaves.

        Raises:
            SendAborted: `confirm` returned False.
            NotYet: the message was certainly not accepted, and may be tried again.
            NeedsAttention: the relay refused the sender, the recipient or the message for good.
            RecipientRefused: the same, because the address is dead.
            OutcomeUnknown: the message may have been accepted; do not repeat it.
        """
        ...


def sender_for(
    mail_url: str,
    *,
    step_timeout: float = STEP_TIMEOUT,
    total_timeout: float = TOTAL_TIMEOUT,
    host_name: str | None = None,
) -> Sender:
    """The sender for a MAIL_URL.

    `smtp://`, `smtps://` (TLS from the start) and `smtp+starttls://` take `user:password@host:port`, percent-encoded;
    `file:///directory` keeps `.eml` files; `console:` prints; `null:` drops. `host_name` is what we call ourselves to a
    relay.

    Raises:
        ValueError: the URL is none of these. The message never shows the password.
    """
    try:
        parts = urlsplit(mail_url)
        port = parts.port
    except ValueError:
        raise ValueError("MAIL_URL cannot be read; write e.g. smtp+starttls://user:password@host:587") from None
    match parts.scheme:
        case "smtp" | "smtps" | "smtp+starttls" if parts.hostname:
            return SmtpSender(
                host=parts.hostname,
                port=port or _PORTS[parts.scheme],
                security=_SECURITY[parts.scheme],
                user=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password or ""),
                step_timeout=step_timeout,
                total_timeout=total_timeout,
                host_name=host_name or _own_name(),
            )
        case "file" if parts.path.startswith("/") and parts.netloc in ("", "localhost"):
            return FileSender(Path(unquote(parts.path)))
        case "console":
            return ConsoleSender()
        case "null":
            return NullSender()
    raise ValueError(
        f"MAIL_URL of scheme {parts.scheme!r} cannot be used; write smtp://host:25, smtps://host:465, "
        "smtp+starttls://host:587, file:///directory, console: or null:"
    )


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """Speaks SMTP, one connection a message: one that has been idle fails in ways that a new one cannot.

    `security` is None, "starttls" (refused by the relay: nothing is sent) or "tls" from the start. No step takes longer
    than `step_timeout` seconds, and the whole dialogue no longer than `total_timeout`.
    """

    host: str
    port: int
    security: Literal["starttls", "tls"] | None = None
    user: str | None = None
    password: str = field(default="", repr=False)
    step_timeout: float = STEP_TIMEOUT
    total_timeout: float = TOTAL_TIMEOUT
    host_name: str = "[127.0.0.1]"
    tls: ssl.SSLContext | None = field(default=None, repr=False)  # None: whom the system trusts

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Send one message in one connection. See Sender.send."""
        envelope_from, envelope_to = _only_address(message, "From"), _only_address(message, "To")
        body = message.as_bytes(policy=SMTP)
        with closing(self._dial()) as relay:
            self._introduce(relay)
            size = [f"SIZE={len(body)}"] if relay.has_extn("size") else []
            _expect((250,), "the sender", lambda: relay.mail(envelope_from, size))
            _expect((250, 251, 252), _RECIPIENT, lambda: relay.rcpt(envelope_to))
            if not confirm():
                _leave(relay)
                raise SendAborted("the message is no longer ours to send; nothing was sent")
            _expect((354,), "the message", lambda: relay.docmd("DATA"))
            answer = _hand_over(relay, body)
            _leave(relay)
            return answer

    def _dial(self) -> _Dialogue:
        try:
            if self.security == "tls":
                return _TlsDialogue(self, context=self.tls or ssl.create_default_context())
            return _Dialogue(self)
        except (OSError, smtplib.SMTPException) as problem:
            raise NotYet(f"cannot reach the mail server: {_said(problem)}") from problem

    def _introduce(self, relay: _Dialogue) -> None:
        """Say EHLO, start TLS, sign in. What fails here is about the relay or our settings, so mail waits: NotYet."""
        try:
            relay.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                relay.starttls(context=self.tls or ssl.create_default_context())
                relay.ehlo_or_helo_if_needed()
            if self.user is not None:
                relay.login(self.user, self.password)
        except (OSError, smtplib.SMTPException) as problem:
            raise NotYet(f"the mail server did not let us in: {_said(problem)}") from problem


class _Dialogue(smtplib.SMTP):
    """A connection that is cut when the time for the whole dialogue is over, whatever it waits for then.

    A timeout of the socket alone would start again with each byte that a slow relay sends.
    """

    def __init__(self, sender: SmtpSender, **more: Any) -> None:
        self._end_of_time = threading.Timer(sender.total_timeout, self._cut)
        self._end_of_time.daemon = True
        self._end_of_time.start()
        try:
            super().__init__(
                sender.host, sender.port, local_hostname=sender.host_name, timeout=sender.step_timeout, **more
            )
        except BaseException:
            self.close()
            raise

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                # Of the plain class: an SSLSocket's own shutdown would go on in the clear.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self._end_of_time.cancel()
        super().close()


class _TlsDialogue(_Dialogue, smtplib.SMTP_SSL):
    """The same, with TLS from the start."""


def _expect(codes: tuple[int, ...], refused: str, ask: Callable[[], tuple[int, bytes]]) -> None:
    """Ask the relay one thing before the message is sent; `refused` is what a lasting refusal would be of."""
    try:
        code, said = ask()
    except (OSError, smtplib.SMTPException) as problem:
        raise NotYet(f"the mail server was lost before the message was sent: {_said(problem)}") from problem
    if code not in codes:
        _refuse(refused, code, said)


def _hand_over(relay: _Dialogue, body: bytes) -> str:
    """Send the message and its final dot, and return the relay's answer."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", body).removesuffix(b"\r\n") + b"\r\n"
    try:
        relay.send(re.sub(rb"(?m)^\.", b"..", lines))
    except (OSError, smtplib.SMTPException) as problem:
        raise NotYet(f"the mail server was lost while the message was being sent: {_said(problem)}") from problem
    try:
        try:
            relay.send(b".\r\n")
        except (OSError, smtplib.SMTPException) as problem:
            raise NotYet(f"the mail server was lost before the message was complete: {_said(problem)}") from problem
        code, said = relay.getreply()
    except NotYet:
        raise
    except Exception as problem:  # also a time limit of the task: the dot may have left
        raise OutcomeUnknown(f"no answer came after the message was sent: {_said(problem)}") from problem
    if code == 250:
        return f"{code} {in_plain_words(said)}"
    if 400 <= code <= 599:
        _refuse("the message", code, said)
    raise OutcomeUnknown(f"the answer after the message was sent cannot be read: {code} {in_plain_words(said)}")


def _refuse(what: str, code: int, said: bytes) -> NoReturn:
    answer = f"{code} {in_plain_words(said)}"
    if 500 <= code <= 599 and code not in _ABOUT_SIGNING_IN:
        if what == _RECIPIENT and _is_dead(code, answer):
            raise RecipientRefused(answer)
        raise NeedsAttention(f"the mail server refused {what}: {answer}")
    raise NotYet(f"the mail server did not take {what} now: {answer}")


def _is_dead(code: int, answer: str) -> bool:
    """Is a refusal of the recipient about the address itself?

    Enhanced status codes say so (RFC 3463: 5.1 addressing, 5.2.0 and 5.2.1 the mailbox). A full mailbox, a policy or
    a relay that does not know us is no fault of the address: believing it would silence every customer at once.
    """
    if enhanced := _ENHANCED.search(answer):
        return enhanced[1] == "1" or (enhanced[1], enhanced[2]) in (("2", "0"), ("2", "1"))
    return code in (550, 551, 553) and not _ABOUT_US.search(answer)


def _leave(relay: _Dialogue) -> None:
    """Say goodbye; whether it is heard changes nothing, so little time and no fault is given to it."""
    with suppress(Exception):
        if relay.sock is not None:
            relay.sock.settimeout(2)
        relay.quit()


def _only_address(message: EmailMessage, header: str) -> str:
    addresses: tuple[Address, ...] = getattr(message[header], "addresses", ())
    if len(addresses) != 1:
        raise NeedsAttention(f"an e-mail has {len(addresses)} addresses in {header}; it must have exactly one")
    address = str(addresses[0].addr_spec)
    if not address.isascii():
        raise NeedsAttention(f"the address in {header} of an e-mail is not in ASCII; relays would refuse it")
    return address


def _said(problem: BaseException) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {in_plain_words(problem.smtp_error)}"
    return in_plain_words(str(problem) or type(problem).__name__)


def in_plain_words(said: bytes | str) -> str:
    """A relay's words on one short line of ASCII, without the addresses that relays like to repeat."""
    text = said if isinstance(said, str) else said.decode("ascii", "replace")
    return _ADDRESS.sub("(address)", " ".join(re.sub(r"[^ -~]+", " ", text).split()))[:300]


def _own_name() -> str:
    """What we call ourselves to a relay, found without asking the network."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


@dataclass(frozen=True, slots=True)
class FileSender:
    """Keeps each message as one `.eml` file, whole or not at all."""

    directory: Path

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Write one file. See Sender.send."""
        _only_address(message, "To")
        _confirmed(confirm)
        name = f"{time.time_ns()}-{os.getpid()}-{threading.get_ident()}.eml"
        part = self.directory / f".{name}.part"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as kept:
                kept.write(message.as_bytes(policy=SMTP))
                kept.flush()
                os.fsync(kept.fileno())
            part.replace(self.directory / name)
        except OSError as problem:
            raise NotYet(f"cannot keep mail in {self.directory}: {problem.strerror or problem}") from problem
        return f"kept as {name}"


@dataclass(frozen=True, slots=True)
class ConsoleSender:
    """Prints the text part, for a developer to read."""

    stream: TextIO | None = None

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Print one message. See Sender.send."""
        _confirmed(confirm)
        text = message.get_body(("plain",))
        attached = ", ".join(str(part.get_filename()) for part in message.iter_attachments()) or "nothing"
        print(
            f"From: {message['From']}\nTo: {message['To']}\nSubject: {message['Subject']}\nAttached: {attached}",
            text.get_content() if text else "",
            sep="\n\n",
            file=self.stream or sys.stdout,
            flush=True,
        )
        return "printed"


@dataclass(frozen=True, slots=True)
class NullSender:
    """Drops every message."""

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Drop one message. See Sender.send."""
        _confirmed(confirm)
        return "dropped"


@dataclass(frozen=True, slots=True)
class MemorySender:
    """Keeps messages in a list, for tests and previews."""

    sent: list[EmailMessage] = field(default_factory=list)

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        """Keep one message. See Sender.send."""
        _only_address(message, "To")
        _confirmed(confirm)
        self.sent.append(message)
        return f"kept as number {len(self.sent)}"


def _confirmed(confirm: Callable[[], bool]) -> None:
    if not confirm():
        raise SendAborted("the message is no longer ours to send; nothing was sent")
