"""What the mails about a subscription say: licences that change, cancellations scheduled, withdrawn and come."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from billing.money import Money
from emails import kinds, samples
from emails.contexts import Balance
from emails.kinds import AnyKind
from emails.language import LOCALES
from tests.emails.mails import NBSP, Document, rendered


def test_the_scheduled_cancellation_says_what_was_agreed() -> None:
    mail = rendered(kinds.cancellation_scheduled, samples.CANCELLATION_SCHEDULED["nothing_owed"], "fr_CA")
    assert mail.subject == "Votre abonnement sera annulé le 15 févr. 2021"
    assert (
        "Votre abonnement sera annulé le 15 févr. 2021. Vous gardez l’accès jusqu’à cette date et rien d’autre ne vous "
        "sera facturé.\n" in mail.text
    )
    assert "Vous avez changé d’avis? Répondez à ce courriel et nous conserverons votre abonnement." in mail.text
    assert "Pour annuler plus tôt, écrivez à notre équipe de soutien (soutien@boreal.example)." in mail.text
    assert f"Motif indiqué{NBSP}: Le produit ne répond plus à nos besoins\n" in mail.text


@pytest.mark.parametrize("balances", [None, (Balance(number="F-1", amount=Money(301009, "CAD")),)])
def test_nothing_more_will_be_billed_is_said_only_when_nothing_is_owed(balances: Any) -> None:
    context = dataclasses.replace(samples.CANCELLATION_SCHEDULED["nothing_owed"], balances=balances)
    mail = rendered(kinds.cancellation_scheduled, context, "fr_CA")
    assert "rien d’autre" not in mail.text + mail.html
    if balances:
        for part in (mail.text, Document(mail.html).text):
            assert f"Il reste 3{NBSP}010,09{NBSP}$ à payer sur la facture F-1." in part


@pytest.mark.parametrize("kind", [kinds.cancellation_scheduled, kinds.cancelled])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_term_that_ran_out_is_not_called_a_cancellation(kind: AnyKind, locale: str) -> None:
    mail = rendered(kind, kind.samples["term_ended"], locale)
    for part in (mail.subject, mail.text, Document(mail.html).text):
        assert not re.search(r"(?i)annul|cancel", part)


def test_the_withdrawn_cancellation_says_what_was_agreed() -> None:
    mail = rendered(kinds.cancellation_removed, samples.CANCELLATION_REMOVED["with_next_billing"], "fr_CA")
    assert mail.subject == "Votre abonnement est conservé"
    assert f"C’est noté{NBSP}: votre abonnement continue." in mail.text
    assert f"Prochaine facturation le 15 févr. 2021{NBSP}: 67,84{NBSP}$." in mail.text


def test_the_end_says_as_planned_only_when_it_was_planned() -> None:
    context = dataclasses.replace(samples.CANCELLED["as_planned"], today=False)
    mail = rendered(kinds.cancelled, context, "en_CA")
    assert mail.subject == "Your subscription is cancelled"
    assert "Your subscription ended on Feb 15, 2021, as planned." in mail.text
    mail = rendered(kinds.cancelled, dataclasses.replace(context, planned=False), "en_CA")
    assert "Your subscription ended on Feb 15, 2021. " in mail.text
    assert "planned" not in mail.text + mail.html


def test_more_licences_say_what_was_agreed() -> None:
    mail = rendered(kinds.seats_changed, samples.SEATS_CHANGED["more"], "fr_CA")
    assert mail.subject == "Vous avez maintenant 21 licences"
    assert (
        "Votre organisation passe de 10 à 21 licences dès aujourd’hui. "
        f"Frais au prorata{NBSP}: 3{NBSP}010,09{NBSP}$ taxes incluses. Date de renouvellement{NBSP}: 30 mai 2021.\n"
        in mail.text
    )
    mail = rendered(kinds.seats_changed, samples.SEATS_CHANGED["more"], "en_CA")
    assert mail.subject == "You now have 21 licences"
    assert (
        "Your organization goes from 10 to 21 licences as of today. Prorated charge: $3,010.09 including taxes. "
        "Renewal date: May 30, 2021.\n" in mail.text
    )


@pytest.mark.parametrize(
    ("licences", "french", "english"),
    [(0, "0 licence", "0 licences"), (1, "1 licence", "1 licence"), (1200, f"1{NBSP}200 licences", "1,200 licences")],
)
def test_licences_are_counted_as_each_language_does(licences: int, french: str, english: str) -> None:
    context = dataclasses.replace(samples.SEATS_CHANGED["fewer"], after=licences)
    assert rendered(kinds.seats_changed, context, "fr_CA").subject == f"Vous avez maintenant {french}"
    assert rendered(kinds.seats_changed, context, "en_CA").subject == f"You now have {english}"


def test_a_change_told_on_another_day_says_its_date() -> None:
    mail = rendered(kinds.seats_changed, samples.SEATS_CHANGED["fewer"], "fr_CA")
    assert f"de 21 à 1 licence à compter du 11 janv. 2021. Crédit au prorata{NBSP}: 45,12{NBSP}$ taxes" in mail.text


def test_a_change_to_come_says_its_date_and_how_to_undo_it() -> None:
    context = samples.SEATS_CHANGE_SCHEDULED["fewer"]
    mail = rendered(kinds.seats_change_scheduled, context, "fr_CA", links=samples.LINKS)
    assert mail.subject == "Vos licences passeront à 10 le 30 mai 2021"
    assert "Votre organisation passera de 21 à 10 licences le 30 mai 2021. Rien ne change d’ici là." in mail.text
    assert samples.LINKS.subscription in Document(mail.html).links
    mail = rendered(kinds.seats_change_scheduled, context, "en_CA")
    assert mail.subject == "Your licences change to 10 on May 30, 2021"
    assert "Changed your mind? Reply to this email before that date." in mail.text


def test_a_cancellation_is_undone_in_one_click_where_there_is_a_page_for_it() -> None:
    context = samples.CANCELLATION_SCHEDULED["nothing_owed"]
    mail = rendered(kinds.cancellation_scheduled, context, "fr_CA", links=samples.LINKS)
    assert "Vous avez changé d’avis? Conservez votre abonnement en un clic.\n" in mail.text
    assert f"Conserver mon abonnement{NBSP}: {samples.LINKS.subscription}\n" in mail.text
    assert samples.LINKS.subscription in Document(mail.html).links
    ended = rendered(
        kinds.cancellation_scheduled, samples.CANCELLATION_SCHEDULED["term_ended"], "fr_CA", links=samples.LINKS
    )
    assert samples.LINKS.subscription not in Document(ended.html).links


def test_an_end_told_on_its_day_says_today_and_where_the_invoices_stay() -> None:
    mail = rendered(kinds.cancelled, samples.CANCELLED["as_planned"], "fr_CA", links=samples.LINKS)
    assert "Votre abonnement a pris fin aujourd’hui, comme prévu." in mail.text
    assert "Vos factures restent disponibles dans l’historique de facturation." in mail.text
    mail = rendered(kinds.cancelled, samples.CANCELLED["as_planned"], "en_CA")
    assert "Your subscription ended today, as planned." in mail.text
    assert "billing history" not in mail.text
