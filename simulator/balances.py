"""What is still owed on an invoice, and what state that puts it in.

Always: total = amount_paid + amount_adjusted + write_off_amount + credits_applied + amount_due.
"""

from __future__ import annotations

from .state import Body

OPEN = ("posted", "payment_due", "not_paid")


def settle(invoice: Body, now: int) -> None:
    """Work out an invoice's amounts from what is linked to it, and its status from what is then due.

    A partial payment leaves the status as it is; a payment taken away opens a paid invoice again.
    """
    notes = invoice["adjustment_credit_notes"]
    payments = [payment for payment in invoice["linked_payments"] if payment["txn_status"] == "success"]
    invoice["amount_paid"] = sum(payment["applied_amount"] for payment in payments)
    invoice["credits_applied"] = sum(credit["applied_amount"] for credit in invoice["applied_credits"])
    invoice["write_off_amount"] = sum(note["cn_total"] for note in notes if note["cn_reason_code"] == "write_off")
    invoice["amount_adjusted"] = sum(note["cn_total"] for note in notes) - invoice["write_off_amount"]
    invoice["amount_due"] = invoice["total"] - sum(
        invoice[part] for part in ("amount_paid", "amount_adjusted", "write_off_amount", "credits_applied")
    )
    invoice["amount_to_collect"] = invoice["amount_due"]
    if invoice["status"] in ("pending", "voided"):
        return
    if invoice["amount_due"] == 0:
        if invoice["status"] != "paid":
            invoice["status"] = "paid"
            invoice["paid_at"] = now
            if invoice.get("dunning_status"):
                invoice["dunning_status"] = "success" if invoice["dunning_attempts"] else "stopped"
        invoice["next_retry_at"] = None
    elif invoice["status"] == "paid":
        invoice["status"] = status_when_open(invoice, now)
        invoice["paid_at"] = None


def status_when_open(invoice: Body, now: int) -> str:
    """The status of an invoice that owes something: posted until its due date."""
    return "posted" if invoice["due_date"] > now else "payment_due"


def refundable(invoice: Body) -> int:
    """How much of what was put into an invoice has not been given back by a credit note."""
    given_back = sum(note["cn_total"] for note in invoice["issued_credit_notes"])
    return max(0, int(invoice["amount_paid"] + invoice["credits_applied"] - given_back))
