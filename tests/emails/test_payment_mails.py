"""What the mails about a payment say: received, failed, about to fail, given back."""

from __future__ import annotations

import dataclasses
import re
from typing import get_args

import pytest

from billing.declines import Decline
from billing.money import Money
from emails import kinds, samples
from emails.contexts import PaidWith
from emails.links import Links
from tests.emails.mails import NBSP, Document, rendered


def test_a_part_payment_says_what_is_left() -> None:
    mail = rendered(kinds.payment_received, samples.PAYMENT_RECEIVED["part"], "fr_CA")
    assert mail.subject == f"Paiement reçu, 6{NBSP}240,00{NBSP}$ (facture F-10377)"
    assert (
        f"Nous avons reçu 6{NBSP}240,00{NBSP}$ par chèque le 15 janv. 2021 (no{NBSP}001482), merci.\n"
        f"Il reste un solde de 6{NBSP}240,00{NBSP}$ sur la facture F-10377.\n" in mail.text
    )
    mail = rendered(kinds.payment_received, samples.PAYMENT_RECEIVED["part"], "en_CA")
    assert mail.subject == "Payment received, $6,240.00 (invoice F-10377)"
    assert (
        "We received $6,240.00 by cheque on Jan 15, 2021 (no.\u00a0001482), thank you.\n"
        "A balance of $6,240.00 remains on invoice F-10377.\n" in mail.text
    )


def test_a_payment_in_full_leaves_no_balance() -> None:
    mail = rendered(kinds.payment_received, samples.PAYMENT_RECEIVED["full"], "fr_CA")
    assert "La facture F-10428 est entièrement payée." in mail.text
    assert "solde de" not in mail.text + mail.html


def test_what_exceeds_the_balances_is_a_credit() -> None:
    mail = rendered(kinds.payment_received, samples.PAYMENT_RECEIVED["several_invoices"], "fr_CA")
    assert mail.subject == f"Paiement reçu, 9{NBSP}250,09{NBSP}$"
    for part in (mail.text, Document(mail.html).text):
        assert f"Un crédit de 240,00{NBSP}$ reste à votre compte." in part


def test_a_payment_that_failed_says_what_was_agreed() -> None:
    context = samples.PAYMENT_FAILED["expired_card"]
    mail = rendered(kinds.payment_failed, context, "fr_CA", links=samples.LINKS)
    assert mail.subject == f"Votre paiement de 67,84{NBSP}$ n’a pas fonctionné"
    assert (
        f"Nous n’avons pas pu prélever 67,84{NBSP}$ sur votre carte se terminant par 4242. "
        f"Motif donné par la banque{NBSP}: carte expirée. Nous réessaierons le 18 févr. 2021. "
        "Pour régler dès maintenant, mettez à jour votre mode de paiement.\n" in mail.text
    )
    mail = rendered(kinds.payment_failed, context, "en_CA", links=samples.LINKS)
    assert mail.subject == "Your payment of $67.84 did not go through"
    assert (
        "We could not charge $67.84 to your card ending in 4242. Reason given by the bank: expired card. "
        "We will try again on Feb 18, 2021. To settle it now, update your payment method.\n" in mail.text
    )


def test_each_of_the_eight_reasons_has_a_sentence_of_its_own() -> None:
    said = set()
    for reason in get_args(Decline):
        context = dataclasses.replace(samples.PAYMENT_FAILED["expired_card"], reason=reason)
        text = rendered(kinds.payment_failed, context, "fr_CA").text
        said |= set(re.findall(rf"Motif donné par la banque{NBSP}: [a-zé’ ]+\.", text))
    assert len(said) == len(get_args(Decline)) == 8


def test_an_unknown_reason_is_said_to_be_none() -> None:
    context = dataclasses.replace(samples.PAYMENT_FAILED["expired_card"], reason=None)
    assert "La banque n’a pas donné de motif." in rendered(kinds.payment_failed, context, "fr_CA").text
    assert "The bank gave no reason." in rendered(kinds.payment_failed, context, "en_CA").text


def test_without_a_page_for_it_the_reader_is_told_to_reply() -> None:
    mail = rendered(kinds.payment_failed, samples.PAYMENT_FAILED["last_try"], "fr_CA", links=Links())
    assert "mettez à jour votre mode de paiement ou répondez à ce courriel." in mail.text
    assert "Nous réessaierons" not in mail.text
    assert "Votre accès est maintenu jusqu’au 28 févr. 2021." in mail.text


def test_a_card_that_expires_says_when() -> None:
    mail = rendered(kinds.payment_method_expiring, samples.PAYMENT_METHOD_EXPIRING["visa"], "fr_CA")
    assert mail.subject == "Votre carte se terminant par 4242 expire bientôt"
    assert (
        "Votre carte se terminant par 4242 expire en mars 2021. Ajoutez-en une autre pour éviter toute interruption.\n"
        in mail.text
    )
    mail = rendered(kinds.payment_method_expiring, samples.PAYMENT_METHOD_EXPIRING["visa"], "en_CA")
    assert mail.subject == "Your card ending in 4242 expires soon"
    assert "Your card ending in 4242 expires in March 2021. Add another one to avoid any interruption.\n" in mail.text


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (PaidWith(method="card", last4="4242"), "Le montant sera porté à votre carte se terminant par 4242;"),
        (PaidWith(method="card"), "Le montant sera porté à la carte qui a servi au paiement;"),
        (PaidWith(method="check"), "Le montant vous est envoyé par chèque."),
        (PaidWith(method="bank_transfer"), "Le montant vous est envoyé par virement;"),
        (PaidWith(method="other"), ""),
    ],
)
def test_a_refund_says_where_it_goes_as_far_as_it_is_known(to: PaidWith, sentence: str) -> None:
    context = dataclasses.replace(samples.REFUND_ISSUED["to_the_card"], to=to)
    mail = rendered(kinds.refund_issued, context, "fr_CA")
    assert mail.subject == f"Remboursement de 67,84{NBSP}$ (facture F-10391)"
    first = f"Nous vous avons remboursé 67,84{NBSP}$ le 16 févr. 2021 pour la facture F-10391."
    assert f"{first} {sentence}".strip() in mail.text
    assert sentence or f"{first}\n" in mail.text


def test_amounts_of_another_currency_name_it() -> None:
    context = dataclasses.replace(samples.REFUND_ISSUED["by_cheque"], amount=Money(301009, "USD"), number=None)
    assert rendered(kinds.refund_issued, context, "en_CA").subject == "Refund of US$3,010.09"
