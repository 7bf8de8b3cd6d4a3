"""How a mail is made: escaping, templates of the merchant, catalogues, colours."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2.ext import babel_extract

from billing.merchant import Merchant
from billing.money import Money
from emails import kinds, samples
from emails import render as rendering
from emails.contexts import Line, PaidWith, Tax
from emails.language import LOCALES
from emails.render import catalogue
from tests.emails.mails import Document, rendered

TEMPLATES = Path(rendering.__file__).parent / "templates"


@pytest.mark.parametrize("locale", LOCALES)
def test_what_others_wrote_is_escaped_in_html_and_plain_in_text(locale: str) -> None:
    evil = "<b>&{{ 7*7 }}{% raw %}%(number)s\"'"
    context = dataclasses.replace(
        samples.INVOICE["paid"],
        number=evil,
        first_name=evil,
        company=evil,
        lines=(Line(description=evil, detail=evil, amount=Money(1, "CAD")),),
        taxes=(Tax(name=evil, amount=Money(1, "CAD")),),
        paid_with=PaidWith(method="check", reference=evil),
    )
    merchant = Merchant(name=evil, product=evil, address=evil, support_email=evil, tax_numbers=(evil,))
    mail = rendered(kinds.invoice, context, locale, merchant=merchant)
    tags = {tag for tag, _ in Document(mail.html).tags}
    assert "b" not in tags
    assert "49" not in mail.html
    assert Document(mail.html).text.count(evil) >= 10
    assert evil in mail.subject
    assert mail.text.count(evil) >= 9
    assert "&lt;" not in mail.text and "&amp;" not in mail.text


def test_control_characters_and_line_ends_of_others_are_spaces() -> None:
    mail = rendered(
        kinds.invoice,
        dataclasses.replace(samples.INVOICE["paid"], first_name="Marie\r\n\u2028\x00\u202eX", number="F\n1"),
        "fr_CA",
    )
    assert mail.text.startswith("Bonjour Marie X,\n")
    assert mail.subject.startswith("Votre facture F 1,")


def test_a_template_of_the_merchant_is_used_before_ours(tmp_path: Path) -> None:
    (tmp_path / "cancelled").mkdir()
    (tmp_path / "cancelled" / "subject.txt").write_text("Au revoir {{ mail.first_name }}, {{ mail.effective_on|date }}")
    mail = rendered(kinds.cancelled, samples.CANCELLED["as_planned"], "fr_CA", template_dir=tmp_path)
    assert mail.subject == "Au revoir Marie, 15 févr. 2021"
    assert "Votre abonnement a pris fin" in mail.text


def test_a_template_that_asks_for_what_is_not_there_fails(tmp_path: Path) -> None:
    (tmp_path / "cancelled").mkdir()
    (tmp_path / "cancelled" / "subject.txt").write_text("{{ mail.no_such_field }}")
    with pytest.raises(jinja2.UndefinedError):
        rendered(kinds.cancelled, samples.CANCELLED["as_planned"], "fr_CA", template_dir=tmp_path)


def test_a_context_of_another_kind_and_a_locale_that_is_not_written_are_refused() -> None:
    with pytest.raises(TypeError, match="takes CancelledContext"):
        rendered(kinds.cancelled, samples.INVOICE["paid"], "fr_CA")
    with pytest.raises(ValueError, match="fr_CA, en_CA"):
        rendered(kinds.cancelled, samples.CANCELLED["as_planned"], "fr_FR")


def messages_of_the_templates() -> set[tuple[str, ...]]:
    """Each message, and beside it its plural where it has one."""
    found = set()
    for path in TEMPLATES.rglob("*"):
        if path.is_file():
            with path.open("rb") as source:
                options = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
                for _, _, message, _ in babel_extract(source, ("_", "gettext", "ngettext"), [], options):
                    parts = (message,) if isinstance(message, str) else message
                    found.add(tuple(part for part in parts if part is not None))
    return found


def translations(locale: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    return {_forms(message.id): _forms(message.string) for message in catalogue(locale) if message.id}


def _forms(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_of_the_templates_is_translated_and_no_other_is_kept(locale: str) -> None:
    translated = translations(locale)
    assert set(translated) == messages_of_the_templates()
    for message, words in translated.items():
        assert len(words) == len(message) and all(form.strip() for form in words)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_has_the_places_of_its_message_and_no_markup(locale: str) -> None:
    for message, words in translations(locale).items():
        for form in words:
            assert sorted(re.findall(r"%\(\w+\)s", message[0])) == sorted(re.findall(r"%\(\w+\)s", form))
            assert not re.search(r"[<>&{}]", form)
            assert form == form.strip()


def test_each_kind_is_found_by_its_name_and_has_its_templates() -> None:
    for kind in kinds.ALL:
        assert kinds.named(kind.name) is kind
        assert kind.samples
        for file in ("subject.txt", "body.txt", "body.html"):
            assert (TEMPLATES / kind.name / file).is_file()
    with pytest.raises(KeyError):
        kinds.named("no_such_kind")


@pytest.mark.parametrize("locale", LOCALES)
def test_no_line_breaks_within_an_invoice_number(locale: str) -> None:
    mail = rendered(kinds.payment_received, samples.PAYMENT_RECEIVED["several_invoices"], locale)
    pieces = re.findall(r"(class=\"whole\" style=\"white-space: ?nowrap;?\">)?F-10377", mail.html)
    assert len(pieces) == 4 and all(pieces)
    assert "<" not in mail.text


def test_a_number_too_long_for_a_line_may_break() -> None:
    long = dataclasses.replace(samples.REMINDER_1["3_days"], number="F-" + "1" * 40)
    mail = rendered(kinds.reminder_1, long, "fr_CA")
    assert "F-1111" in mail.html and 'class="whole"' not in mail.html


def test_what_is_taken_off_has_a_true_minus_sign() -> None:
    mail = rendered(kinds.invoice, samples.INVOICE["paid_by_cheque"], "fr_CA")
    for part in (mail.text, Document(mail.html).text):
        assert "\u22121\u00a0180,00\u00a0$" in part and "-1" not in part.replace("F-1", "")
