"""Every kind of e-mail, with every sample, in both languages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import html5lib
import pytest

from billing.merchant import Merchant
from billing.money import Money
from emails import format, kinds, samples
from emails.kinds import AnyKind
from emails.language import LOCALES
from emails.links import Links
from emails.render import LONGEST
from tests.emails.mails import NBSP, Document, rendered, sampled

SNAPSHOTS = Path(__file__).parent / "snapshots"

Check = Callable[[AnyKind, str, str], None]


def of_every_sample(check: Check) -> Callable[[AnyKind, str], None]:
    """A test of each kind in each language, which holds every sample of it to this check."""

    @pytest.mark.parametrize("locale", LOCALES)
    @pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
    def test(kind: AnyKind, locale: str) -> None:
        for sample in kind.samples:
            try:
                check(kind, sample, locale)
            except AssertionError as failed:
                failed.add_note(f"in the sample {sample} of {kind.name}, {locale}")
                raise

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test


def facts(context: Any, locale: str) -> Iterator[str]:
    """Every amount, date and word of a context, as its readers see it."""
    for field in dataclasses.fields(context):
        value = getattr(context, field.name)
        if field.name == "due_on" and getattr(context, "variant", "due") == "paid":
            continue  # of no interest any more
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Money):
                if item:
                    yield format.money(item, locale).lstrip("-")
            elif isinstance(item, dt.date):
                said = format.month if field.name == "month" else format.day_and_month
                yield said(item, locale).rstrip(".")
            elif dataclasses.is_dataclass(item):
                yield from facts(item, locale)
            elif isinstance(item, str) and not _is_a_word_of_ours(context, field.name):
                yield item.rstrip(".") if field.name == "company" else item


def _is_a_word_of_ours(context: Any, name: str) -> bool:
    """Whether readers see it in other words: a code, or a name that has one in each language."""
    return name in ("name", "brand") or "Literal" in repr(get_type_hints(type(context))[name])


@of_every_sample
def test_every_sample_is_a_sound_mail(kind: AnyKind, sample: str, locale: str) -> None:
    mail, document = sampled(kind, sample, locale)
    for part in (mail.subject, mail.text, mail.html):
        assert "{{" not in part and "{%" not in part
        assert "None" not in part and "Undefined" not in part
    assert mail.subject == mail.subject.strip() and "\n" not in mail.subject
    assert len(mail.subject) <= 70
    assert not re.search(r"</?[a-z]+[^>]*>", mail.text)
    assert "&" not in mail.text.replace("Test & Sons", "")
    assert mail.text.endswith("\n") and "\n\n\n" not in mail.text
    assert not re.search(r"[^\S\n\u00a0]\n|  (?=\S)(?<!\n  )", mail.text)
    assert ("html", {"lang": locale.replace("_", "-")}.items() <= document.tags[0][1].items()) == ("html", True)
    assert [tag for tag, _ in document.tags].count("h1") == 1
    assert len(mail.html.encode()) < 90_000
    assert "color-scheme" in mail.html and "prefers-color-scheme" in mail.html


@of_every_sample
def test_both_parts_carry_every_fact_of_the_context(kind: AnyKind, sample: str, locale: str) -> None:
    mail, document = sampled(kind, sample, locale)
    shown = document.plain
    for fact in facts(kind.samples[sample], locale):
        assert fact in mail.text
        assert fact.replace(NBSP, " ") in shown


@of_every_sample
def test_the_text_part_has_every_amount_and_date_of_the_html(kind: AnyKind, sample: str, locale: str) -> None:
    mail, document = sampled(kind, sample, locale)
    shown, text = document.plain, mail.text.replace(NBSP, " ")
    amounts = re.findall(r"-?[\d ]*\d,\d\d \$|-?(?:US)?\$[\d,]+\.\d\d", shown)
    dates = re.findall(r"\d{1,2} \S+ 20\d\d|[A-Z][a-z]{2} \d+, 20\d\d", shown)
    assert amounts or kind.category in ("subscription", "staff") or kind is kinds.payment_method_expiring
    for value in amounts + dates:
        assert value.strip() in text


@of_every_sample
def test_links_are_absolute_https_and_stand_in_both_parts(kind: AnyKind, sample: str, locale: str) -> None:
    mail, document = sampled(kind, sample, locale)
    assert not {tag for tag, _ in document.tags} & {"script", "iframe", "form", "img", "link"}
    web = {link for link in document.links if not link.startswith("mailto:")}
    assert web and all(re.match(r"https://[^/]+/", link) for link in web)
    assert web == set(re.findall(r"[a-z]+://\S+", mail.text))
    assert samples.LINKS.other_language in web


@of_every_sample
def test_without_links_nothing_leads_anywhere(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale, links=Links())
    assert all(link.startswith("mailto:") for link in Document(mail.html).links)
    assert "://" not in mail.text


@of_every_sample
def test_layout_tables_are_hidden_from_screen_readers_and_data_rows_have_headings(
    kind: AnyKind, sample: str, locale: str
) -> None:
    for tag, attributes in sampled(kind, sample, locale)[1].tags:
        if tag == "table" and attributes.get("class") not in ("lines", "box"):
            assert attributes.get("role") == "presentation"
        if tag == "th":
            assert attributes.get("scope") == "row"


@of_every_sample
def test_french_and_english_are_set_as_they_should_be(kind: AnyKind, sample: str, locale: str) -> None:
    mail, document = sampled(kind, sample, locale)
    for part in (mail.subject, mail.text, document.text):
        assert "'" not in part
        assert not re.search(r"\s[?!;]", part)
        assert "\u202f" not in part
        if locale == "fr_CA":
            assert not re.search(rf"(?<!{NBSP}):(?!//)", re.sub(r"(?m)^French: .*|^English version: .*", "", part))
            assert "!" not in part
        else:
            assert not re.search(r"\s:", part)


@of_every_sample
def test_the_html_is_as_browsers_read_it(kind: AnyKind, sample: str, locale: str) -> None:
    parser = html5lib.HTMLParser()
    parser.parse(sampled(kind, sample, locale)[0].html)
    assert [(code, place) for place, code, _ in parser.errors] == []


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_the_text_of_the_first_sample_reads_as_the_snapshot(kind: AnyKind) -> None:
    """To write them anew: UPDATE_SNAPSHOTS=1 ./dev test tests/emails. A no-break space is written "~", to be seen."""
    mails = [sampled(kind, next(iter(kind.samples)), locale)[0] for locale in LOCALES]
    text = f"\n{'=' * 80}\n".join(f"{mail.subject}\n\n{mail.text}" for mail in mails).replace(NBSP, "~")
    file = SNAPSHOTS / f"{kind.name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


HOSTILE = [
    "Société <script>alert(1)</script>",
    "=?utf-8?q?Bcc=3A_victim=40example.org?=",
    "\u202egnirts\u202c \u200fabc\u200e \u061cX",
    "x" * 10_000,
    "Ligne 1\r\nBcc: victim@example.org\n\nLigne 2\u2028\x00\x85",
    "{{ 7 * 7 }}{% raw %}%(number)s",
    "</style><!-- <img src=x onerror=alert(1)>\"'",
    "\ud800 seul",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_hostile_texts_come_out_harmless(kind: AnyKind, hostile: str) -> None:
    for name, context in kind.samples.items():
        mail = rendered(kind, _with_text(context, hostile), "fr_CA", links=samples.LINKS)
        document, (_, sound) = Document(mail.html), sampled(kind, name, "fr_CA")
        assert {tag for tag, _ in document.tags} <= {tag for tag, _ in sound.tags} | {"br"}
        assert len(document.links) == len(sound.links)
        assert len(mail.html.encode()) < 90_000
        assert len(mail.subject) <= LONGEST and "=?" not in mail.subject and "49" not in mail.subject
        for part in (mail.subject, mail.text, mail.html):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e]", part)
        assert "\n" not in mail.subject
        assert not re.search(r"(?m)^Bcc", mail.text)
        assert "&lt;" not in mail.text


def _with_text(value: Any, text: str) -> Any:
    """The same context with that text in the place of every text that others wrote."""
    if isinstance(value, tuple):
        return tuple(text if isinstance(item, str) else _with_text(item, text) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type | Money):
        return value
    changed = {
        field.name: text if isinstance(had := getattr(value, field.name), str) else _with_text(had, text)
        for field in dataclasses.fields(value)
        if "Literal" not in repr(get_type_hints(type(value))[field.name])
    }
    return dataclasses.replace(value, **changed)


def test_a_merchant_that_gave_nothing_yet_still_has_sound_mails() -> None:
    for kind in kinds.ALL:
        for context in kind.samples.values():
            mail = rendered(kind, context, "fr_CA", merchant=Merchant(), remittance=None)
            assert "mailto:" not in mail.html or getattr(context, "address", None)
            assert "()" not in mail.text and ", ," not in mail.text and " ." not in mail.text
            assert not re.search(r"(?m)[(,]$", mail.text.partition("\n")[2])
