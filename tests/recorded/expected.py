"""What each recorded Chargebee body must lead to, one row per file, written by reading the bodies and the design.

Nothing here is computed: the table is the second opinion on the rules in billing/, so it shares no code with them.
A row holds for its file posted alone to an empty database and worked off, with no Chargebee API configured, the
site in America/Toronto, no seat item prices listed, an effects horizon of a hundred years and the clock at now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["applied", "ignored", "parked"]


@dataclass(frozen=True)
class Paid:
    """Money that moved: `amount` and what each invoice got of it, in minor units (US cents in every body)."""

    kind: Literal["payment", "refund"]
    amount: int
    applied: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What a body leaves behind once everything due has been done, the sweep of due cancellations included."""

    status: Status
    reason_contains: tuple[str, ...] = ()
    """Words that the reason of an event that was not applied says, whatever the sentence around them."""
    seats: dict[str, int] = field(default_factory=dict)
    """Current seats by subscription; a subscription that is not here has no row."""
    open_followup: dict[str, int] = field(default_factory=dict)
    """Balance in minor units by invoice. No recorded body opens one, see FOLLOWUPS below."""
    cancellation: dict[str, tuple[Literal["scheduled", "run"], int]] = field(default_factory=dict)
    """State and effective instant (epoch seconds) by subscription, of cancellations to come or carried out."""
    payments: dict[str, Paid] = field(default_factory=dict)
    """By transaction: successful payments and refunds. An authorization moves no money."""
    invoice_mails: frozenset[str] = frozenset()
    """Invoices whose one invoice mail is called for."""
    invoice_mails_sent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Recipients, sorted, of those of them whose customer's address the body gives."""
    other_mails: frozenset[tuple[str, str]] = frozenset()
    """Any other mail that was sent: its kind, and what it is about."""


NO_OBJECT = ("no object we keep",)
"""The design's words for a body that carries none of the kept objects (addons, plans, coupons, orders ..)."""

# The paid invoice "1" of 7 August 2012: total 9,95 US$, all of it paid by one card transaction that only the invoice's
# linked_payments tell of. Two bodies carry it.
CARD_PAYMENT_OF_INVOICE_1 = {"txn_3Nl7oGgQqGFs2lf": Paid("payment", 995, {"1": 995})}
MAIL_OF_INVOICE_1 = frozenset({"1"})
SENT_OF_INVOICE_1: dict[str, tuple[str, ...]] = {"1": ("Benjamin@test.com",)}

# FOLLOWUPS. Five invoices are recorded and none opens a case:
#   1      paid
#   4      payment_due, 1000 due, but the customer in the same body pays by direct debit with collection on, and the
#          subscription says nothing of its own; that the debit is still in progress changes nothing
#   19     posted, 500000 due, net 30 days, but nobody ever says who customer 16CHTpRzjKx2O7mo is: collection unknown
#   21     not_paid, 32400 due, but deleted (and its customer is not in the body)
#   draft_inv_..  pending
#
# MINIMAL FIELDS. Every invoice, transaction and credit note here carries status, amounts, currency, dates and customer,
# so no row depends on what a bare one does. By the design it would park: an amount without its currency is not money.
# The only JSON numbers with a fraction are exchange_rate, tax_rate and discount_percentage, none of which is money.

EXPECTED: dict[str, Expected] = {
    "addon_created.json": Expected("ignored", NO_OBJECT),
    "addon_updated.json": Expected("ignored", NO_OBJECT),
    # A card was checked for 1000 and nothing was taken: the transaction is kept, no payment.
    "authorization_succeeded.json": Expected("applied"),
    # The four card bodies carry only the customer; the card itself is not there.
    "card_added.json": Expected("applied"),
    "card_deleted.json": Expected("applied"),
    "card_expiry_reminder.json": Expected("applied"),
    "card_updated.json": Expected("applied"),
    "coupon_codes_added.json": Expected("ignored", NO_OBJECT),
    "coupon_codes_deleted.json": Expected("ignored", NO_OBJECT),
    "coupon_codes_updated.json": Expected("ignored", NO_OBJECT),
    "coupon_created.json": Expected("ignored", NO_OBJECT),
    "coupon_set_created.json": Expected("ignored", NO_OBJECT),
    "coupon_set_deleted.json": Expected("ignored", NO_OBJECT),
    "coupon_updated.json": Expected("ignored", NO_OBJECT),
    # Both credit notes refer to invoices, customers and subscriptions that are not in the body: nothing waits for them.
    "credit_note_created.json": Expected("applied"),
    "credit_note_deleted.json": Expected("applied"),
    # Customer and card; the customer is kept.
    "customer_created--2.json": Expected("applied"),
    "customer_created.json": Expected("applied"),
    # Hand-written and bare: no version, so the event's time stands in for it.
    "customer_deleted--2.json": Expected("applied"),
    "customer_deleted--3.json": Expected("applied"),
    # The customer, and under a plural name the one subscription that went with it: active with one seat, but deleted.
    "customer_deleted.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 0}),
    "customer_moved_in.json": Expected("applied"),
    "customer_moved_out.json": Expected("applied"),
    # not_paid with 32400 due, but a tombstone: kept as deleted, asks for nothing.
    "invoice_deleted.json": Expected("applied"),
    # posted with 500000 due in 30 days. Its customer is unknown, so is collection: no case, no mail, and not parked.
    "invoice_generated.json": Expected("applied"),
    "order_cancelled.json": Expected("ignored", NO_OBJECT),
    "order_created.json": Expected("ignored", NO_OBJECT),
    "order_delivered.json": Expected("ignored", NO_OBJECT),
    "order_ready_to_process.json": Expected("ignored", NO_OBJECT),
    "order_ready_to_ship.json": Expected("ignored", NO_OBJECT),
    "order_updated.json": Expected("ignored", NO_OBJECT),
    # A direct debit still in progress: no payment yet, although the invoice already links it. Collection is on, so the
    # open invoice calls for no mail. In trial counts: plan quantity 1.
    "payment_initiated.json": Expected("applied", seats={"createSubs": 1}),
    "payment_intent_created.json": Expected("ignored", NO_OBJECT),
    "payment_intent_updated.json": Expected("ignored", NO_OBJECT),
    # Two cents go back through a credit note, not through the invoice: the refund names no invoice, and the payment it
    # reverses in part still paid all of invoice 1. The plan's one seat counts, the data_usage add-on does not.
    "payment_refunded.json": Expected(
        "applied",
        seats={"3Nl7oGgQqGFprj9": 1},
        payments={**CARD_PAYMENT_OF_INVOICE_1, "txn_3Nl7oGgQqGG07E3V": Paid("refund", 2)},
        invoice_mails=MAIL_OF_INVOICE_1,
        invoice_mails_sent=SENT_OF_INVOICE_1,
        other_mails=frozenset({("refund_issued", "txn_3Nl7oGgQqGG07E3V")}),
    ),
    # In spite of the name, both payment source bodies carry only the customer.
    "payment_source_added.json": Expected("applied"),
    "payment_source_deleted.json": Expected("applied"),
    # pending: not an invoice to pay yet, whatever its amount_due says.
    "pending_invoice_created.json": Expected("applied"),
    "plan_created.json": Expected("ignored", NO_OBJECT),
    "plan_deleted.json": Expected("ignored", NO_OBJECT),
    # The promotional credit is not kept, the customer beside it is.
    "promotional_credits_added.json": Expected("applied"),
    # Catalogue 2.0, a plan item of quantity 1. Its term ended in 2010, but `active` is what counts.
    "subscription_activated--2.json": Expected("applied", seats={"sub_123": 1}),
    "subscription_activated.json": Expected(
        "applied",
        seats={"3Nl7oGgQqGFprj9": 1},
        payments=CARD_PAYMENT_OF_INVOICE_1,
        invoice_mails=MAIL_OF_INVOICE_1,
        invoice_mails_sent=SENT_OF_INVOICE_1,
    ),
    # non_renewing until 7 October 2012, long past: 1 seat when merged, 0 once the sweep has carried it out.
    "subscription_cancellation_reminder.json": Expected(
        "applied",
        seats={"3Nl7oGgQqGFprj9": 0},
        cancellation={"3Nl7oGgQqGFprj9": ("run", 1349638824)},
        other_mails=frozenset({("cancelled", "3Nl7oGgQqGFprj9")}),
    ),
    # The same subscription snapshot as in the reminder, so the same end: 1 seat, then 0.
    "subscription_cancellation_scheduled.json": Expected(
        "applied",
        seats={"3Nl7oGgQqGFprj9": 0},
        cancellation={"3Nl7oGgQqGFprj9": ("run", 1349638824)},
        other_mails=frozenset({("cancelled", "3Nl7oGgQqGFprj9")}),
    ),
    # cancelled, so that neither plan nor items are needed. It does not say when. Real bodies do, and theirs is about
    # the time of the event; so the time of the snapshot, which here is the event's, stands in for it.
    "subscription_cancelled.json": Expected(
        "applied",
        seats={"sub_123": 0},
        cancellation={"sub_123": ("run", 1234567890)},
        other_mails=frozenset({("cancelled", "sub_123")}),
    ),
    "subscription_changed.json": Expected("applied", seats={"sub_123": 1}),
    "subscription_created--2.json": Expected("applied", seats={"sub_123": 1}),
    # content is {}.
    "subscription_created--3.json": Expected("ignored", NO_OBJECT),
    # active, with neither plan nor items: how many seats was it sold with? A person must look, and nothing of it stays.
    "subscription_created--4.json": Expected("parked", ("sub_123", "plan", "items")),
    # The subscription lacks `object`; its name in content says what it is.
    "subscription_created--5.json": Expected("applied", seats={"sub_123": 1}),
    # future, and stays so until Chargebee says it has started, although its start date is long past.
    "subscription_created.json": Expected("applied", seats={"AzqgumSAxXl3xAxW": 0}),
    # in_trial with one seat, but deleted.
    "subscription_deleted.json": Expected("applied", seats={"tax customer test": 0}),
    # active until the pause comes; pausing is Chargebee's to do and to tell.
    "subscription_pause_scheduled.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 1}),
    "subscription_resumed.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 1}),
    "subscription_scheduled_changes_removed.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 1}),
    # paused.
    "subscription_scheduled_resumption_removed.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 0}),
    # in_trial; the trial ended in 2012, which Chargebee tells by another status.
    "subscription_trial_end_reminder.json": Expected("applied", seats={"3Nl7oGgQqGFprj9": 1}),
    "unbilled_charges_created.json": Expected("ignored", NO_OBJECT),
    "unbilled_charges_deleted.json": Expected("ignored", NO_OBJECT),
    "unbilled_charges_voided.json": Expected("ignored", NO_OBJECT),
    # Bank account details are not kept, the customer beside them is.
    "virtual_bank_account_added.json": Expected("applied"),
    "virtual_bank_account_updated.json": Expected("applied"),
}


# Posted as they were recorded. 63 bodies bear 52 ids, because three ids were used more than once. Each of the bodies
# that share an id differs from the others in its event type or its content, so none is a mere duplicate: the first
# stays, and each later one is counted on the finding of its id (1 + 5 + 5 = 63 - 52).

SHARED_IDS: dict[str, tuple[str, ...]] = {
    "ev_123": (
        "subscription_activated--2.json",
        "subscription_changed.json",
        "subscription_created--2.json",
        "subscription_created--3.json",
        "subscription_created--4.json",
        "subscription_created--5.json",
    ),
    # The same order under six event types; four of the bodies have the very same content.
    "ev_XpbG6hnQqGFlw73J": (
        "order_cancelled.json",
        "order_created.json",
        "order_delivered.json",
        "order_ready_to_process.json",
        "order_ready_to_ship.json",
        "order_updated.json",
    ),
    "ev_delete": ("customer_deleted--2.json", "customer_deleted--3.json"),
}

# Of the 63, one body cannot be understood, and only where it is the first to bear ev_123 is it stored at all: posted in
# the order of the file names, the well-formed subscription_activated--2.json is first, and nothing is parked.
PARKED_AS_RECORDED: dict[str, tuple[str, ...]] = {}
PARKED_WHEN_THE_BARE_SUBSCRIPTION_COMES_FIRST: dict[str, tuple[str, ...]] = {
    "ev_123": EXPECTED["subscription_created--4.json"].reason_contains
}


# All 63 together, each under an id of its own, in whatever order. For each object the greatest snapshot stays, by
# (resource_version, else updated_at x 1000, else the event's occurred_at x 1000; deleted; occurred_at; digest).
# Instants in comments are the deciding numbers.


@dataclass(frozen=True)
class Row:
    """A mirror row, as far as a reader of the bodies can foresee it."""

    version: int
    deleted: bool
    says: dict[str, object] = field(default_factory=dict)
    """Members of the snapshot that stays, by their name in the body; None where the snapshot lacks the member."""


CUSTOMERS: dict[str, Row] = {
    # Sixteen bodies tell of this customer, from 1341085225000 to 1367437312000. The deletion (1359833508000) is
    # overtaken by six of them; the last two, card_deleted and payment_source_deleted, hold the same snapshot.
    "3Nl7oGgQqGFprj9": Row(
        1367437312000, False, {"first_name": "Joe", "auto_collection": "off", "email": "Benjamin@test.com"}
    ),
    "8avVGOkx8U1MX": Row(1412101845000, False, {"auto_collection": "on", "email": "Benjamin@test.com"}),
    # customer_created and subscription_created hold the same snapshot.
    "16CHTnSAxXWqMAg8": Row(1600447719572, False, {"auto_collection": "on", "email": None, "locale": "en"}),
    # No versions: eight bodies tie at 1234567890000, and deleted wins. Which of the two deletions, the digest says.
    "cust_123": Row(1234567890000, True, {"email": "test@example.com", "auto_collection": None}),
    "copyCustomer": Row(1368128630000, False, {"auto_collection": "off", "email": None}),
    "createSubs": Row(1362253280000, False, {"auto_collection": "on", "email": "createSubs@test.com"}),
    "XpbG6hnQqGGD0P3g": Row(1368301434000, False, {"auto_collection": "off", "email": None}),
    # virtual_bank_account_updated (..438) after _added (..437), with another address.
    "XpbG6hnQqGGhhG4e": Row(1368301438000, False, {"auto_collection": "on", "email": "sample2@sample.com"}),
    "16BjsrSIh4AdLqkD": Row(1607703231029, False, {"auto_collection": "on", "email": "taxes@test.com"}),
}

SUBSCRIPTIONS: dict[str, Row] = {
    # trial_end_reminder 1341690026000 < activated 1344368425000 < cancellation_* 1349120451000
    # < customer_deleted 1359833508000 (a tombstone) < scheduled_changes_removed 1362253265000
    # < payment_refunded 1362253266000 < pause_scheduled 1365018091000
    # < scheduled_resumption_removed 1366400510000 < resumed.
    "3Nl7oGgQqGFprj9": Row(1366832511000, False, {"status": "active", "plan_id": "no_trial", "cancelled_at": None}),
    # Five hand-written snapshots tie at 1234567890000 (a sixth is parked): the digest says which status stays.
    "sub_123": Row(1234567890000, False, {"customer_id": "cust_123", "cancelled_at": None}),
    "createSubs": Row(1362253267000, False, {"status": "in_trial"}),
    "AzqgumSAxXl3xAxW": Row(1600447774293, False, {"status": "future"}),
    "tax customer test": Row(1607703231030, True, {"status": "in_trial", "auto_collection": "off"}),
}

SEATS: dict[str, int] = {
    "3Nl7oGgQqGFprj9": 1,
    "createSubs": 1,
    "AzqgumSAxXl3xAxW": 0,
    "tax customer test": 0,
}
# sub_123: as the status that stays says, and the same in every order.
SEATS_OF_SUB_123: dict[str, int] = {"active": 1, "in_trial": 1, "cancelled": 0}
CANCELLATIONS_OF_SUB_123: dict[str, dict[str, tuple[Literal["scheduled", "run"], int]]] = {
    "active": {},
    "in_trial": {},
    "cancelled": {"sub_123": ("run", 1234567890)},
}

INVOICES: dict[str, Row] = {
    # payment_refunded (1362253267000) after subscription_activated (1344368425000).
    "1": Row(1362253267000, False, {"status": "paid", "amount_due": 0, "amount_paid": 995}),
    "4": Row(1362253290000, False, {"status": "payment_due", "amount_due": 1000}),
    "19": Row(1600440413171, False, {"status": "posted", "amount_due": 500000}),
    "21": Row(1607703253864, True, {"status": "not_paid", "amount_due": 32400}),
    "draft_inv_16BgPKSClXofl2Eic": Row(1602102737738, False, {"status": "pending", "amount_due": 2500}),
}

TRANSACTIONS: dict[str, Row] = {
    "txn_5SK0b4wDR6XfE8E1F": Row(1456829403000, False, {"type": "authorization", "status": "success", "amount": 1000}),
    "txn_3Nl7oGgQqGG4tN3n": Row(1362253290000, False, {"type": "payment", "status": "in_progress", "amount": 1000}),
    "txn_3Nl7oGgQqGG07E3V": Row(1362253267000, False, {"type": "refund", "status": "success", "amount": 2}),
}

CREDIT_NOTES: dict[str, Row] = {
    "TEST-CN-1": Row(1362253266000, False, {"status": "refund_due", "reference_invoice_id": "3", "total": 871}),
    "TEST-CN-2": Row(1362253267000, False, {"status": "refunded", "reference_invoice_id": "1", "total": 2}),
    "TEST-CN-4_171000000014": Row(1367523763000, True, {"reference_invoice_id": "1", "total": 100}),
}

PAYMENT_SOURCES: dict[str, Row] = {}

PAYMENTS: dict[str, Paid] = EXPECTED["payment_refunded.json"].payments

# The customer of invoice 1 ends with collection off, but the invoice is paid; see FOLLOWUPS above for the others.
OPEN_FOLLOWUPS: dict[str, int] = {}

# The cancellation of 2012 was over before the subscription was last seen, active.
CANCELLATIONS: dict[str, tuple[Literal["scheduled", "run"], int]] = {}

INVOICE_MAILS: frozenset[str] = MAIL_OF_INVOICE_1
INVOICE_MAILS_SENT: dict[str, tuple[str, ...]] = SENT_OF_INVOICE_1
