"""Promotional credits: a gift of the merchant, spent on new invoices before anything else.

On an invoice they are a discount after tax: they lower its total, as no money ever came for them.
"""

from __future__ import annotations

from .balances import settle
from .comments import CLERK
from .credits import Credits
from .pricing import CURRENCY
from .state import Body, Refused, WrongValue

_TYPES = ("general", "loyalty_credits", "referral_rewards")


class Promotions(Credits):
    """Actions on promotional credits. Each is an object of its own, and the customer's balance after it."""

    def add_promotional_credits(
        self,
        customer_id: str,
        amount: int,
        description: str = "Promotional credits",
        *,
        reference: str | None = None,
        credit_type: str = "general",
    ) -> Body:
        """Give a customer credits to spend on its next invoices."""
        _must_be_a_gift(amount, credit_type)
        with self._action("admin_console"):
            return self._move_promotion(customer_id, amount, description, reference, credit_type)

    def deduct_promotional_credits(
        self,
        customer_id: str,
        amount: int,
        description: str = "Promotional credits deducted",
        *,
        reference: str | None = None,
        credit_type: str = "general",
    ) -> Body:
        """Take promotional credits back that are not spent yet."""
        _must_be_a_gift(amount, credit_type)
        with self._action("admin_console"):
            return self._move_promotion(customer_id, -amount, description, reference, credit_type)

    def set_promotional_credits(
        self,
        customer_id: str,
        amount: int,
        description: str = "Promotional credits set",
        *,
        reference: str | None = None,
    ) -> Body:
        """Add or deduct what is missing for the balance to be this amount."""
        with self._action("admin_console"):
            change = amount - self._edit("customer", customer_id)["promotional_credits"]
            if amount < 0 or change == 0:
                raise WrongValue(f"customer {customer_id}: the balance cannot be set to {amount}", "amount")
            return self._move_promotion(customer_id, change, description, reference, "general")

    def _use_promotions(self, invoice: Body) -> None:
        """Take what the customer was given off a new invoice."""
        balance = self.current("customer", invoice["customer_id"])["promotional_credits"]
        part = min(balance, invoice["amount_due"])
        if part == 0:
            return
        self._move_promotion(
            invoice["customer_id"], -part, f"Applied to the invoice # {invoice['id']}", None, "general"
        )
        discount = {"object": "discount", "entity_type": "promotional_credits", "description": "Promotional Credits"}
        invoice["discounts"] = [{**discount, "amount": part}]
        invoice["total"] -= part
        if invoice["first_invoice"]:
            invoice["new_sales_amount"] = invoice["total"]
        settle(invoice, self._timestamp())

    def _return_promotions(self, invoice: Body) -> None:
        """Give back what was spent on an invoice that is voided or deleted."""
        for discount in invoice.get("discounts", ()):
            words = f"Returned from the invoice # {invoice['id']}"
            self._move_promotion(invoice["customer_id"], discount["amount"], words, None, "general")

    def _move_promotion(
        self, customer_id: str, change: int, description: str, reference: str | None, credit_type: str
    ) -> Body:
        customer = self._edit("customer", customer_id)
        left = customer["promotional_credits"] + change
        if left < 0:
            raise Refused(
                f"customer {customer_id} has promotional credits of {left - change}: {-change} cannot be taken",
                code="invalid_request", status=400, param="amount",
            )  # fmt: skip
        customer["promotional_credits"] = left
        credit = self._make(
            "promotional_credit",
            self._new_id("pc_"),
            {
                "customer_id": customer_id,
                "type": "increment" if change > 0 else "decrement",
                "amount": abs(change),
                "description": description,
                "credit_type": credit_type,
                "reference": reference,
                "closing_balance": left,
                "done_by": None if self._acting().source == "scheduled_job" else CLERK,
                "created_at": self._timestamp(),
                "currency_code": CURRENCY,
            },
        )
        self._balance(customer_id)
        self._tell(f"promotional_credits_{'added' if change > 0 else 'deducted'}", credit, customer)
        return credit


def _must_be_a_gift(amount: int, credit_type: str) -> None:
    if amount <= 0:
        raise WrongValue("amount must be positive", "amount")
    if credit_type not in _TYPES:
        raise WrongValue(f"credit_type {credit_type} is none of {', '.join(_TYPES)}", "credit_type")
