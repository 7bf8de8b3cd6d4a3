"""What the mails to the merchant's own people say: finance, and who keeps the machinery running."""

from __future__ import annotations

import dataclasses

import pytest

from emails import kinds, samples
from emails.kinds import AnyKind
from tests.emails.mails import NBSP, Document, rendered

STAFF = [kind for kind in kinds.ALL if kind.for_staff]


def test_a_new_case_says_who_pays_what_and_until_when_to_contact_them() -> None:
    mail = rendered(kinds.finance_new_case, samples.FINANCE_NEW_CASE["by_wire"], "fr_CA", links=samples.LINKS)
    assert mail.subject == f"[Suivi] Nouveau paiement par virement{NBSP}: Société Test1234, 3{NBSP}010,09{NBSP}$"
    assert f"Premier contact dans un délai d’un jour ouvrable{NBSP}: au plus tard le 12 janv. 2021." in mail.text
    assert samples.LINKS.case in Document(mail.html).links
    mail = rendered(kinds.finance_new_case, samples.FINANCE_NEW_CASE["by_wire"], "en_CA")
    assert mail.subject == "[Follow-up] New payment by wire transfer: Société Test1234, $3,010.09"


@pytest.mark.parametrize("alert", samples.OPS_ALERT)
def test_an_alert_says_the_cause_and_the_exact_command(alert: str) -> None:
    context = samples.OPS_ALERT[alert]
    for locale, begins in (("fr_CA", "[Alerte] "), ("en_CA", "[Alert] ")):
        mail = rendered(kinds.ops_alert, context, locale)
        assert mail.subject.startswith(begins)
        assert f"\n{context.command}\n" in mail.text
        assert context.command in Document(mail.html).text
        for line in context.detail:
            assert line in mail.text and line in Document(mail.html).text


def test_an_alert_counts_as_its_language_does() -> None:
    context = samples.OPS_ALERT["parked_events"]
    one = dataclasses.replace(context, count=1)
    assert rendered(kinds.ops_alert, context, "fr_CA").subject == "[Alerte] 3 événements attendent une intervention"
    assert rendered(kinds.ops_alert, one, "fr_CA").subject == "[Alerte] 1 événement attend une intervention"
    assert rendered(kinds.ops_alert, one, "en_CA").subject == "[Alert] 1 event needs a person"


@pytest.mark.parametrize("kind", STAFF, ids=lambda kind: kind.name)
def test_our_own_people_are_not_greeted_as_customers(kind: AnyKind) -> None:
    for context in kind.samples.values():
        mail = rendered(kind, context, "fr_CA", links=samples.LINKS)
        for part in (mail.text, Document(mail.html).text):
            assert "Bonjour" not in part and "Gérer les destinataires" not in part and "Des questions?" not in part
            assert "Vous recevez ce courriel parce que vous" in part


def test_the_digest_says_what_to_do_and_what_is_owed() -> None:
    mail = rendered(kinds.finance_digest, samples.FINANCE_DIGEST["busy"], "fr_CA", links=samples.LINKS)
    assert mail.subject == f"Suivi du 12 févr.{NBSP}: 6 à traiter, 54{NBSP}042,22{NBSP}$ à recevoir"
    assert f"Rapprochements à confirmer{NBSP}: 2\n" in mail.text
    assert f"31 à 60 jours{NBSP}: 9{NBSP}127,50{NBSP}$\n" in mail.text
    assert "  F-10431, à échéance dans 6 jours\n" in mail.text
    assert samples.LINKS.queue in Document(mail.html).links
    mail = rendered(kinds.finance_digest, samples.FINANCE_DIGEST["busy"], "en_CA")
    assert mail.subject == "Follow-up Feb 12: 6 to do, $54,042.22 receivable"


def test_the_digest_names_each_currency_and_leaves_out_what_there_is_none_of() -> None:
    mail = rendered(kinds.finance_digest, samples.FINANCE_DIGEST["two_currencies"], "en_CA")
    assert mail.subject == "Follow-up Feb 15: 1 to do, $3,010.09 and US$500.00 receivable"
    assert "Promises" not in mail.text + mail.html and "Ageing" not in mail.html
