"""Sample changes of a subscription."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ..contexts import (
    Balance,
    CancellationRemovedContext,
    CancellationScheduledContext,
    CancelledContext,
    SeatsChangedContext,
    SeatsChangeScheduledContext,
)
from .merchant import cad

CANCELLATION_SCHEDULED: Mapping[str, CancellationScheduledContext] = {
    "nothing_owed": CancellationScheduledContext(
        effective_on=dt.date(2021, 2, 15),
        first_name="Marie",
        company="Société Test1234",
        reason="Le produit ne répond plus à nos besoins",
        balances=(),
    ),
    "with_a_balance": CancellationScheduledContext(
        effective_on=dt.date(2021, 2, 15),
        first_name="Marie",
        company="Société Test1234",
        subscription="Boréal Cloud, annuel",
        balances=(Balance(number="F-10428", amount=cad(301009)), Balance(number="F-10436", amount=cad(6784))),
    ),
    "term_ended": CancellationScheduledContext(effective_on=dt.date(2021, 5, 30), term_ended=True),
}

CANCELLATION_REMOVED: Mapping[str, CancellationRemovedContext] = {
    "with_next_billing": CancellationRemovedContext(
        first_name="Marie",
        company="Société Test1234",
        next_billing_on=dt.date(2021, 2, 15),
        next_billing_amount=cad(6784),
    ),
    "date_only": CancellationRemovedContext(
        first_name="Marie",
        company="Société Test1234",
        subscription="Boréal Cloud, annuel",
        next_billing_on=dt.date(2021, 2, 15),
    ),
    "nothing_known": CancellationRemovedContext(),
}

CANCELLED: Mapping[str, CancelledContext] = {
    "as_planned": CancelledContext(
        effective_on=dt.date(2021, 2, 15),
        first_name="Marie",
        company="Société Test1234",
        planned=True,
        today=True,
        balances=(),
    ),
    "with_a_balance": CancelledContext(
        effective_on=dt.date(2021, 2, 15),
        first_name="Marie",
        company="Société Test1234",
        subscription="Boréal Cloud, annuel",
        reason="Fermeture de l’entreprise",
        balances=(Balance(number="F-10428", amount=cad(301009)),),
    ),
    "with_a_credit": CancelledContext(
        effective_on=dt.date(2021, 2, 15), first_name="Marie", planned=True, balances=(), credit=cad(2750)
    ),
    "term_ended": CancelledContext(effective_on=dt.date(2021, 5, 30), term_ended=True, planned=True),
}

SEATS_CHANGED: Mapping[str, SeatsChangedContext] = {
    "more": SeatsChangedContext(
        before=10,
        after=21,
        effective_on=dt.date(2021, 1, 11),
        today=True,
        first_name="Marie",
        company="Société Test1234",
        charge=cad(301009),
        renews_on=dt.date(2021, 5, 30),
    ),
    "fewer": SeatsChangedContext(
        before=21,
        after=1,
        effective_on=dt.date(2021, 1, 11),
        first_name="Marie",
        company="Société Test1234",
        subscription="Boréal Cloud, mensuel",
        credit=cad(4512),
        next_billing_on=dt.date(2021, 2, 15),
        next_billing_amount=cad(6784),
    ),
    "nothing_known": SeatsChangedContext(before=0, after=1, effective_on=dt.date(2021, 1, 11)),
}

SEATS_CHANGE_SCHEDULED: Mapping[str, SeatsChangeScheduledContext] = {
    "fewer": SeatsChangeScheduledContext(
        before=21,
        after=10,
        effective_on=dt.date(2021, 5, 30),
        first_name="Marie",
        company="Société Test1234",
        next_billing_on=dt.date(2021, 5, 30),
        next_billing_amount=cad(678353),
    ),
    "nothing_known": SeatsChangeScheduledContext(before=2, after=1, effective_on=dt.date(2021, 5, 30)),
}
