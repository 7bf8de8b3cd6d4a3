"""A real SMTP dialogue, with TLS and a password, cut at each of its points: what becomes of the mail.

What was certainly not accepted is tried again; what may have been is held for a person; what was is sent, once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from emails.senders import SmtpSender
from tests.builders import Quittance, a_customer, an_event, an_invoice

CERTIFICATE = Path(__file__).parent.parent / "emails" / "relay.pem"
AGAIN, HELD, SENT = "new", "held", "sent"
POINTS = {
    "connect": AGAIN,
    "EHLO": AGAIN,
    "STARTTLS": AGAIN,
    "AUTH": AGAIN,
    "MAIL": AGAIN,
    "RCPT": AGAIN,
    "DATA": AGAIN,
    "body": AGAIN,
    "dot": HELD,
    "QUIT": SENT,
}


@dataclass
class Mailbox:
    """What the server accepted, and where it hangs up."""

    cut_at: str | None = None
    taken: list[bytes] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.cut_at == "dot":
            server.transport.abort()
            await asyncio.sleep(0)
            return "250 nobody hears this"
        self.taken.append(envelope.original_content or b"")
        return "250 2.0.0 kept"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"relay@x", b"p:w/d")
        if known:
            self.users.append(data.login)
        return AuthResult(success=known)


def cut_at(name: str) -> Callable[[Cutting, str], Awaitable[None]]:
    """A command of SMTP that hangs up instead of answering, where its mailbox says so."""

    async def answer(server: Cutting, argument: str) -> None:
        if server.box.cut_at == name:
            server.transport.abort()
        else:
            await getattr(SMTP, f"smtp_{name}")(server, argument)

    return answer


class Cutting(SMTP):
    box: Mailbox

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.box.cut_at == "connect":
            transport.abort()

    async def push(self, status: Any) -> None:
        await super().push(status)
        if self.box.cut_at == "body" and str(status).startswith("354"):
            self.transport.abort()  # the message finds nobody

    smtp_EHLO, smtp_STARTTLS, smtp_AUTH = cut_at("EHLO"), cut_at("STARTTLS"), cut_at("AUTH")
    smtp_MAIL, smtp_RCPT, smtp_DATA, smtp_QUIT = cut_at("MAIL"), cut_at("RCPT"), cut_at("DATA"), cut_at("QUIT")


class Server(Controller):
    def factory(self) -> SMTP:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        box: Mailbox = self.handler
        protocol = type("Protocol", (Cutting,), {"box": box})
        return protocol(
            box,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=box.authenticate,
            enable_SMTPUTF8=False,
        )


@contextmanager
def a_mail_server(box: Mailbox) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    server = Server(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield port
    finally:
        server.stop()


@dataclass(frozen=True)
class Heavy:
    """Sends what does not fit in transit, so that its end cannot have left when the server is gone."""

    sender: SmtpSender

    def send(self, message: EmailMessage, confirm: Callable[[], bool]) -> str:
        message.add_attachment(b"%PDF-" + bytes(12_000_000), maintype="application", subtype="pdf")
        return self.sender.send(message, confirm)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mailing(quittance: Quittance, box: Mailbox) -> Iterator[Quittance]:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    with a_mail_server(box) as port:
        sender = SmtpSender("127.0.0.1", port, "starttls", "relay@x", "p:w/d", step_timeout=5, tls=trusting)
        quittance.couriers = replace(quittance.couriers, sender=sender)
        yield quittance


@pytest.mark.parametrize(("point", "state"), POINTS.items())
def test_a_dialogue_that_is_cut_ends_as_far_as_it_came(
    mailing: Quittance, box: Mailbox, point: str, state: str
) -> None:
    box.cut_at = point
    light: Any = mailing.couriers.sender
    if point == "body":
        mailing.couriers = replace(mailing.couriers, sender=Heavy(light))
    mailing.take(an_event(a_customer(), an_invoice(1, paid=6784)))
    assert mailing.rows("select state from outbox") == [state]
    assert len(box.taken) == (1 if state == SENT else 0)
    box.cut_at = None
    mailing.couriers = replace(mailing.couriers, sender=light)
    mailing.hurry()
    assert mailing.rows("select state from outbox") == [HELD if state == HELD else SENT]
    assert len(box.taken) == (0 if state == HELD else 1)
    assert mailing.rows("select kind from findings") == []


def test_the_message_arrives_over_tls_from_the_user_we_are(mailing: Quittance, box: Mailbox) -> None:
    mailing.take(an_event(a_customer(), an_invoice(1, paid=6784)))
    assert box.users == [b"relay@x"]
    assert b"Auto-Submitted: auto-generated" in box.taken[0]
    assert b"Content-Language: fr-CA" in box.taken[0]
    assert b"X-Entity-Ref-ID: invoice:F-1:0" in box.taken[0]


@pytest.mark.long
def test_a_wrong_password_sends_nothing_and_waits_for_the_setting(mailing: Quittance, box: Mailbox) -> None:
    sender: Any = mailing.couriers.sender
    mailing.couriers = replace(mailing.couriers, sender=replace(sender, password="wrong"))
    mailing.take(an_event(a_customer(), an_invoice(1, paid=6784)))
    assert mailing.rows("select state from outbox") == [AGAIN]
    assert box.taken == []
