"""Sending: what each fault of a relay, at each step, means for the message."""

from __future__ import annotations

import io
import smtplib
import ssl
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from billing.errors import NeedsAttention, NotYet
from emails.message import build, message_id
from emails.render import Rendered
from emails.senders import (
    ConsoleSender,
    FileSender,
    MemorySender,
    NullSender,
    OutcomeUnknown,
    SendAborted,
    Sender,
    SmtpSender,
    sender_for,
)
from tests.emails.relay import CUT, DRIP, STALL, Relay

CERTIFICATE = Path(__file__).parent / "relay.pem"
BEFORE_THE_BODY = ["greeting", "EHLO", "MAIL", "RCPT", "DATA"]


def a_message(*, text: str = "Bonjour", attachment: bytes | None = None) -> EmailMessage:
    return build(
        Rendered(subject="Votre facture F-10391, 67,84\u00a0$", text=text, html="<p>Bonjour</p>"),
        sender="facturation@boreal.example",
        recipient="marie@test1234.example",
        reply_to=None,
        message_id=message_id("invoice/F-10391/0", "boreal.example"),
        locale="fr_CA",
        key="invoice/F-10391/0",
        attachment=attachment,
        attachment_name="Facture-F-10391.pdf",
    )


def yes() -> bool:
    return True


def a_sender(relay: Relay, **settings: Any) -> Sender:
    return sender_for(f"smtp://127.0.0.1:{relay.port}", **{"step_timeout": 10.0, "total_timeout": 30.0} | settings)


def test_a_message_arrives_whole_and_the_relays_answer_comes_back() -> None:
    with Relay() as relay:
        answer = a_sender(relay).send(a_message(text="un\n.\n..deux\nété\n", attachment=b"%PDF-1.7\n" * 100), yes)
    assert answer == "250 2.0.0 queued as 4F2A"
    [body] = relay.messages
    arrived = message_from_bytes(body.replace(b"\r\n..", b"\r\n.").removesuffix(b".\r\n"), policy=SMTP)
    text = arrived.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == "un\n.\n..deux\nété\n"
    [pdf] = arrived.iter_attachments()
    assert pdf.get_content() == b"%PDF-1.7\n" * 100
    assert "MAIL FROM:<facturation@boreal.example> SIZE=" in " ".join(relay.heard).replace("mail", "MAIL")
    assert any(line.upper() == "RCPT TO:<MARIE@TEST1234.EXAMPLE>" for line in relay.heard)
    assert relay.heard[-1].upper() == "QUIT"


def test_lines_that_begin_with_a_dot_are_doubled_on_the_wire() -> None:
    with Relay() as relay:
        a_sender(relay).send(a_message(text=".\n.deux\n"), yes)
    assert b"\r\n..\r\n..deux\r\n" in relay.messages[0]


@pytest.mark.parametrize("step", BEFORE_THE_BODY)
@pytest.mark.parametrize("fault", [CUT, STALL])
def test_a_relay_lost_before_the_body_is_safe_to_try_again(step: str, fault: str) -> None:
    with Relay(script={step: fault}) as relay, pytest.raises(NotYet):
        a_sender(relay, step_timeout=0.4 if fault == STALL else 10).send(a_message(), yes)
    assert relay.dots == 0


def test_a_relay_that_cannot_be_reached_is_safe_to_try_again() -> None:
    with Relay() as relay:
        port = relay.port
    with pytest.raises(NotYet, match="cannot reach the mail server"):
        sender_for(f"smtp://127.0.0.1:{port}").send(a_message(), yes)


@pytest.mark.parametrize("cut_in_body", [0, 3000])
def test_a_relay_lost_in_the_middle_of_the_body_is_safe_to_try_again(cut_in_body: int) -> None:
    with Relay(cut_in_body=cut_in_body) as relay, pytest.raises(NotYet, match="while the message was being sent"):
        a_sender(relay).send(a_message(attachment=b"%PDF-" + bytes(6_000_000)), yes)
    assert relay.dots == 0


@pytest.mark.parametrize("fault", [CUT, STALL])
def test_a_relay_lost_after_the_final_dot_leaves_the_outcome_unknown(fault: str) -> None:
    with Relay(script={"dot": fault}) as relay, pytest.raises(OutcomeUnknown):
        a_sender(relay, step_timeout=0.4 if fault == STALL else 10).send(a_message(), yes)
    assert relay.dots == 1


@pytest.mark.parametrize("answer", ["2", "25", "hello", "354 more?", "251 else", "999 what", "250" + "-" * 9000])
def test_an_answer_after_the_final_dot_that_cannot_be_read_leaves_the_outcome_unknown(answer: str) -> None:
    with Relay(script={"dot": answer, "after dot": CUT}) as relay, pytest.raises(OutcomeUnknown):
        a_sender(relay).send(a_message(), yes)


def test_a_time_limit_that_strikes_while_the_answer_is_awaited_leaves_the_outcome_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class TimeLimit(Exception):
        pass

    codes: list[int] = []
    real = smtplib.SMTP.getreply

    def struck(self: smtplib.SMTP) -> tuple[int, bytes]:
        if codes and codes[-1] == 354:
            raise TimeLimit
        code, said = real(self)
        codes.append(code)
        return code, said

    monkeypatch.setattr(smtplib.SMTP, "getreply", struck)
    with Relay() as relay, pytest.raises(OutcomeUnknown):
        a_sender(relay).send(a_message(), yes)


def test_a_relay_lost_after_it_accepted_the_message_changes_nothing() -> None:
    with Relay(script={"after dot": CUT}) as relay:
        assert a_sender(relay).send(a_message(), yes).startswith("250")
    assert len(relay.messages) == 1


@pytest.mark.long
def test_a_relay_that_stalls_at_the_goodbye_changes_nothing() -> None:
    with Relay(script={"QUIT": STALL}) as relay:
        assert a_sender(relay).send(a_message(), yes).startswith("250")


@pytest.mark.parametrize("step", [*BEFORE_THE_BODY, "dot"])
def test_a_refusal_for_now_is_tried_again(step: str) -> None:
    script = {step: "451 4.3.0 later"} | ({"HELO": "451 4.3.0 later"} if step == "EHLO" else {})
    with Relay(script=script) as relay, pytest.raises(NotYet, match="451"):
        a_sender(relay).send(a_message(), yes)
    assert relay.messages == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "dot"])
def test_a_lasting_refusal_of_the_message_needs_attention(step: str) -> None:
    with Relay(script={step: "550 5.1.1 no such mailbox"}) as relay, pytest.raises(NeedsAttention, match="550"):
        a_sender(relay).send(a_message(), yes)
    assert relay.messages == []


@pytest.mark.parametrize("step", ["greeting", "EHLO"])
def test_a_relay_that_refuses_us_rather_than_the_message_is_tried_again(step: str) -> None:
    with Relay(script={step: "554 no service", "HELO": "554 no service"}) as relay, pytest.raises(NotYet):
        a_sender(relay).send(a_message(), yes)


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_relay_that_wants_us_to_sign_in_is_tried_again(step: str) -> None:
    with Relay(script={step: "530 5.7.0 authentication required"}) as relay, pytest.raises(NotYet):
        a_sender(relay).send(a_message(), yes)


def test_a_refusal_is_told_without_the_address_that_it_repeats() -> None:
    with (
        Relay(script={"RCPT": "550 <marie@test1234.example>: no"}) as relay,
        pytest.raises(NeedsAttention) as told,
    ):
        a_sender(relay).send(a_message(), yes)
    assert "marie" not in str(told.value)
    assert "(address)" in str(told.value)


def test_a_relay_that_drips_cannot_hold_us_past_the_whole_time() -> None:
    with Relay(script={"MAIL": DRIP}) as relay, pytest.raises(NotYet):
        a_sender(relay, step_timeout=5, total_timeout=0.5).send(a_message(), yes)


def test_a_relay_that_drips_after_the_final_dot_leaves_the_outcome_unknown() -> None:
    with Relay(script={"dot": DRIP}) as relay, pytest.raises(OutcomeUnknown):
        a_sender(relay, step_timeout=5, total_timeout=0.5).send(a_message(), yes)


def test_confirm_is_asked_after_the_recipient_and_before_data_and_no_aborts() -> None:
    with Relay() as relay:
        heard: list[str] = []

        def no() -> bool:
            heard.extend(relay.heard)
            return False

        with pytest.raises(SendAborted):
            a_sender(relay).send(a_message(), no)
    assert heard[-1].upper().startswith("RCPT")
    assert "DATA" not in [line.upper() for line in relay.heard]
    assert relay.messages == []


def test_a_confirm_that_fails_sends_nothing() -> None:
    def broken() -> bool:
        raise RuntimeError("the database is away")

    with Relay() as relay, pytest.raises(RuntimeError):
        a_sender(relay).send(a_message(), broken)
    assert relay.dots == 0


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def serving() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_starttls_and_sign_in_come_before_the_message() -> None:
    with Relay(script={"EHLO": "250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN"}, tls=serving()) as relay:
        sender = SmtpSender("127.0.0.1", relay.port, "starttls", "user@x", "p:w/d", tls=trusting())
        assert sender.send(a_message(), yes).startswith("250")
    words = [line.split()[0].upper() for line in relay.heard]
    assert words == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


def test_tls_from_the_start_delivers() -> None:
    with Relay(tls=serving(), tls_from_the_start=True) as relay:
        assert SmtpSender("127.0.0.1", relay.port, "tls", tls=trusting()).send(a_message(), yes).startswith("250")


@pytest.mark.parametrize("fault", [CUT, DRIP])
def test_over_tls_too_a_loss_after_the_final_dot_leaves_the_outcome_unknown(fault: str) -> None:
    with Relay(script={"dot": fault}, tls=serving(), tls_from_the_start=True) as relay:
        sender = SmtpSender("127.0.0.1", relay.port, "tls", tls=trusting(), total_timeout=0.7 if fault == DRIP else 30)
        with pytest.raises(OutcomeUnknown):
            sender.send(a_message(), yes)
    assert relay.dots == 1


def test_over_tls_too_a_loss_in_the_body_is_safe_to_try_again() -> None:
    with Relay(cut_in_body=3000, tls=serving(), tls_from_the_start=True) as relay, pytest.raises(NotYet):
        sender = SmtpSender("127.0.0.1", relay.port, "tls", tls=trusting())
        sender.send(a_message(attachment=b"%PDF-" + bytes(6_000_000)), yes)
    assert relay.dots == 0


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_relay_whose_certificate_is_not_trusted_gets_nothing(security: Any) -> None:
    script = {"EHLO": "250-relay\r\n250 STARTTLS"}
    with Relay(script=script, tls=serving(), tls_from_the_start=security == "tls") as relay, pytest.raises(NotYet):
        SmtpSender("127.0.0.1", relay.port, security).send(a_message(), yes)
    assert not any(line.upper().startswith("MAIL") for line in relay.heard)


def test_a_relay_without_starttls_gets_nothing_when_starttls_is_asked_for() -> None:
    with Relay() as relay, pytest.raises(NotYet):
        sender_for(f"smtp+starttls://user:secret@127.0.0.1:{relay.port}").send(a_message(), yes)
    assert [line.split()[0].upper() for line in relay.heard][:1] == ["EHLO"]
    assert not any(line.upper().startswith(("AUTH", "MAIL")) for line in relay.heard)


def test_a_refused_password_waits_for_the_setting_to_be_mended() -> None:
    with Relay(script={"AUTH": "535 5.7.8 wrong"}) as relay, pytest.raises(NotYet, match="535") as told:
        sender_for(f"smtp://user:secret@127.0.0.1:{relay.port}").send(a_message(), yes)
    assert "secret" not in str(told.value)


def test_the_user_and_password_of_the_url_are_decoded_and_never_shown() -> None:
    sender = sender_for("smtp+starttls://user%40boreal.example:p%3Aw%2Fd%40@mail.example")
    assert isinstance(sender, SmtpSender)
    assert (sender.user, sender.password, sender.port, sender.security) == (
        "user@boreal.example",
        "p:w/d@",
        587,
        "starttls",
    )
    assert "p:w/d" not in repr(sender)


@pytest.mark.parametrize(("url", "port"), [("smtp://h", 25), ("smtps://h", 465), ("smtp://h:2525", 2525)])
def test_each_scheme_has_its_port(url: str, port: int) -> None:
    sender = sender_for(url)
    assert isinstance(sender, SmtpSender)
    assert sender.port == port


@pytest.mark.parametrize(
    "url", ["", "mail.example", "smtp://", "imap://user:secret@h", "file://relative/x", "smtp://u:secret@h:port"]
)
def test_a_url_that_is_no_sender_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="MAIL_URL") as told:
        sender_for(url)
    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_file_sender_keeps_whole_messages_each_under_its_own_name(tmp_path: Path) -> None:
    sender = sender_for(f"file://{tmp_path}/with%20space")
    assert isinstance(sender, FileSender)
    for _ in range(3):
        assert sender.send(a_message(), yes).startswith("kept as ")
    kept = sorted((tmp_path / "with space").iterdir())
    assert [path.suffix for path in kept] == [".eml"] * 3
    assert message_from_bytes(kept[0].read_bytes(), policy=SMTP)["To"] == "marie@test1234.example"


def test_a_file_sender_without_its_directory_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotYet):
        FileSender(tmp_path / "taken" / "mail").send(a_message(), yes)


def test_the_console_shows_the_text_part() -> None:
    out = io.StringIO()
    ConsoleSender(out).send(a_message(text="Bonjour Marie,", attachment=b"%PDF-"), yes)
    assert "To: marie@test1234.example" in out.getvalue()
    assert "Attached: Facture-F-10391.pdf" in out.getvalue()
    assert "Bonjour Marie," in out.getvalue()


@pytest.mark.parametrize("make", [lambda: sender_for("null:"), lambda: sender_for("console:"), MemorySender])
def test_every_stand_in_asks_confirm_and_aborts(make: Callable[[], Sender], capsys: pytest.CaptureFixture[str]) -> None:
    sender = make()
    with pytest.raises(SendAborted):
        sender.send(a_message(), lambda: False)
    assert capsys.readouterr().out == ""


def test_a_file_sender_that_is_told_no_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(SendAborted):
        FileSender(tmp_path).send(a_message(), lambda: False)
    assert list(tmp_path.iterdir()) == []


def test_null_drops_and_memory_keeps() -> None:
    memory = MemorySender()
    assert NullSender().send(a_message(), yes) == "dropped"
    assert memory.send(a_message(), yes) == "kept as number 1"
    assert len(memory.sent) == 1


def test_a_message_to_two_addresses_is_never_sent() -> None:
    message = a_message()
    message.replace_header("To", "a@x.example, b@x.example")
    with Relay() as relay, pytest.raises(NeedsAttention):
        a_sender(relay).send(message, yes)
    assert relay.heard == []
