"""Customers and their cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .pricing import CURRENCY
from .state import Body, Refused, State, WrongValue
from .terms import add_months, seconds

# What a clerk may change about a customer; everything else follows from billing.
_EDITABLE = frozenset(
    "first_name last_name email phone company locale auto_collection offline_payment_method net_term_days contacts"
    " billing_address".split()
)
METHODS_BY_HAND = ("check", "bank_transfer", "cash", "other", "custom")


class Customers(State):
    """Actions on customers: make, change, delete; give and take cards."""

    def create_customer(
        self,
        *,
        company: str,
        email: str | None,
        first_name: str | None = None,
        last_name: str | None = None,
        locale: str | None = "fr-CA",
        auto_collection: str = "on",
        offline_payment_method: str | None = None,
        net_term_days: int = 0,
        contacts: Sequence[Body] = (),
        address: Body | None = None,
        id: str | None = None,
    ) -> Body:
        """A new customer with a Québec address. Locales go out with a hyphen, as Chargebee writes them."""
        with self._action("admin_console"):
            return self._make(
                "customer",
                id or self._new_id(),
                {
                    "first_name": first_name,
                    "last_name": last_name,
                    "email": email,
                    "company": company,
                    "auto_collection": auto_collection,
                    "offline_payment_method": offline_payment_method,
                    "net_term_days": net_term_days,
                    "allow_direct_debit": False,
                    "created_at": self._timestamp(),
                    "taxability": "taxable",
                    "locale": locale.replace("_", "-") if locale else None,
                    "pii_cleared": "active",
                    "channel": "web",
                    "billing_address": _address(first_name, last_name, company, address or {}),
                    "contacts": [_contact(contact, number) for number, contact in enumerate(contacts, 1)] or None,
                    "card_status": "no_card",
                    "promotional_credits": 0,
                    "refundable_credits": 0,
                    "excess_payments": 0,
                    "unbilled_charges": 0,
                    "preferred_currency_code": CURRENCY,
                },
            )

    def change_customer(self, customer_id: str, **changes: object) -> Body:
        """Change what a clerk may change; None takes a field away."""
        if unknown := changes.keys() - _EDITABLE:
            raise WrongValue(f"{', '.join(sorted(unknown))}: cannot be changed")
        with self._action("admin_console"):
            customer = self._edit("customer", customer_id)
            for field, value in changes.items():
                if field == "locale" and isinstance(value, str):
                    value = value.replace("_", "-")
                if field == "contacts" and isinstance(value, Sequence):
                    value = [_contact(contact, number) for number, contact in enumerate(value, 1)] or None
                customer[field] = value
            return customer

    def delete_customer(self, customer_id: str) -> Body:
        """Remove a customer and its cards. Refused while anything was sold to it: those objects would be orphans."""
        with self._action("admin_console"):
            for kind in ("subscription", "invoice", "transaction"):
                if any(body["customer_id"] == customer_id for body in self.all(kind)):
                    raise Refused(f"customer {customer_id} still has a {kind}")
            for card in self._cards(customer_id):
                self._edit("payment_source", card["id"])["deleted"] = True
            customer = self._edit("customer", customer_id)
            customer["deleted"] = True
            self._tell("customer_deleted", customer)
            return customer

    def add_card(
        self, customer_id: str, *, last4: str = "4242", brand: str = "visa", expires: tuple[int, int] = (12, 2029)
    ) -> Body:
        """Store a card and make it the one that is charged. 0002 at its end: the bank declines it."""
        with self._action("hosted_page"):
            customer = self._edit("customer", customer_id)
            card = self._make(
                "payment_source",
                self._new_id("pm_"),
                {
                    "customer_id": customer_id,
                    "type": "card",
                    "reference_id": self._new_id("tok_"),
                    "gateway": "chargebee",
                    "gateway_account_id": "gw_boreal",
                    "status": "valid",
                    "created_at": self._timestamp(),
                    "card": {
                        "brand": brand,
                        "expiry_month": expires[0],
                        "expiry_year": expires[1],
                        "funding_type": "credit",
                        "iin": "******",
                        "last4": last4,
                        "masked_number": "************" + last4,
                        "object": "card",
                    },
                },
            )
            self._point_to_card(customer, card)
            self._tell("payment_source_added", card, customer)
            return card

    def delete_card(self, payment_source_id: str) -> Body:
        """Forget a card; another stored one, if any, is charged from now on."""
        with self._action("hosted_page"):
            card = self._edit("payment_source", payment_source_id)
            card["deleted"] = True
            customer = self._edit("customer", card["customer_id"])
            rest = self._cards(customer["id"])
            self._point_to_card(customer, rest[-1] if rest else None)
            self._tell("payment_source_deleted", card, customer)
            return card

    def _cards(self, customer_id: str) -> list[Body]:
        return [card for card in self.all("payment_source") if card["customer_id"] == customer_id]

    def _point_to_card(self, customer: Body, card: Body | None) -> None:
        customer["primary_payment_source_id"] = card["id"] if card else None
        customer["card_status"] = card["status"] if card else "no_card"
        customer["payment_method"] = card and {
            "object": "payment_method",
            "type": "card",
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


def _address(first_name: str | None, last_name: str | None, company: str, given: Body) -> Body:
    address = {
        "first_name": first_name,
        "last_name": last_name,
        "company": company,
        "line1": "1234 rue Test",
        "city": "Montréal",
        "state_code": "QC",
        "state": "Quebec",
        "country": "CA",
        "zip": "H1H 1H1",
        "validation_status": "not_validated",
        **given,
        "object": "billing_address",
    }
    return {field: value for field, value in address.items() if value is not None}


def _contact(given: Body, number: int) -> Body:
    return {
        "id": f"contact_{number}",
        "enabled": True,
        "send_account_email": False,
        "send_billing_email": True,
        **given,
        "object": "contact",
    }
