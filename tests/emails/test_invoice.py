"""What the mail of an invoice says: paid, to pay, in part paid; how to pay; how its lines read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import Any

import pytest

from billing.errors import NeedsAttention
from billing.merchant import Remittance
from billing.money import Money
from emails import kinds, samples
from emails.contexts import InvoiceContext, Line, PaidWith
from tests.emails.mails import NBSP, Document, rendered


def an_invoice(sample: str = "due", **changes: Any) -> InvoiceContext:
    return dataclasses.replace(samples.INVOICE[sample], **changes)


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


@pytest.mark.parametrize(
    ("chosen", "first", "sentence"),
    [
        ("check", "Chèque", "Vous avez choisi de payer par chèque. "),
        ("bank_transfer", "Virement", "Vous avez choisi de payer par virement. "),
        (None, "Virement", "Vous avez choisi de payer par chèque ou par virement. "),
    ],
)
def test_the_chosen_way_to_pay_comes_first(chosen: Any, first: str, sentence: str) -> None:
    mail = rendered(kinds.invoice, an_invoice(offline_method=chosen), "fr_CA")
    assert sentence in mail.text
    for shown in (mail.text, Document(mail.html).text):
        ways = re.findall(r"(?m)^\s*(Virement|Chèque)\b", shown)
        assert ways[0] == first and set(ways) == {"Chèque", "Virement"}


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
    for shown in (mail.text, Document(mail.html).text):
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
    assert "Total: $3,010.09\nAmount paid: −$1,000.00\nBalance to pay: $2,010.09\n" in mail.text
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
    for shown in (mail.text, Document(mail.html).text):
        assert "Ligne 39 " in shown and "Ligne 40 " not in shown
        assert "Autres lignes de la facture (461)" in shown
        assert f"461,00{NBSP}$" in shown


@pytest.mark.parametrize(("variant", "balance"), [("paid", 1), ("due", 0), ("due", -5)])
def test_a_variant_that_the_balance_contradicts_is_never_written(variant: Any, balance: int) -> None:
    with pytest.raises(NeedsAttention, match="F-10428"):
        an_invoice(variant=variant, balance=Money(balance, "CAD"))


def test_instructions_are_the_remittance_box_alone() -> None:
    mail = rendered(kinds.payment_instructions, samples.PAYMENT_INSTRUCTIONS["by_wire"], "fr_CA")
    assert mail.subject == "Comment payer la facture F-10428"
    for part in (mail.text, Document(mail.html).text):
        assert "Banque Exemple" in part and "000-123-4" in part and "Licence" not in part
    assert (
        rendered(kinds.payment_instructions, samples.PAYMENT_INSTRUCTIONS["by_wire"], "en_CA").subject
        == "How to pay invoice F-10428"
    )


def test_instructions_without_bank_details_tell_the_reader_to_ask() -> None:
    context = samples.PAYMENT_INSTRUCTIONS["by_wire"]
    mail = rendered(kinds.payment_instructions, context, "fr_CA", remittance=None)
    assert "Pour savoir comment procéder, répondez à ce courriel." in mail.text
    assert "COMMENT PAYER" not in mail.text and ">Comment payer<" not in mail.html


def test_the_pdf_is_one_click_away_where_there_is_a_page_for_it() -> None:
    context = an_invoice(attached=False)
    mail = rendered(kinds.invoice, context, "fr_CA", links=samples.LINKS)
    assert "La facture peut être téléchargée en PDF." in mail.text
    assert f"Facture en PDF{NBSP}: {samples.LINKS.pdf}\n" in mail.text
    assert samples.LINKS.pdf in Document(mail.html).links
