"""Sample mails to the merchant's own people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from billing.money import Money

from ..contexts import Bucket, DigestCase, FinanceDigestContext, FinanceNewCaseContext, OpsAlertContext
from .merchant import cad

FINANCE_NEW_CASE: Mapping[str, FinanceNewCaseContext] = {
    "by_wire": FinanceNewCaseContext(
        customer="Société Test1234",
        number="F-10428",
        balance=cad(301009),
        contact_by=dt.date(2021, 1, 12),
        method="bank_transfer",
        due_on=dt.date(2021, 2, 10),
        contact="Marie Tremblay",
        address="marie@test1234.example",
    ),
    "nothing_known": FinanceNewCaseContext(
        customer="Société Test1234", number="F-10428", balance=cad(301009), contact_by=dt.date(2021, 1, 12)
    ),
}

FINANCE_DIGEST: Mapping[str, FinanceDigestContext] = {
    "busy": FinanceDigestContext(
        on=dt.date(2021, 2, 12),
        to_do=6,
        receivable=(cad(5404222),),
        matches=2,
        promises_due=2,
        promises_broken=1,
        returned=1,
        ageing=(
            Bucket(amount=cad(2301009)),
            Bucket(first_day=1, last_day=30, amount=cad(1524000)),
            Bucket(first_day=31, last_day=60, amount=cad(912750)),
            Bucket(first_day=61, last_day=90, amount=cad(494000)),
            Bucket(first_day=91, amount=cad(172463)),
        ),
        top=(
            DigestCase(customer="Société Test1234", number="F-10428", balance=cad(301009), days_late=2),
            DigestCase(customer="Atelier Exemple", number="F-10377", balance=cad(624000), days_late=30),
            DigestCase(customer="Coopérative Essai", number="F-10366", balance=cad(172463), days_late=94),
            DigestCase(customer="Test & Sons Ltd.", number="F-10431", balance=cad(1512750), days_late=-6),
            DigestCase(customer="Imprimerie Modèle", number="F-10440", balance=cad(88000), days_late=0),
        ),
    ),
    "two_currencies": FinanceDigestContext(
        on=dt.date(2021, 2, 15),
        to_do=1,
        receivable=(cad(301009), Money(50000, "USD")),
        top=(DigestCase(customer="Société Test1234", number="F-10428", balance=cad(301009)),),
    ),
}

OPS_ALERT: Mapping[str, OpsAlertContext] = {
    "parked_events": OpsAlertContext(
        alert="parked_events",
        count=3,
        command="quittance events list --status parked",
        detail=("invoice inv_42 is in EUR, payment txn_9 in USD; void one in Chargebee, then replay event ev_7",),
    ),
    "failed_deliveries": OpsAlertContext(
        alert="failed_deliveries", count=1, command="quittance outbox list --state failed"
    ),
    "held_mail": OpsAlertContext(alert="held_mail", count=2, command="quittance emails list --state held"),
    "stuck_queue": OpsAlertContext(
        alert="stuck_queue", queue="mail", count=120, minutes=15, command="quittance doctor"
    ),
    "silence": OpsAlertContext(alert="silence", minutes=180, command="quittance doctor"),
    "finding": OpsAlertContext(
        alert="finding",
        count=1,
        command="quittance findings list",
        detail=("subscription sub_7 was to end on 2021-02-15 and is still active in Chargebee",),
    ),
}
