"""What is still owed on an invoice, and what state that puts it in.

Always: total = amount_paid + amount_adjusted + write_off_amount + credits_applied + amount_due.
"""

from __future__ import annotations

from .state import Body

OPEN = ("posted", "payment_due", "not_paid")
_PARTS = ("amount_paid", "amount_adjusted", "write_off_amount", "credits_applied")


def settle(invoice: Body, now: int) -> None:
    """Work out an invoice's amounts from what is linked to it, and its status from what is then due.

    A partial payment leaves the status as it is; a payment taken away opens a paid invoice again.
    """
    notes = invoice["adjustment_credit_notes"]
    invoice["amount_paid"] = _linked(invoice, "success")
    invoice["credits_applied"] = sum(credit["applied_amount"] for credit in invoice["applied_credits"])
    invoice["write_off_amount"] = sum(note["cn_total"] for note in notes if note["cn_reason_code"] == "write_off")
    invoice["amount_adjusted"] = sum(note["cn_total"] for note in notes) - invoice["write_off_amount"]
    invoice["amount_due"] = invoice["total"] - sum(invoice[part] for part in _PARTS)
    invoice["amount_to_collect"] = max(0, invoice["amount_due"] - _linked(invoice, "in_progress"))
    if invoice["status"] in ("pending", "voided"):
        return
    if invoice["amount_due"] == 0:
        if invoice["status"] != "paid":
            invoice["status"] = "paid"
            invoice["paid_at"] = _paid_at(invoice, now)
            if invoice.get("dunning_status"):
                invoice["dunning_status"] = "success" if invoice["dunning_attempts"] else "stopped"
        invoice["next_retry_at"] = invoice["expected_payment_date"] = None
    elif invoice["status"] == "paid":
        invoice["status"] = status_when_open(invoice, now)
        invoice["paid_at"] = None


def status_when_open(invoice: Body, now: int) -> str:
    """The status of an invoice that owes something: posted until its due date."""
    return "posted" if invoice["due_date"] > now else "payment_due"


def is_being_paid(invoice: Body) -> bool:
    """Whether money for it is under way: until that has come or failed, nothing else may happen to the invoice."""
    return any(entry["txn_status"] == "in_progress" for entry in invoice["linked_payments"])


def refundable(invoice: Body) -> int:
    """How much of what was put into an invoice has not been given back by a credit note."""
    notes = [note for note in invoice["issued_credit_notes"] if note["cn_status"] != "voided"]
    given_back = sum(note["cn_total"] for note in notes)
    return max(0, int(invoice["amount_paid"] + invoice["credits_applied"] - given_back))


def _linked(invoice: Body, status: str) -> int:
    entries = [entry for entry in invoice["linked_payments"] if entry["txn_status"] == status]
    return sum(int(entry["applied_amount"]) for entry in entries)


def _paid_at(invoice: Body, now: int) -> int:
    """The day the money came, where money paid it: the date of the payment, which a clerk may have set."""
    last = [entry for entry in invoice["linked_payments"] if entry["txn_status"] == "success"][-1:]
    dated = [entry["txn_date"] for entry in last if entry["applied_at"] == now and entry["txn_date"] >= invoice["date"]]
    return int(dated[0]) if dated else now
