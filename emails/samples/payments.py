"""Sample payments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ..contexts import (
    PaidInvoice,
    PaidWith,
    PaymentFailedContext,
    PaymentMethodExpiringContext,
    PaymentReceivedContext,
    PaymentReturnedContext,
    RefundIssuedContext,
)
from .merchant import cad

_CARD = PaidWith(method="card", brand="visa", last4="4242")

PAYMENT_RECEIVED: Mapping[str, PaymentReceivedContext] = {
    "part": PaymentReceivedContext(
        amount=cad(624000),
        received_on=dt.date(2021, 1, 15),
        paid_with=PaidWith(method="check", reference="001482"),
        first_name="Marie",
        company="Société Test1234",
        invoices=(PaidInvoice(number="F-10377", amount=cad(624000), balance=cad(624000)),),
    ),
    "full": PaymentReceivedContext(
        amount=cad(301009),
        received_on=dt.date(2021, 2, 9),
        paid_with=PaidWith(method="bank_transfer", reference="VIR 77-0042"),
        first_name="Marie",
        company="Société Test1234",
        invoices=(PaidInvoice(number="F-10428", amount=cad(301009), balance=cad(0)),),
    ),
    "several_invoices": PaymentReceivedContext(
        amount=cad(925009),
        received_on=dt.date(2021, 2, 9),
        paid_with=PaidWith(method="bank_transfer"),
        first_name="Marie",
        invoices=(
            PaidInvoice(number="F-10377", amount=cad(600000), balance=cad(24000)),
            PaidInvoice(number="F-10428", amount=cad(301009), balance=cad(0)),
        ),
        unused=cad(24000),
    ),
    "for_no_invoice": PaymentReceivedContext(
        amount=cad(50000), received_on=dt.date(2021, 2, 9), paid_with=PaidWith(method="other"), unused=cad(50000)
    ),
}

PAYMENT_FAILED: Mapping[str, PaymentFailedContext] = {
    "expired_card": PaymentFailedContext(
        amount=cad(6784),
        failed_on=dt.date(2021, 2, 15),
        paid_with=_CARD,
        number="F-10436",
        reason="expired_card",
        next_try_on=dt.date(2021, 2, 18),
        first_name="Marie",
        company="Société Test1234",
    ),
    "last_try": PaymentFailedContext(
        amount=cad(6784),
        failed_on=dt.date(2021, 2, 21),
        paid_with=_CARD,
        number="F-10436",
        reason="insufficient_funds",
        first_name="Marie",
        access_until=dt.date(2021, 2, 28),
    ),
    "nothing_known": PaymentFailedContext(
        amount=cad(6784), failed_on=dt.date(2021, 2, 15), paid_with=PaidWith(method="other")
    ),
}

PAYMENT_METHOD_EXPIRING: Mapping[str, PaymentMethodExpiringContext] = {
    "visa": PaymentMethodExpiringContext(
        month=dt.date(2021, 3, 31), card=_CARD, first_name="Marie", company="Société Test1234"
    ),
    "nothing_known": PaymentMethodExpiringContext(month=dt.date(2021, 8, 1), card=PaidWith(method="card")),
}

REFUND_ISSUED: Mapping[str, RefundIssuedContext] = {
    "to_the_card": RefundIssuedContext(
        amount=cad(6784),
        issued_on=dt.date(2021, 2, 16),
        to=_CARD,
        number="F-10391",
        credit_note="NC-204",
        first_name="Marie",
        company="Société Test1234",
    ),
    "by_cheque": RefundIssuedContext(
        amount=cad(24000),
        issued_on=dt.date(2021, 2, 16),
        to=PaidWith(method="check", reference="000318"),
        first_name="Marie",
    ),
    "nothing_known": RefundIssuedContext(
        amount=cad(24000), issued_on=dt.date(2021, 2, 16), to=PaidWith(method="other")
    ),
}

PAYMENT_RETURNED: Mapping[str, PaymentReturnedContext] = {
    "insufficient_funds": PaymentReturnedContext(
        number="F-10366",
        amount=cad(172463),
        balance=cad(172463),
        reference="001455",
        reason="insufficient_funds",
        first_name="Marie",
        company="Société Test1234",
    ),
    "with_a_fee": PaymentReturnedContext(
        number="F-10366",
        amount=cad(172463),
        balance=cad(176963),
        reason="stopped",
        fee=cad(4500),
    ),
}
