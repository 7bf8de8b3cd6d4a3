"""Sample contexts for previews and tests: a make-believe merchant and one of its customers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from billing.merchant import Merchant, Remittance
from billing.money import Money

from .contexts import (
    Balance,
    CancellationRemovedContext,
    CancellationScheduledContext,
    CancelledContext,
    Discount,
    InvoiceContext,
    Line,
    PaidWith,
    Tax,
)

MERCHANT = Merchant(
    name="Logiciels Boréal inc.",
    product="Boréal Cloud",
    address="1234 rue Test, bureau 001, Montréal (Québec) H1H 1H1, Canada",
    support_email="soutien@boreal.example",
    tax_numbers=("TPS : 123456789 RT0001", "TVQ : 1234567890 TQ0001"),
)

REMITTANCE = Remittance(
    bank="Banque Exemple",
    institution="999",
    transit="00001",
    account="000-123-4",
    swift=None,
    payable_to="Logiciels Boréal inc.",
    mail_to="1234 rue Test, bureau 001, Montréal (Québec) H1H 1H1",
    interac=None,
)


def _cad(minor: int) -> Money:
    return Money(minor, "CAD")


_GST, _QST = Decimal("5"), Decimal("9.975")

_PAID = InvoiceContext(
    number="F-10391",
    issued_on=dt.date(2021, 1, 15),
    variant="paid",
    first_name="Marie",
    company="Société Test1234",
    lines=(
        Line(
            description="Licence Boréal Cloud (CAD)",
            amount=_cad(5900),
            quantity=1,
            unit_price=_cad(5900),
            starts_on=dt.date(2021, 1, 15),
            ends_on=dt.date(2021, 2, 14),
        ),
    ),
    taxes=(Tax(name="TPS", percent=_GST, amount=_cad(295)), Tax(name="TVQ", percent=_QST, amount=_cad(589))),
    total=_cad(6784),
    amount_paid=_cad(6784),
    balance=_cad(0),
    paid_on=dt.date(2021, 1, 15),
    paid_with=PaidWith(method="card", brand="visa", last4="4242"),
    thanks=True,
    next_billing_on=dt.date(2021, 2, 15),
    next_billing_amount=_cad(6784),
    attached=True,
)

_DUE = InvoiceContext(
    number="F-10428",
    issued_on=dt.date(2021, 1, 11),
    variant="due",
    first_name="Marie",
    company="Société Test1234",
    due_on=dt.date(2021, 2, 10),
    lines=(
        Line(
            description="Licence Boréal Cloud (CAD)",
            amount=_cad(261804),
            quantity=11,
            prorated=True,
            starts_on=dt.date(2021, 1, 11),
            ends_on=dt.date(2021, 5, 30),
        ),
    ),
    taxes=(Tax(name="TPS", percent=_GST, amount=_cad(13090)), Tax(name="TVQ", percent=_QST, amount=_cad(26115))),
    total=_cad(301009),
    amount_paid=_cad(0),
    balance=_cad(301009),
    attached=True,
)

INVOICE: Mapping[str, InvoiceContext] = {
    "paid": _PAID,
    "due": _DUE,
    "paid_by_cheque": InvoiceContext(
        number="F-10377",
        issued_on=dt.date(2020, 12, 14),
        variant="paid",
        first_name="Marie",
        company="Société Test1234",
        due_on=dt.date(2021, 1, 13),
        lines=(
            Line(
                description="Licence Boréal Cloud (CAD)",
                amount=_cad(1180000),
                quantity=20,
                unit_price=_cad(59000),
                starts_on=dt.date(2020, 12, 14),
                ends_on=dt.date(2021, 12, 13),
            ),
            Line(description="Formation en ligne", amount=_cad(50000), detail="Deux séances de trois heures"),
        ),
        discounts=(Discount(amount=_cad(118000), name="BIENVENUE10"),),
        taxes=(Tax(name="GST", percent=_GST, amount=_cad(55600)), Tax(name="QST", percent=_QST, amount=_cad(110922))),
        total=_cad(1278522),
        credits_applied=_cad(20000),
        amount_paid=_cad(1258522),
        balance=_cad(0),
        paid_on=dt.date(2021, 1, 15),
        paid_with=PaidWith(method="check", reference="001482"),
        thanks=True,
        next_billing_on=dt.date(2021, 12, 14),
        attached=False,
    ),
    "settled_without_payment": InvoiceContext(
        number="F-10402",
        issued_on=dt.date(2021, 1, 15),
        variant="paid",
        lines=(Line(description="Licence Boréal Cloud (CAD)", amount=_cad(5900)),),
        taxes=(Tax(name="TPS", amount=_cad(295)), Tax(name="TVQ", amount=_cad(589))),
        total=_cad(6784),
        amount_paid=_cad(0),
        balance=_cad(0),
        attached=True,
    ),
    "part_paid_by_cheque": InvoiceContext(
        number="F-10428",
        issued_on=dt.date(2021, 1, 11),
        variant="due",
        first_name="Marie",
        company="Société Test1234",
        due_on=dt.date(2021, 2, 10),
        lines=_DUE.lines,
        taxes=_DUE.taxes,
        total=_cad(301009),
        amount_paid=_cad(100000),
        balance=_cad(201009),
        offline_method="check",
        attached=False,
    ),
    "due_by_wire_in_us_dollars": InvoiceContext(
        number="F-10431",
        issued_on=dt.date(2021, 1, 18),
        variant="due",
        first_name="Ann",
        company="Test & Sons <Exports> Ltd.",
        lines=(
            Line(
                description="Boréal Cloud licence (USD)",
                amount=Money(301009, "USD"),
                quantity=1,
                unit_price=Money(301009, "USD"),
            ),
        ),
        total=Money(301009, "USD"),
        amount_paid=Money(0, "USD"),
        balance=Money(301009, "USD"),
        offline_method="bank_transfer",
        attached=True,
    ),
}

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
        balances=(Balance(number="F-10428", amount=_cad(301009)), Balance(number="F-10436", amount=_cad(6784))),
    ),
    "term_ended": CancellationScheduledContext(effective_on=dt.date(2021, 5, 30), term_ended=True),
}

CANCELLATION_REMOVED: Mapping[str, CancellationRemovedContext] = {
    "with_next_billing": CancellationRemovedContext(
        first_name="Marie",
        company="Société Test1234",
        next_billing_on=dt.date(2021, 2, 15),
        next_billing_amount=_cad(6784),
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
        balances=(),
    ),
    "with_a_balance": CancelledContext(
        effective_on=dt.date(2021, 2, 15),
        first_name="Marie",
        company="Société Test1234",
        subscription="Boréal Cloud, annuel",
        reason="Fermeture de l’entreprise",
        balances=(Balance(number="F-10428", amount=_cad(301009)),),
    ),
    "with_a_credit": CancelledContext(
        effective_on=dt.date(2021, 2, 15), first_name="Marie", planned=True, balances=(), credit=_cad(2750)
    ),
    "term_ended": CancelledContext(effective_on=dt.date(2021, 5, 30), term_ended=True, planned=True),
}
