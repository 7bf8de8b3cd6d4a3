"""What each kind of e-mail says, as values: amounts, dates and words, never rows of the database.

A field that may be absent is left out of the text, so a mail never says more than is known.
"""

from .invoices import Discount, InvoiceContext, Line, OfflineMethod, PaymentInstructionsContext, Tax
from .letters import Balance, PaidWith, ToCustomer
from .payments import (
    PaidInvoice,
    PaymentFailedContext,
    PaymentMethodExpiringContext,
    PaymentReceivedContext,
    PaymentReturnedContext,
    RefundIssuedContext,
)
from .reminders import OpenInvoice, ReminderContext
from .staff import Bucket, DigestCase, FinanceDigestContext, FinanceNewCaseContext, OpsAlertContext
from .subscriptions import (
    CancellationRemovedContext,
    CancellationScheduledContext,
    CancelledContext,
    SeatsChangedContext,
    SeatsChangeScheduledContext,
)

__all__ = [
    "Balance",
    "Bucket",
    "CancellationRemovedContext",
    "CancellationScheduledContext",
    "CancelledContext",
    "DigestCase",
    "Discount",
    "FinanceDigestContext",
    "FinanceNewCaseContext",
    "InvoiceContext",
    "Line",
    "OfflineMethod",
    "OpenInvoice",
    "OpsAlertContext",
    "PaidInvoice",
    "PaidWith",
    "PaymentFailedContext",
    "PaymentInstructionsContext",
    "PaymentMethodExpiringContext",
    "PaymentReceivedContext",
    "PaymentReturnedContext",
    "RefundIssuedContext",
    "ReminderContext",
    "SeatsChangeScheduledContext",
    "SeatsChangedContext",
    "Tax",
    "ToCustomer",
]
