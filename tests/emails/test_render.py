"""Every kind of e-mail, with every sample, in both languages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2.ext import babel_extract

from billing.errors import NeedsAttention
from billing.merchant import Merchant, Remittance
from billing.money import Money
from emails import format, kinds, samples
from emails import render as rendering
from emails.contexts import Balance, InvoiceContext, Line, PaidWith, Tax
from emails.kinds import AnyKind
from emails.language import LOCALES
from emails.render import Rendered, catalogue, render

SNAPSHOTS = Path(__file__).parent / "snapshots"
TEMPLATES = Path(rendering.__file__).parent / "templates"
NBSP = "\u00a0"

EVERY_SAMPLE = [
    pytest.param(kind, name, locale, id=f"{kind.name}-{name}-{locale}")
    for kind in kinds.ALL
    for name in kind.samples
    for locale in LOCALES
]


def rendered(kind: AnyKind, context: Any, locale: str, **more: Any) -> Rendered:
    return render(kind, context, locale, **({"merchant": samples.MERCHANT, "remittance": samples.REMITTANCE} | more))


def an_invoice(sample: str = "due", **changes: Any) -> InvoiceContext:
    return dataclasses.replace(samples.INVOICE[sample], **changes)


class _Document(HTMLParser):
    """What a reader of the HTML part sees, and how it is built."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "title"):
            self._hidden += 1
        if tag in ("td", "th", "p", "br", "h1", "h2", "tr"):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title"):
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def facts(context: Any, locale: str) -> Iterator[str]:
    """Every amount, date and word of a context, as its readers see it."""
    for field in dataclasses.fields(context):
        value = getattr(context, field.name)
        if field.name == "due_on" and context.variant == "paid":
            continue  # of no interest any more
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Money):
                if item:
                    yield format.money(item, locale).lstrip("-")
            elif isinstance(item, dt.date):
                yield format.day_and_month(item, locale).rstrip(".")
            elif dataclasses.is_dataclass(item):
                yield from facts(item, locale)
            elif isinstance(item, str) and field.name not in ("variant", "offline_method", "method", "name", "brand"):
                yield item.rstrip(".") if field.name == "company" else item


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_every_sample_is_a_sound_mail(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale)
    document = _Document(mail.html)
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


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_both_parts_carry_every_fact_of_the_context(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale)
    shown = _Document(mail.html).text
    for fact in facts(kind.samples[sample], locale):
        assert fact in mail.text
        assert fact in shown


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_the_text_part_has_every_amount_and_date_of_the_html(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale)
    shown = _Document(mail.html).text
    amounts = re.findall(r"-?[\d\u00a0]*\d,\d\d\u00a0\$|-?(?:US)?\$[\d,]+\.\d\d", shown)
    dates = re.findall(r"\d{1,2} \S+ 20\d\d|[A-Z][a-z]{2} \d+, 20\d\d", shown)
    assert amounts or kind is not kinds.invoice
    assert dates or sample == "nothing_known"
    for value in amounts + dates:
        assert value in mail.text


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_links_are_absolute_and_lead_to_mail_or_https_only(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale)
    for tag, attributes in _Document(mail.html).tags:
        assert tag not in ("script", "iframe", "form", "img", "link")
        if "href" in attributes:
            assert re.match(r"https://|mailto:", attributes["href"] or "")
    assert "http://" not in mail.text


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_layout_tables_are_hidden_from_screen_readers_and_data_rows_have_headings(
    kind: AnyKind, sample: str, locale: str
) -> None:
    for tag, attributes in _Document(rendered(kind, kind.samples[sample], locale).html).tags:
        if tag == "table" and attributes.get("class") not in ("lines", "box"):
            assert attributes.get("role") == "presentation"
        if tag == "th":
            assert attributes.get("scope") == "row"


@pytest.mark.parametrize(("kind", "sample", "locale"), EVERY_SAMPLE)
def test_french_and_english_are_set_as_they_should_be(kind: AnyKind, sample: str, locale: str) -> None:
    mail = rendered(kind, kind.samples[sample], locale)
    for part in (mail.subject, mail.text, _Document(mail.html).text):
        assert "'" not in part
        assert not re.search(r"\s[?!;]", part)
        assert "\u202f" not in part
        if locale == "fr_CA":
            assert not re.search(rf"(?<!{NBSP}):(?!//)", part)
            assert "!" not in part
        else:
            assert not re.search(r"\s:", part)


def test_the_paid_invoice_says_what_was_agreed() -> None:
    mail = rendered(kinds.invoice, samples.INVOICE["paid"], "fr_CA")
    assert mail.subject == f"Votre facture F-10391, 67,84{NBSP}$"
    assert (
        "Merci, votre paiement a bien été effectué. La facture est jointe à ce courriel.\n"
        f"Prochaine facturation le 15 févr. 2021{NBSP}: 67,84{NBSP}$.\n" in mail.text
    )
    assert "Payée le 15 janv. 2021 par Visa se terminant par 4242\n" in mail.text
    mail = rendered(kinds.invoice, samples.INVOICE["paid"], "en_CA")
    assert mail.subject == "Your invoice F-10391, $67.84"
    assert (
        "Thank you, your payment went through. The invoice is attached to this email.\n"
        "Next billing on Feb 15, 2021: $67.84.\n" in mail.text
    )


def test_the_invoice_to_pay_reads_as_the_snapshot() -> None:
    mail = rendered(kinds.invoice, samples.INVOICE["due"], "fr_CA")
    assert mail.subject == f"Votre facture F-10428, 3{NBSP}010,09{NBSP}$ à payer le 10 févr. 2021"
    # In the file a no-break space is written "~", so that a reviewer can see it.
    assert mail.text.replace(NBSP, "~") == (SNAPSHOTS / "invoice-due.fr_CA.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("chosen", "first", "sentence"),
    [
        ("check", "Chèque", "Vous avez choisi de payer par chèque. "),
        ("bank_transfer", "Virement bancaire", "Vous avez choisi de payer par virement. "),
        (None, "Virement bancaire", "Vous avez choisi de payer par chèque ou par virement. "),
    ],
)
def test_the_chosen_way_to_pay_comes_first(chosen: Any, first: str, sentence: str) -> None:
    mail = rendered(kinds.invoice, an_invoice(offline_method=chosen), "fr_CA")
    assert sentence in mail.text
    for shown in (mail.text, _Document(mail.html).text):
        ways = re.findall(r"(?m)^\s*(Virement bancaire|Chèque)\b", shown)
        assert ways[0] == first and set(ways) == {"Chèque", "Virement bancaire"}


def test_an_address_of_several_lines_is_one_line_with_commas() -> None:
    several = Remittance(payable_to="Boréal", mail_to="Comptes clients\n100, rue de l’Exemple\nMontréal")
    mail = rendered(kinds.invoice, samples.INVOICE["due"], "fr_CA", remittance=several)
    for part in (mail.text, mail.html):
        assert "Comptes clients, 100, rue de l’Exemple, Montréal" in part


def test_without_bank_details_the_reader_is_told_to_ask() -> None:
    for remittance in (None, Remittance()):
        mail = rendered(kinds.invoice, samples.INVOICE["due"], "fr_CA", remittance=remittance)
        assert "Pour savoir comment procéder, répondez à ce courriel." in mail.text
        assert "COMMENT PAYER" not in mail.text
        assert "Comment payer" not in mail.html


def test_only_what_is_configured_is_in_the_box() -> None:
    cheque_only = Remittance(payable_to="Logiciels Boréal inc.")
    mail = rendered(kinds.invoice, samples.INVOICE["due"], "en_CA", remittance=cheque_only)
    assert "Cheque: payable to Logiciels Boréal inc.\n" in mail.text
    assert "Wire" not in mail.text and "Wire" not in mail.html and "Mail to" not in mail.html
    all_of_it = dataclasses.replace(samples.REMITTANCE, swift="BEXECA99", interac="interac@boreal.example")
    mail = rendered(kinds.invoice, samples.INVOICE["due"], "en_CA", remittance=all_of_it)
    for shown in (mail.text, _Document(mail.html).text):
        assert "BEXECA99" in shown and "interac@boreal.example" in shown


@pytest.mark.parametrize("sample", ["paid", "due"])
def test_an_attachment_is_claimed_only_when_there_is_one(sample: str) -> None:
    with_pdf = rendered(kinds.invoice, an_invoice(sample, attached=True), "fr_CA")
    without = rendered(kinds.invoice, an_invoice(sample, attached=False), "fr_CA")
    for part in ("text", "html"):
        assert "La facture est jointe à ce courriel." in getattr(with_pdf, part)
        assert "jointe" not in getattr(without, part)
        assert "Pour recevoir la facture en PDF, répondez à ce courriel." in getattr(without, part)


def test_thanks_are_given_only_for_a_payment() -> None:
    mail = rendered(kinds.invoice, an_invoice("paid", thanks=False), "fr_CA")
    assert "Cette facture est réglée." in mail.text
    for part in (mail.text, mail.html):
        assert "Merci" not in part and "Payée" not in part


def test_the_next_amount_is_said_only_when_it_is_known() -> None:
    mail = rendered(kinds.invoice, an_invoice("paid", next_billing_amount=None), "en_CA")
    assert "Next billing on Feb 15, 2021.\n" in mail.text
    mail = rendered(kinds.invoice, an_invoice("paid", next_billing_on=None), "en_CA")
    assert "Next billing" not in mail.text + mail.html


def test_without_a_first_name_the_greeting_stands_alone() -> None:
    assert rendered(kinds.invoice, an_invoice(first_name=None), "fr_CA").text.startswith("Bonjour,\n")
    assert rendered(kinds.invoice, an_invoice(first_name=None), "en_CA").text.startswith("Hello,\n")


def test_a_part_payment_leads_to_the_balance() -> None:
    mail = rendered(kinds.invoice, samples.INVOICE["part_paid_by_cheque"], "en_CA")
    assert mail.subject == "Your invoice F-10428, $2,010.09 due Feb 10, 2021"
    assert "Total: $3,010.09\nAmount paid: -$1,000.00\nBalance to pay: $2,010.09\n" in mail.text
    assert re.search(r"<h1[^>]*>\$2,010.09</h1>", mail.html)


@pytest.mark.parametrize(
    ("how", "french"),
    [
        (PaidWith(method="card", brand="american_express", last4="0005"), "par American Express se terminant par 0005"),
        (PaidWith(method="card", brand="other", last4="0005"), "par carte se terminant par 0005"),
        (PaidWith(method="card", brand="visa"), "par Visa"),
        (PaidWith(method="card"), "par carte"),
        (PaidWith(method="check"), "par chèque"),
        (PaidWith(method="check", reference="001482"), f"par chèque no{NBSP}001482"),
        (PaidWith(method="bank_transfer"), "par virement"),
        (PaidWith(method="bank_transfer", reference="W-77"), "par virement, référence W-77"),
        (None, ""),
    ],
)
def test_how_an_invoice_was_paid_is_said_as_far_as_it_is_known(how: PaidWith | None, french: str) -> None:
    mail = rendered(kinds.invoice, an_invoice("paid", paid_with=how), "fr_CA")
    assert f"Payée le 15 janv. 2021 {french}".strip() + "\n" in mail.text


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ({"quantity": 2, "unit_price": Money(2950, "CAD")}, f"2 × 29,50{NBSP}$"),
        ({"quantity": 2, "unit_price": Money(5900, "CAD")}, f"Quantité{NBSP}: 2"),
        ({"quantity": 0}, f"Quantité{NBSP}: 0"),
        ({"starts_on": dt.date(2020, 12, 15), "ends_on": dt.date(2021, 1, 14)}, "Du 15 déc. 2020 au 14 janv. 2021"),
        ({"ends_on": dt.date(2021, 5, 30)}, "Jusqu’au 30 mai 2021"),
        ({"starts_on": dt.date(2021, 5, 30)}, "À partir du 30 mai 2021"),
        ({"detail": "dix séances", "prorated": True}, "Dix séances, frais au prorata"),
        ({}, None),
    ],
)
def test_the_detail_of_a_line(line: dict[str, Any], detail: str | None) -> None:
    context = an_invoice(lines=(Line(description="Licence", amount=Money(5900, "CAD"), **line),))
    mail = rendered(kinds.invoice, context, "fr_CA")
    expected = f"Licence{NBSP}: 59,00{NBSP}$\n" + (f"  {detail}\n" if detail else "") + "TPS"
    assert expected in mail.text


def test_many_lines_are_summed_up_so_that_the_mail_is_never_cut() -> None:
    lines = tuple(
        Line(
            description=f"Ligne {number} " + "très " * 50,
            amount=Money(100, "CAD"),
            quantity=1,
            unit_price=Money(100, "CAD"),
            starts_on=dt.date(2021, 1, 1),
            ends_on=dt.date(2021, 1, 31),
        )
        for number in range(1, 501)
    )
    mail = rendered(kinds.invoice, an_invoice(lines=lines), "fr_CA")
    assert len(mail.html.encode()) < 90_000
    for shown in (mail.text, _Document(mail.html).text):
        assert "Ligne 39 " in shown and "Ligne 40 " not in shown
        assert "Autres lignes de la facture (461)" in shown
        assert f"461,00{NBSP}$" in shown


@pytest.mark.parametrize(("variant", "balance"), [("paid", 1), ("due", 0), ("due", -5)])
def test_a_variant_that_the_balance_contradicts_is_never_written(variant: Any, balance: int) -> None:
    with pytest.raises(NeedsAttention, match="F-10428"):
        an_invoice(variant=variant, balance=Money(balance, "CAD"))


def test_the_scheduled_cancellation_says_what_was_agreed() -> None:
    mail = rendered(kinds.cancellation_scheduled, samples.CANCELLATION_SCHEDULED["nothing_owed"], "fr_CA")
    assert mail.subject == "Votre abonnement sera annulé le 15 févr. 2021"
    assert (
        "Votre abonnement sera annulé le 15 févr. 2021. Vous gardez l’accès jusqu’à cette date et rien d’autre ne vous "
        "sera facturé.\n" in mail.text
    )
    assert "Pour annuler plus tôt, écrivez à notre équipe de soutien (soutien@boreal.example)." in mail.text
    assert f"Motif indiqué{NBSP}: Le produit ne répond plus à nos besoins\n" in mail.text


@pytest.mark.parametrize("balances", [None, (Balance(number="F-1", amount=Money(301009, "CAD")),)])
def test_nothing_more_will_be_billed_is_said_only_when_nothing_is_owed(balances: Any) -> None:
    context = dataclasses.replace(samples.CANCELLATION_SCHEDULED["nothing_owed"], balances=balances)
    mail = rendered(kinds.cancellation_scheduled, context, "fr_CA")
    assert "rien d’autre" not in mail.text + mail.html
    if balances:
        for part in (mail.text, mail.html.replace("&nbsp;", NBSP)):
            assert f"Il reste 3{NBSP}010,09{NBSP}$ à payer sur la facture F-1." in part


@pytest.mark.parametrize("kind", [kinds.cancellation_scheduled, kinds.cancelled])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_term_that_ran_out_is_not_called_a_cancellation(kind: AnyKind, locale: str) -> None:
    mail = rendered(kind, kind.samples["term_ended"], locale)
    for part in (mail.subject, mail.text, _Document(mail.html).text):
        assert not re.search(r"(?i)annul|cancel", part)


def test_the_withdrawn_cancellation_says_what_was_agreed() -> None:
    mail = rendered(kinds.cancellation_removed, samples.CANCELLATION_REMOVED["with_next_billing"], "fr_CA")
    assert mail.subject == "Votre abonnement est conservé"
    assert f"C’est noté{NBSP}: votre abonnement continue." in mail.text
    assert f"Prochaine facturation le 15 févr. 2021{NBSP}: 67,84{NBSP}$." in mail.text


def test_the_end_says_as_planned_only_when_it_was_planned() -> None:
    context = samples.CANCELLED["as_planned"]
    mail = rendered(kinds.cancelled, context, "en_CA")
    assert mail.subject == "Your subscription is cancelled"
    assert "Your subscription ended on Feb 15, 2021, as planned." in mail.text
    mail = rendered(kinds.cancelled, dataclasses.replace(context, planned=False), "en_CA")
    assert "Your subscription ended on Feb 15, 2021. " in mail.text
    assert "planned" not in mail.text + mail.html


@pytest.mark.parametrize("locale", LOCALES)
def test_what_others_wrote_is_escaped_in_html_and_plain_in_text(locale: str) -> None:
    evil = "<b>&{{ 7*7 }}{% raw %}%(number)s\"'"
    context = an_invoice(
        "paid",
        number=evil,
        first_name=evil,
        company=evil,
        lines=(Line(description=evil, detail=evil, amount=Money(1, "CAD")),),
        taxes=(Tax(name=evil, amount=Money(1, "CAD")),),
        paid_with=PaidWith(method="check", reference=evil),
    )
    merchant = Merchant(name=evil, product=evil, address=evil, support_email=evil, tax_numbers=(evil,))
    mail = rendered(kinds.invoice, context, locale, merchant=merchant)
    tags = {tag for tag, _ in _Document(mail.html).tags}
    assert "b" not in tags
    assert "49" not in mail.html
    assert _Document(mail.html).text.count(evil) >= 10
    assert evil in mail.subject
    assert mail.text.count(evil) >= 9
    assert "&lt;" not in mail.text and "&amp;" not in mail.text


def test_control_characters_and_line_ends_of_others_are_spaces() -> None:
    mail = rendered(kinds.invoice, an_invoice(first_name="Marie\r\n\u2028\x00\u202eX", number="F\n1"), "fr_CA")
    assert mail.text.startswith("Bonjour Marie X,\n")
    assert mail.subject.startswith("Votre facture F 1,")


def test_a_merchant_that_gave_nothing_yet_still_has_sound_mails() -> None:
    for kind in kinds.ALL:
        for context in kind.samples.values():
            mail = rendered(kind, context, "fr_CA", merchant=Merchant(), remittance=None)
            assert "()" not in mail.text and ", ," not in mail.text and "mailto:" not in mail.html
            assert not re.search(r"(?m)[(,]$", mail.text.partition("\n")[2])


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


def messages_of_the_templates() -> set[str]:
    found = set()
    for path in TEMPLATES.rglob("*"):
        if path.is_file():
            with path.open("rb") as source:
                options = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
                for _, _, message, _ in babel_extract(source, ("_", "gettext", "ngettext"), [], options):
                    found.add(message if isinstance(message, str) else message[0])
    return found


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_of_the_templates_is_translated_and_no_other_is_kept(locale: str) -> None:
    translated = catalogue(locale)
    assert set(translated) == messages_of_the_templates()
    assert [message for message, words in translated.items() if not words.strip()] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_has_the_places_of_its_message_and_no_markup(locale: str) -> None:
    for message, words in catalogue(locale).items():
        assert sorted(re.findall(r"%\(\w+\)s", message)) == sorted(re.findall(r"%\(\w+\)s", words))
        assert not re.search(r"[<>&{}]", words)
        assert words == words.strip()


def test_each_kind_is_found_by_its_name_and_has_its_templates() -> None:
    for kind in kinds.ALL:
        assert kinds.named(kind.name) is kind
        assert kind.samples
        for file in ("subject.txt", "body.txt", "body.html"):
            assert (TEMPLATES / kind.name / file).is_file()
    with pytest.raises(KeyError):
        kinds.named("no_such_kind")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(scheme: str) -> None:
    css = re.sub(r"/\*.*?\*/", "", (TEMPLATES.parent / "email.css").read_text("utf-8"))
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    colours: dict[tuple[str, str], str] = {}
    for sheet in [light, dark] if scheme == "dark" else [light]:
        for selectors, rules in re.findall(r"([^{}]+)\{([^{}]+)\}", sheet.split("@media")[0].lstrip(" {")):
            for name, colour in re.findall(r"(?<![\w-])(background-color|color): (#\w{6})", rules):
                for selector in selectors.split(","):
                    colours[selector.strip(), name] = colour
    grounds = {
        ".page": [".foot", ".foot a", ".wordmark"],
        ".card": ["td", ".amount", ".fact", ".eyebrow", ".heading", ".note", ".signature", "a", ".lines td"],
        ".box": [".box th", ".box td"],
    } | {own: [own] for own in (".ok", ".warn", ".plain", ".initial")}
    for ground, texts in grounds.items():
        for text in texts:
            assert contrast(colours[ground, "background-color"], colours[text, "color"]) >= 4.5, (ground, text)
