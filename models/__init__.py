"""Rows: one noun per file, and the transaction they live in."""

from .audit import AuditEntry, Finding
from .base import Base
from .budget import CallBudget
from .cancellation import Cancellation
from .clock import BusinessClock
from .customer import Customer, PaymentSource
from .followup import Followup, FollowupEntry
from .heartbeat import Heartbeat, JobTurn
from .inbox import InboxEvent
from .invoice import CreditNote, Invoice
from .outbox import OutboxRow
from .payment import Payment, PaymentApplication, Transaction
from .reading import FoundEvent, JobSlot, ListedObject, Reading
from .recipient import DeadAddress, LanguageChoice, MailPace, MailReport, OptOut
from .subscription import SeatEntry, Subscription, SubscriptionItem

__all__ = [
    "AuditEntry",
    "Base",
    "BusinessClock",
    "CallBudget",
    "Cancellation",
    "CreditNote",
    "Customer",
    "DeadAddress",
    "Finding",
    "Followup",
    "FollowupEntry",
    "FoundEvent",
    "Heartbeat",
    "InboxEvent",
    "Invoice",
    "JobSlot",
    "JobTurn",
    "LanguageChoice",
    "ListedObject",
    "MailPace",
    "MailReport",
    "OptOut",
    "OutboxRow",
    "Payment",
    "PaymentApplication",
    "PaymentSource",
    "Reading",
    "SeatEntry",
    "Subscription",
    "SubscriptionItem",
    "Transaction",
]
