"""Headers: what must be there, and what nobody can smuggle in."""

from __future__ import annotations

import datetime as dt
import hashlib
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32
from email.utils import parseaddr
from typing import Any

import pytest

from billing.errors import NeedsAttention
from emails.message import attachment_name, build, message_id
from emails.render import Rendered

KEY = "invoice/F-10428/0"
OURS = {
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "content-language",
    "auto-submitted",
    "x-entity-ref-id",
    "mime-version",
    "content-type",
}


def a_message(subject: str = "Votre facture F-10428", **more: Any) -> EmailMessage:
    values: dict[str, Any] = {
        "sender": "facturation@boreal.example",
        "sender_name": "Logiciels Boréal inc.",
        "recipient": "marie@test1234.example",
        "reply_to": "finance@boreal.example",
        "message_id": message_id(KEY, "boreal.example"),
        "locale": "fr_CA",
        "key": KEY,
        "sent_at": dt.datetime(2021, 1, 11, 14, 0, tzinfo=dt.UTC),
        "attachment": b"%PDF-1.7",
        "attachment_name": "Facture-F-10428.pdf",
    }
    return build(Rendered(subject=subject, text="Bonjour", html="<p>Bonjour</p>"), **(values | more))


def on_the_wire(message: EmailMessage) -> EmailMessage:
    """The message as a reader gets it."""
    read = message_from_bytes(message.as_bytes(policy=SMTP), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


def test_every_header_of_an_invoice() -> None:
    read = on_the_wire(a_message())
    assert {name.lower() for name in read.keys()} == OURS  # noqa: SIM118 (a message is no mapping)
    assert read["From"] == '"Logiciels Boréal inc." <facturation@boreal.example>'
    assert read["To"] == "marie@test1234.example"
    assert read["Reply-To"] == "finance@boreal.example"
    assert read["Date"].datetime == dt.datetime(2021, 1, 11, 14, 0, tzinfo=dt.UTC)
    assert read["Message-ID"] == f"<{hashlib.sha256(KEY.encode()).hexdigest()[:32]}@boreal.example>"
    assert read["Content-Language"] == "fr-CA"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Entity-Ref-ID"] == KEY


def test_the_parts_are_text_then_html_then_the_pdf() -> None:
    read = on_the_wire(a_message())
    assert [part.get_content_type() for part in read.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    [pdf] = read.iter_attachments()
    assert pdf.get_filename() == "Facture-F-10428.pdf"
    assert pdf.get_content() == b"%PDF-1.7"


def test_without_a_pdf_there_is_no_attachment() -> None:
    read = on_the_wire(a_message(attachment=None))
    assert list(read.iter_attachments()) == []
    assert read.get_content_type() == "multipart/alternative"
    assert read["Content-Language"] == "fr-CA"


@pytest.mark.parametrize(
    "subject",
    [
        "Votre facture F-10428, 3\u00a0010,09\u00a0$ à payer le 10 févr. 2021",
        "é" * 200,
        "Votre abonnement prend fin " + "très " * 40 + "bientôt",
        "Facture 😀 l’été",
    ],
)
def test_a_subject_with_accents_is_read_back_as_it_was_written(subject: str) -> None:
    raw = a_message(subject).as_bytes(policy=SMTP)
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert on_the_wire(a_message(subject))["Subject"] == subject


@pytest.mark.parametrize("name", ['Boréal, "les logiciels" (inc.)', "A@B", "Plain Ltd.", "<x@y.example>", "Très " * 30])
def test_the_merchants_name_is_read_back_as_it_was_written(name: str) -> None:
    # Read the plain way: the newer parser puts blanks where a long name was folded.
    plain = message_from_bytes(a_message(sender_name=name).as_bytes(policy=SMTP), policy=compat32)
    read_name, address = parseaddr(str(plain["From"]))
    assert str(make_header(decode_header(read_name))) == name.strip()
    assert address == "facturation@boreal.example"


def test_a_sender_with_a_name_of_its_own_keeps_it() -> None:
    [sender] = on_the_wire(a_message(sender="Facturation Boréal <facturation@boreal.example>"))["From"].addresses
    assert sender.display_name == "Facturation Boréal"


@pytest.mark.parametrize(
    "evil",
    [
        "F-1\r\nBcc: thief@evil.example",
        "F-1\nBcc: thief@evil.example",
        "F-1\rBcc: thief@evil.example",
        "F-1\u0085Bcc: thief@evil.example",
        "F-1\u2028Bcc: thief@evil.example",
        "F-1\u2029Bcc: thief@evil.example",
        "F-1\x0b\x0c\x1c\x1d\x1eBcc: thief@evil.example",
        "F-1\x00Bcc: thief@evil.example",
        "F-1\r\n\r\n<script>body</script>",
        "é\r\nBcc: thief@evil.example",
    ],
)
@pytest.mark.parametrize("where", ["subject", "key", "sender_name"])
def test_a_line_end_in_any_text_adds_no_header(where: str, evil: str) -> None:
    message = a_message(**{where: evil})
    for read in (on_the_wire(message), on_the_wire(on_the_wire(message))):
        assert {name.lower() for name in read.keys()} == OURS  # noqa: SIM118 (a message is no mapping)
        assert read.get_body(("plain",)).get_content().strip() == "Bonjour"  # type: ignore[union-attr]
        assert [address.addr_spec for address in read["To"].addresses] == ["marie@test1234.example"]


@pytest.mark.parametrize(
    "evil",
    [
        "=?utf-8?q?F-1=0d=0aBcc:_thief@evil.example?=",
        "F-1 =?utf-8?b?DQpCY2M6IHRoaWVmQGV2aWwuZXhhbXBsZQ==?=",
        "=\x00?utf-8?q?=0aBcc:_x?=",
        "=\u2028?utf-8?q?=0aBcc:_x?=",
    ],
)
@pytest.mark.parametrize("where", ["subject", "key", "sender_name", "recipient", "reply_to", "message_id"])
def test_an_encoded_word_that_somebody_else_wrote_adds_no_header(where: str, evil: str) -> None:
    try:
        read = on_the_wire(a_message(**{where: evil}))
    except NeedsAttention:
        return
    assert {name.lower() for name in read.keys()} == OURS  # noqa: SIM118 (a message is no mapping)
    assert "=?" not in read[{"sender_name": "From", "key": "X-Entity-Ref-ID"}.get(where, where.replace("_", "-"))]


@pytest.mark.parametrize("where", ["subject", "key", "sender_name"])
def test_an_encoded_word_is_refused(where: str) -> None:
    with pytest.raises(NeedsAttention, match="encoded word"):
        a_message(**{where: "=?utf-8?q?F=0aBcc:_x?="})


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "marie",
        "marie@",
        "@test1234.example",
        "a@x.example, b@x.example",
        "a@x.example;b@x.example",
        "a@x.example b@x.example",
        "a@x.example\r\nBcc: b@x.example",
        "a@x.example\nb@x.example",
        "group: a@x.example;",
        "Marie <marie@test1234.example>",
        "<marie@test1234.example>",
        "a@b@x.example",
        "a@x..example",
        "a..b@x.example",
        "marié@test1234.example",
        "=?utf-8?q?a=0a?=@x.example",
        "a@[127.0.0.1]",
        "a@" + "x" * 64 + ".example",
    ],
)
def test_a_recipient_that_is_not_one_address_is_refused_without_being_repeated(recipient: str) -> None:
    with pytest.raises(NeedsAttention, match="recipient") as told:
        a_message(recipient=recipient)
    assert not recipient or recipient not in str(told.value)


@pytest.mark.parametrize(
    ("recipient", "sent_to"),
    [
        (" marie+factures@test1234.example ", "marie+factures@test1234.example"),
        ("o'neil@x.example", "o'neil@x.example"),
        ("marie@société.example", "marie@xn--socit-esab.example"),
    ],
)
def test_one_address_is_taken(recipient: str, sent_to: str) -> None:
    [address] = on_the_wire(a_message(recipient=recipient))["To"].addresses
    assert address.addr_spec == sent_to


def test_an_attachment_is_named_in_the_readers_language_and_safely() -> None:
    assert attachment_name("F-10428", "fr_CA") == "Facture-F-10428.pdf"
    assert attachment_name("F-10428", "en_CA") == "Invoice-F-10428.pdf"
    assert attachment_name('../a/"b"\r\n=?x', "en_CA") == "Invoice-a-b-x.pdf"
    assert attachment_name("é", "fr_CA") == "Facture-PDF.pdf"


@pytest.mark.parametrize("evil", ["<a@b>\r\nBcc: x@y.example", "<a\n@b>", "<é@b>", "a@b", "<=?utf-8?q?=0a?=@b>", ""])
def test_a_message_id_of_another_form_is_refused(evil: str) -> None:
    with pytest.raises(NeedsAttention, match="Message-ID"):
        a_message(message_id=evil)


def test_the_same_key_has_the_same_message_id_and_another_has_another() -> None:
    assert message_id(KEY, "boreal.example") == message_id(KEY, "boreal.example")
    assert message_id(KEY, "boreal.example") != message_id("invoice/F-10428/1", "boreal.example")


@pytest.mark.parametrize("answers", ["<a@b>\r\nBcc: evil@x.example", "<=?utf-8?q?a?=@b>", "no id", "<a@b> <c@d>", ""])
def test_a_mail_is_shown_under_one_well_formed_message_id_or_under_none(answers: str) -> None:
    def built() -> EmailMessage:
        words = Rendered(subject="Paiement reçu", text="Bonjour", html="<p>Bonjour</p>")
        return build(
            words,
            sender="facturation@boreal.example",
            recipient="marie@test1234.example",
            reply_to=None,
            message_id=message_id("k", "boreal.example"),
            locale="fr_CA",
            key="k",
            answers=answers,
        )

    if answers:
        with pytest.raises(NeedsAttention):
            built()
    else:
        assert "In-Reply-To" not in built() and "References" not in built()
