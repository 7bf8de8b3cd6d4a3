"""Ways to be charged: cards and bank accounts, the one that is charged first, and what time does to a card."""

from __future__ import annotations

from datetime import datetime

from .customers import Customers
from .state import Body, WrongValue
from .terms import add_months, seconds

# What a card's last digits make the bank say, as test cards do: code and text of the refusal.
DECLINES = {
    "0002": ("card_declined", "The card was declined by the bank."),
    "9995": ("insufficient_funds", "The card has insufficient funds."),
    "0069": ("expired_card", "The card has expired."),
}
EXPIRED = DECLINES["0069"]
# Accounts from which the money does not come, and from which it comes and is taken back days later.
ACCOUNT_REFUSED = "0002"
ACCOUNT_TAKES_BACK = "0003"


class Cards(Customers):
    """Actions on what is stored to charge a customer with."""

    def add_card(
        self,
        customer_id: str,
        *,
        last4: str = "4242",
        brand: str = "visa",
        expires: tuple[int, int] = (12, 2029),
        primary: bool = True,
    ) -> Body:
        """Store a card and, unless told otherwise, make it the one that is charged. DECLINES: those that never pay."""
        if not 1 <= expires[0] <= 12:
            raise WrongValue(f"a card does not expire in month {expires[0]}", "card[expiry_month]")
        with self._action("hosted_page"):
            customer = self._edit("customer", customer_id)
            card = {
                "first_name": customer.get("first_name", ""),
                "last_name": customer.get("last_name", ""),
                "iin": "******",
                "last4": last4,
                "brand": brand,
                "funding_type": "credit",
                "expiry_month": expires[0],
                "expiry_year": expires[1],
                "masked_number": "************" + last4,
                "object": "card",
            }
            return self._store(customer, "card", primary, card=card, issuing_country="CA")

    def add_bank_account(self, customer_id: str, *, last4: str = "6789", primary: bool = True) -> Body:
        """Store a bank account to take money from, which takes days. See ACCOUNT_REFUSED, ACCOUNT_TAKES_BACK."""
        with self._action("hosted_page"):
            customer = self._edit("customer", customer_id)
            customer["allow_direct_debit"] = True
            account = {
                "last4": last4,
                "name_on_account": customer.get("company") or customer.get("last_name", ""),
                "bank_name": "Banque Test",
                "account_type": "checking",
                "object": "bank_account",
            }
            return self._store(customer, "direct_debit", primary, bank_account=account, issuing_country="CA")

    def make_primary(self, payment_source_id: str) -> Body:
        """Charge this card or account from now on."""
        with self._action("admin_console"):
            source = self._edit("payment_source", payment_source_id)
            customer = self._edit("customer", source["customer_id"])
            self._point_to_card(customer, source)
            return customer

    def delete_card(self, payment_source_id: str) -> Body:
        """Forget a card or account; the newest of the other ones, if any, is charged from now on."""
        with self._action("hosted_page"):
            card = self._edit("payment_source", payment_source_id)
            card["deleted"] = True
            customer = self._edit("customer", card["customer_id"])
            if customer.get("backup_payment_source_id") == payment_source_id:
                customer["backup_payment_source_id"] = None
            if customer.get("primary_payment_source_id") == payment_source_id:
                rest = self.find("payment_source", customer_id=customer["id"])
                self._point_to_card(customer, rest[-1] if rest else None)
            self._tell("payment_source_deleted", card, customer)
            return card

    def _store(self, customer: Body, type: str, primary: bool, **fields: object) -> Body:
        source = self._make(
            "payment_source",
            self._new_id("pm_"),
            {
                "customer_id": customer["id"],
                "type": type,
                "reference_id": self._new_id("tok_"),
                "gateway": "chargebee",
                "gateway_account_id": "gw_boreal",
                "status": "valid",
                "created_at": self._timestamp(),
                **fields,
            },
        )
        if primary or "primary_payment_source_id" not in customer:
            self._point_to_card(customer, source)
        self._tell("payment_source_added", source, customer)
        return source

    def _card_of(self, customer_id: str) -> Body | None:
        """What the customer is charged with."""
        id = self.current("customer", customer_id).get("primary_payment_source_id")
        return self.current("payment_source", id) if id else None

    def _point_to_card(self, customer: Body, card: Body | None) -> None:
        customer["primary_payment_source_id"] = card["id"] if card else None
        customer["card_status"] = card["status"] if card and card["type"] == "card" else "no_card"
        customer["payment_method"] = card and {
            "object": "payment_method",
            "type": card["type"],
            "reference_id": card["reference_id"],
            "gateway": card["gateway"],
            "gateway_account_id": card["gateway_account_id"],
            "status": card["status"],
        }

    def _card_expires_at(self, card: Body) -> int:
        """The first second in which a card is no longer good: the month after the one printed on it."""
        printed = datetime(card["card"]["expiry_year"], card["card"]["expiry_month"], 1, tzinfo=self.zone)
        return seconds(add_months(printed, 1, self.zone))

    def _age_card(self, card_id: str, status: str) -> None:
        """What the clock does to a card: expiring a month before its end, then expired."""
        with self._action("scheduled_job"):
            card = self._edit("payment_source", card_id)
            card["status"] = status
            customer = self._edit("customer", card["customer_id"])
            if customer.get("primary_payment_source_id") == card_id:
                self._point_to_card(customer, card)
            self._tell(f"payment_source_{status}", card, customer)


def decline_of(card: Body) -> tuple[str, str] | None:
    """Why the bank will not pay with this card, or None."""
    return EXPIRED if card["status"] == "expired" else DECLINES.get(card["card"]["last4"])
