"""The kinds of e-mail, one small declaration each. The words are in templates/<name>/, the values in contexts/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from . import contexts, samples

Context = TypeVar("Context")
Audience = Literal["billing", "owner", "billing_and_owner", "finance", "ops"]


@dataclass(frozen=True)
class Kind(Generic[Context]):
    """A kind of e-mail.

    `audience` says which of a customer's contacts get it, or which of the merchant's own teams; `reply_to` which team
    answers. An `optional` kind may be turned off by the customer. `samples` are named contexts for previews and tests.
    """

    name: str
    context: type[Context]
    category: Literal["billing", "subscription", "reminder", "staff"]
    audience: Audience
    reply_to: Literal["finance", "support"]
    optional: bool = False
    samples: Mapping[str, Context] = field(default_factory=dict, compare=False, repr=False)

    @property
    def for_staff(self) -> bool:
        """Whether it goes to the merchant's own people: no customer, and the merchant's language."""
        return self.audience in ("finance", "ops")


invoice = Kind(
    "invoice",
    contexts.InvoiceContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.INVOICE,
)
payment_instructions = Kind(
    "payment_instructions",
    contexts.PaymentInstructionsContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.PAYMENT_INSTRUCTIONS,
)
payment_received = Kind(
    "payment_received",
    contexts.PaymentReceivedContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.PAYMENT_RECEIVED,
)
payment_failed = Kind(
    "payment_failed",
    contexts.PaymentFailedContext,
    category="billing",
    audience="billing_and_owner",
    reply_to="finance",
    samples=samples.PAYMENT_FAILED,
)
payment_method_expiring = Kind(
    "payment_method_expiring",
    contexts.PaymentMethodExpiringContext,
    category="billing",
    audience="owner",
    reply_to="support",
    optional=True,
    samples=samples.PAYMENT_METHOD_EXPIRING,
)
refund_issued = Kind(
    "refund_issued",
    contexts.RefundIssuedContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.REFUND_ISSUED,
)
payment_returned = Kind(
    "payment_returned",
    contexts.PaymentReturnedContext,
    category="billing",
    audience="billing",
    reply_to="finance",
    samples=samples.PAYMENT_RETURNED,
)
seats_changed = Kind(
    "seats_changed",
    contexts.SeatsChangedContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    optional=True,
    samples=samples.SEATS_CHANGED,
)
seats_change_scheduled = Kind(
    "seats_change_scheduled",
    contexts.SeatsChangeScheduledContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.SEATS_CHANGE_SCHEDULED,
)
cancellation_scheduled = Kind(
    "cancellation_scheduled",
    contexts.CancellationScheduledContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLATION_SCHEDULED,
)
cancellation_removed = Kind(
    "cancellation_removed",
    contexts.CancellationRemovedContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLATION_REMOVED,
)
cancelled = Kind(
    "cancelled",
    contexts.CancelledContext,
    category="subscription",
    audience="owner",
    reply_to="support",
    samples=samples.CANCELLED,
)
due_soon = Kind(
    "due_soon",
    contexts.ReminderContext,
    category="reminder",
    audience="billing",
    reply_to="finance",
    optional=True,
    samples=samples.DUE_SOON,
)
reminder_1 = Kind(
    "reminder_1",
    contexts.ReminderContext,
    category="reminder",
    audience="billing",
    reply_to="finance",
    samples=samples.REMINDER_1,
)
reminder_2 = Kind(
    "reminder_2",
    contexts.ReminderContext,
    category="reminder",
    audience="billing_and_owner",
    reply_to="finance",
    samples=samples.REMINDER_2,
)
reminder_3 = Kind(
    "reminder_3",
    contexts.ReminderContext,
    category="reminder",
    audience="billing_and_owner",
    reply_to="finance",
    samples=samples.REMINDER_3,
)
final_notice = Kind(
    "final_notice",
    contexts.ReminderContext,
    category="reminder",
    audience="billing_and_owner",
    reply_to="finance",
    samples=samples.FINAL_NOTICE,
)
finance_new_case = Kind(
    "finance_new_case",
    contexts.FinanceNewCaseContext,
    category="staff",
    audience="finance",
    reply_to="support",
    samples=samples.FINANCE_NEW_CASE,
)
finance_digest = Kind(
    "finance_digest",
    contexts.FinanceDigestContext,
    category="staff",
    audience="finance",
    reply_to="support",
    samples=samples.FINANCE_DIGEST,
)
ops_alert = Kind(
    "ops_alert",
    contexts.OpsAlertContext,
    category="staff",
    audience="ops",
    reply_to="support",
    samples=samples.OPS_ALERT,
)

AnyKind = Kind[Any]

ALL: tuple[AnyKind, ...] = (
    invoice,
    payment_instructions,
    payment_received,
    payment_failed,
    payment_method_expiring,
    payment_returned,
    refund_issued,
    seats_changed,
    seats_change_scheduled,
    cancellation_scheduled,
    cancellation_removed,
    cancelled,
    due_soon,
    reminder_1,
    reminder_2,
    reminder_3,
    final_notice,
    finance_new_case,
    finance_digest,
    ops_alert,
)
_BY_NAME = {kind.name: kind for kind in ALL}


def named(name: str) -> AnyKind:
    """The kind of that name; KeyError for a name that is none."""
    return _BY_NAME[name]
