"""Money by hand: a cheque or wire recorded on an invoice, once, and taken back when it bounced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from .writes import Call, Live, Raw

if TYPE_CHECKING:
    from .client import Gateway

BY_HAND = frozenset({"cash", "check", "bank_transfer", "other", "custom"})
PAYABLE = frozenset({"payment_due", "posted", "not_paid"})
DAY = 86_400  # seconds from the beginning of the day that a payment is dated; a clerk in Chargebee may say any of them


@dataclass(frozen=True, slots=True)
class Owed:
    """What of an invoice decides about a payment to it. Amounts in minor units."""

    status: str | None
    amount_due: int
    matching: tuple[tuple[str, bool], ...] = ()  # payments with our reference, amount and date: id, and is it on here?


@dataclass(frozen=True, slots=True)
class RecordPayment:
    """A payment that came in outside Chargebee, recorded on an invoice. Amounts in minor units, dates in seconds."""

    about: ClassVar[str] = "invoice"

    id: str
    customer_id: str
    amount: int
    method: str  # check, bank_transfer, other
    reference: str
    date: int
    comment: str
    seen: Owed

    @classmethod
    def from_payload(cls, values: dict[str, Any]) -> RecordPayment:
        seen = values["seen"]
        matching = tuple((id, on_it) for id, on_it in seen["matching"])
        return cls(**values | {"seen": Owed(**seen | {"matching": matching})})

    def read(self, gateway: Gateway) -> Live[Owed]:
        """The invoice, and every payment that is this one by all that is known of it, even if it was deleted."""
        invoice = gateway.invoice(self.id)
        same = [
            each
            for each in self._candidates(gateway, invoice)
            if each.get("reference_number") == self.reference
            and each.get("amount") == self.amount and 0 <= each.get("date", 0) - self.date < DAY
            and each.get("type") == "payment" and each.get("status") == "success"
        ]  # fmt: skip
        matching = tuple((each["id"], not each.get("deleted") and self.id in _links(each)) for each in same)
        return Live(
            [{"invoice": invoice}, *({"transaction": each} for each in same)],
            Owed(invoice.get("status"), invoice["amount_due"], matching),
        )

    def next_call(self, state: Owed) -> Call | None:
        if any(on_it for id, on_it in self._new(state)):
            return None
        given = {
            "payment_method": self.method,
            "amount": self.amount,
            "date": self.date,
            "reference_number": self.reference,
        }
        return Call("invoice", "record_payment", self.id, {"transaction": given, "comment": self.comment})

    def objection(self, state: Owed, *, begun: bool, now: datetime) -> str | None:
        if elsewhere := [id for id, on_it in self._new(state) if not on_it]:
            return (
                f"payment {self.reference} was recorded on invoice {self.id} as {elsewhere[0]}, and taken off since; "
                "it is not recorded again; look at it in Chargebee"
            )
        if state.status in PAYABLE and state.amount_due == self.seen.amount_due:
            return None
        return (
            f"invoice {self.id} was changed meanwhile: it was {self.seen.status} with {self.seen.amount_due} due "
            f"(minor units), it is {state.status} with {state.amount_due}; nothing was recorded; look, then ask anew"
        )

    def half_done(self, state: Owed) -> str | None:
        return None

    def _candidates(self, gateway: Gateway, invoice: Raw) -> list[Raw]:
        """What is listed under the reference, and what the invoice shows: a list may be behind, an object is not."""
        listed = gateway.transactions(customer_id=self.customer_id, reference_number=self.reference)
        known = {each["id"] for each in listed}
        links = [link for link in invoice.get("linked_payments") or [] if link.get("txn_amount") == self.amount]
        return listed + [gateway.transaction(link["txn_id"]) for link in links if link["txn_id"] not in known]

    def _new(self, state: Owed) -> list[tuple[str, bool]]:
        """Those that match and were not there when it was decided."""
        known = {id for id, _ in self.seen.matching}
        return [each for each in state.matching if each[0] not in known]


@dataclass(frozen=True, slots=True)
class Paid:
    """What of a payment decides about taking it back. Amounts in minor units."""

    status: str | None
    amount: int
    invoices: tuple[str, ...]
    refunded: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class TakeBackPayment:
    """A payment that the bank returned: taken off its invoices, then deleted.

    Taken off, the money stands as excess payment of the customer and could pay another invoice: so deleting follows.
    """

    about: ClassVar[str] = "transaction"

    id: str
    reason: str
    seen: Paid

    @classmethod
    def from_payload(cls, values: dict[str, Any]) -> TakeBackPayment:
        seen = values["seen"]
        return cls(**values | {"seen": Paid(**seen | {"invoices": tuple(seen["invoices"])})})

    def read(self, gateway: Gateway) -> Live[Paid]:
        content = [{"invoice": gateway.invoice(id)} for id in self.seen.invoices]
        found = read_payment(gateway, self.id)
        return Live([*content, {"transaction": found}], paid_of(found))

    def next_call(self, state: Paid) -> Call | None:
        if state.deleted:
            return None
        if state.invoices:
            return Call("invoice", "remove_payment", state.invoices[0], {"transaction": {"id": self.id}})
        return Call("transaction", "delete_offline_transaction", self.id, {"comment": self.reason})

    def objection(self, state: Paid, *, begun: bool, now: datetime) -> str | None:
        same = (state.status, state.amount, state.refunded) == (self.seen.status, self.seen.amount, self.seen.refunded)
        left = set(state.invoices) <= set(self.seen.invoices) if begun else state.invoices == self.seen.invoices
        if same and left:
            return None
        return (
            f"payment {self.id} was changed meanwhile: it was {_told(self.seen)}; it is {_told(state)}; nothing more "
            "was written; look at it in Chargebee, then ask anew"
        )

    def half_done(self, state: Paid) -> str | None:
        if state.deleted or set(state.invoices) == set(self.seen.invoices):
            return None
        return (
            f"payment {self.id} was taken off {', '.join(set(self.seen.invoices) - set(state.invoices))} and is not "
            "deleted: its money stands as excess payment of the customer and could pay another invoice; delete it in "
            "Chargebee, or let this go on with: quittance outbox release"
        )


def read_payment(gateway: Gateway, id: str) -> Raw:
    """A transaction, even if it was deleted.

    Raises:
        ProviderRefused: there never was one.
    """
    found = gateway.transactions(id=id)
    return found[0] if found else gateway.transaction(id)


def paid_of(body: Raw) -> Paid:
    return Paid(
        status=body.get("status"),
        amount=body["amount"],
        invoices=tuple(sorted(_links(body))),
        refunded=bool(body.get("linked_refunds")),
        deleted=body.get("deleted") is True,
    )


def _links(transaction: Raw) -> set[str]:
    links = transaction.get("linked_invoices") or []
    return {link["invoice_id"] for link in links if link.get("applied_amount", 0) > 0}


def _told(paid: Paid) -> str:
    on = f"on {', '.join(paid.invoices)}" if paid.invoices else "on no invoice"
    return f"{paid.status}, {paid.amount} (minor units), {on}" + (", refunded in part" if paid.refunded else "")
