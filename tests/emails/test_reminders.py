"""What reminders say, from the friendly one to the final notice, and the mail of a cheque that came back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import get_args

import pytest

from billing.money import Money
from emails import kinds, samples
from emails.contexts import OpenInvoice
from emails.contexts.payments import ReturnReason
from emails.kinds import AnyKind
from tests.emails.mails import NBSP, Document, rendered

AMOUNT = f"3{NBSP}010,09{NBSP}$"

AGREED = [
    (
        kinds.due_soon,
        "by_wire",
        f"Rappel amical{NBSP}: facture F-10428 à payer le 10 févr. 2021",
        "Si le paiement est déjà en route, merci d’ignorer ce message.",
        "Friendly reminder: invoice F-10428 due Feb 10, 2021",
        "If the payment is already on its way, please ignore this message.",
    ),
    (
        kinds.reminder_1,
        "3_days",
        "Facture F-10428 en retard de 3 jours",
        f"Sauf erreur de notre part, la facture F-10428 de {AMOUNT}, échue le 10 févr. 2021, n’est pas encore réglée. "
        "Si le paiement est en route, merci d’ignorer ce message ou de nous répondre avec la date prévue.",
        "Invoice F-10428 is 3 days overdue",
        "Unless we are mistaken, invoice F-10428 for $3,010.09, due Feb 10, 2021, has not been paid yet. "
        "If the payment is on its way, please ignore this message or reply with the expected date.",
    ),
    (
        kinds.reminder_2,
        "15_days",
        "Facture F-10428 en retard de 15 jours",
        f"La facture F-10428 est en retard de 15 jours. Solde{NBSP}: {AMOUNT}. Une question sur la facture? "
        "Répondez à ce courriel ou proposez-nous un moment pour en parler.",
        "Invoice F-10428 is 15 days overdue",
        "Invoice F-10428 is 15 days overdue. Balance: $3,010.09. A question about the invoice? "
        "Reply to this email or suggest a time to talk.",
    ),
    (
        kinds.reminder_3,
        "30_days",
        "Facture F-10428 en retard de 30 jours",
        "Malgré nos rappels, la facture F-10428 demeure impayée depuis 30 jours. "
        "Merci de la régler d’ici le 22 mars 2021 ou de convenir d’une date avec nous.",
        "Invoice F-10428 is 30 days overdue",
        "Despite our reminders, invoice F-10428 has been unpaid for 30 days. "
        "Please pay it by Mar 22, 2021 or agree on a date with us.",
    ),
    (
        kinds.payment_returned,
        "insufficient_funds",
        "Chèque retourné, facture F-10366",
        f"La banque nous a retourné votre chèque de 1{NBSP}724,63{NBSP}$ (motif{NBSP}: sans provision). "
        "La facture F-10366 est de nouveau à payer. Le plus simple est un virement avec la référence ci-dessous.",
        "Returned cheque, invoice F-10366",
        "The bank returned your cheque for $1,724.63 (reason: insufficient funds). Invoice F-10366 is due again. "
        "The simplest way is a wire transfer quoting the reference below.",
    ),
]


@pytest.mark.parametrize(
    ("kind", "sample", "subject", "french", "english_subject", "english"), AGREED, ids=[each[0].name for each in AGREED]
)
def test_each_says_what_was_agreed(
    kind: AnyKind, sample: str, subject: str, french: str, english_subject: str, english: str
) -> None:
    mail = rendered(kind, kind.samples[sample], "fr_CA")
    assert mail.subject == subject
    assert f"{french}\n" in mail.text
    mail = rendered(kind, kind.samples[sample], "en_CA")
    assert mail.subject == english_subject
    assert f"{english}\n" in mail.text


def test_the_final_notice_has_the_whole_statement_and_its_total() -> None:
    mail = rendered(kinds.final_notice, samples.FINAL_NOTICE["with_others"], "fr_CA")
    assert mail.subject == "Dernier avis, facture F-10428"
    for part in (mail.text, Document(mail.html).text):
        assert "F-10377" in part and "73 jours de retard" in part and f"9{NBSP}317,93{NBSP}$" in part
    assert rendered(kinds.final_notice, samples.FINAL_NOTICE["with_others"], "en_CA").subject == (
        "Final notice, invoice F-10428"
    )


def test_one_invoice_alone_needs_no_statement() -> None:
    mail = rendered(kinds.final_notice, samples.FINAL_NOTICE["one_invoice"], "fr_CA")
    assert "ÉTAT DE COMPTE" not in mail.text and "État de compte" not in mail.html


def test_invoices_in_two_currencies_have_no_total() -> None:
    other = OpenInvoice(number="F-1", balance=Money(100, "USD"))
    mail = rendered(kinds.reminder_2, dataclasses.replace(samples.REMINDER_2["15_days"], others=(other,)), "en_CA")
    assert "Invoice F-1: US$1.00\n" in mail.text and "Total" not in mail.text + mail.html


def test_suspension_is_said_only_where_there_is_a_date_for_it() -> None:
    with_date = rendered(kinds.reminder_3, samples.REMINDER_3["with_a_suspension"], "fr_CA")
    assert "l’accès pourrait être suspendu à compter du 29 mars 2021." in with_date.text
    assert "suspendu" not in rendered(kinds.reminder_3, samples.REMINDER_3["30_days"], "fr_CA").text


def test_the_chosen_way_comes_first_but_after_a_returned_cheque_the_wire_does() -> None:
    chosen = dataclasses.replace(samples.REMINDER_1["3_days"], offline_method="check")
    text = rendered(kinds.reminder_1, chosen, "fr_CA").text
    assert text.index(f"Chèque{NBSP}:") < text.index(f"Virement{NBSP}:")
    text = rendered(kinds.payment_returned, samples.PAYMENT_RETURNED["with_a_fee"], "fr_CA").text
    assert text.index(f"Virement{NBSP}:") < text.index(f"Chèque{NBSP}:")


def test_a_fee_is_said_only_where_one_is_asked_for() -> None:
    mail = rendered(kinds.payment_returned, samples.PAYMENT_RETURNED["with_a_fee"], "fr_CA")
    assert f"Des frais de 45,00{NBSP}$ s’ajoutent pour le chèque retourné." in mail.text
    mail = rendered(kinds.payment_returned, samples.PAYMENT_RETURNED["insufficient_funds"], "fr_CA")
    assert "rais" not in mail.text


def test_each_reason_of_the_bank_has_words_and_none_has_none() -> None:
    context = samples.PAYMENT_RETURNED["insufficient_funds"]
    texts = {
        rendered(kinds.payment_returned, dataclasses.replace(context, reason=reason), "fr_CA").text
        for reason in (*get_args(ReturnReason), None)
    }
    assert len(texts) == len(get_args(ReturnReason)) + 1
    assert sum("(motif" in text for text in texts) == len(get_args(ReturnReason))


def test_a_customer_with_very_many_invoices_still_gets_a_whole_mail() -> None:
    others = tuple(
        OpenInvoice(number=f"F-{n} " + "x" * 90, balance=Money(100, "CAD"), due_on=dt.date(2021, 1, 1), days_late=400)
        for n in range(500)
    )
    mail = rendered(
        kinds.final_notice, dataclasses.replace(samples.FINAL_NOTICE["one_invoice"], others=others), "fr_CA"
    )
    assert len(mail.html.encode()) < 90_000
    for part in (mail.text, Document(mail.html).text):
        assert "et 482 autres factures" in part
        assert f"3{NBSP}510,09{NBSP}$" in part
