"""Sample invoices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from billing.money import Money

from ..contexts import Discount, InvoiceContext, Line, PaidWith, PaymentInstructionsContext, Tax
from .merchant import cad

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
            amount=cad(5900),
            quantity=1,
            unit_price=cad(5900),
            starts_on=dt.date(2021, 1, 15),
            ends_on=dt.date(2021, 2, 14),
        ),
    ),
    taxes=(Tax(name="TPS", percent=_GST, amount=cad(295)), Tax(name="TVQ", percent=_QST, amount=cad(589))),
    total=cad(6784),
    amount_paid=cad(6784),
    balance=cad(0),
    paid_on=dt.date(2021, 1, 15),
    paid_with=PaidWith(method="card", brand="visa", last4="4242"),
    thanks=True,
    next_billing_on=dt.date(2021, 2, 15),
    next_billing_amount=cad(6784),
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
            amount=cad(261804),
            quantity=11,
            prorated=True,
            starts_on=dt.date(2021, 1, 11),
            ends_on=dt.date(2021, 5, 30),
        ),
    ),
    taxes=(Tax(name="TPS", percent=_GST, amount=cad(13090)), Tax(name="TVQ", percent=_QST, amount=cad(26115))),
    total=cad(301009),
    amount_paid=cad(0),
    balance=cad(301009),
    attached=True,
)

INVOICE: Mapping[str, InvoiceContext] = {
    "due": _DUE,
    "paid": _PAID,
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
                amount=cad(1180000),
                quantity=20,
                unit_price=cad(59000),
                starts_on=dt.date(2020, 12, 14),
                ends_on=dt.date(2021, 12, 13),
            ),
            Line(description="Formation en ligne", amount=cad(50000), detail="Deux séances de trois heures"),
        ),
        discounts=(Discount(amount=cad(118000), name="BIENVENUE10"),),
        taxes=(Tax(name="GST", percent=_GST, amount=cad(55600)), Tax(name="QST", percent=_QST, amount=cad(110922))),
        total=cad(1278522),
        credits_applied=cad(20000),
        amount_paid=cad(1258522),
        balance=cad(0),
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
        lines=(Line(description="Licence Boréal Cloud (CAD)", amount=cad(5900)),),
        taxes=(Tax(name="TPS", amount=cad(295)), Tax(name="TVQ", amount=cad(589))),
        total=cad(6784),
        amount_paid=cad(0),
        balance=cad(0),
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
        total=cad(301009),
        amount_paid=cad(100000),
        balance=cad(201009),
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

PAYMENT_INSTRUCTIONS: Mapping[str, PaymentInstructionsContext] = {
    "by_wire": PaymentInstructionsContext(
        number="F-10428",
        balance=cad(301009),
        due_on=dt.date(2021, 2, 10),
        first_name="Marie",
        company="Société Test1234",
        offline_method="bank_transfer",
    ),
    "method_not_said": PaymentInstructionsContext(number="F-10428", balance=cad(301009)),
}
