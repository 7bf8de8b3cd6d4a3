"""Customers: who buys, where they are, how they pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .catalogue import Catalogue
from .pricing import CURRENCY
from .state import Body, Refused, WrongValue

METHODS_BY_HAND = ("check", "bank_transfer", "cash", "other", "custom")
OFFLINE_METHODS = (
    "no_preference", "cash", "check", "bank_transfer", "ach_credit", "sepa_credit", "boleto",
    "us_automated_bank_transfer", "eu_automated_bank_transfer", "uk_automated_bank_transfer",
    "jp_automated_bank_transfer", "mx_automated_bank_transfer", "custom",
)  # fmt: skip
# The address of who gives none: the merchant's own province, so that its taxes are seen at work.
AT_HOME: Body = {}
# What a clerk may change about a customer; everything else follows from billing. Custom fields start with cf_.
_EDITABLE = frozenset(
    "first_name last_name email phone company locale auto_collection offline_payment_method net_term_days contacts"
    " billing_address taxability vat_number invoice_notes meta_data preferred_currency_code"
    " backup_payment_source_id".split()
)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "auto_collection": ("on", "off"),
    "offline_payment_method": OFFLINE_METHODS,
    "taxability": ("taxable", "exempt"),
    "preferred_currency_code": (CURRENCY,),
}
_REQUIRED = ("auto_collection", "net_term_days", "taxability")


class Customers(Catalogue):
    """Actions on customers: make, change, delete."""

    def create_customer(
        self,
        *,
        company: str | None = None,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        locale: str | None = "fr-CA",
        auto_collection: str = "on",
        offline_payment_method: str | None = None,
        net_term_days: int = 0,
        contacts: Sequence[Body] = (),
        address: Body | None = AT_HOME,
        taxability: str = "taxable",
        id: str | None = None,
        **fields: object,
    ) -> Body:
        """A new customer. An address that names no country is in Montréal; with None there is none at all.

        Locales go out with a hyphen, as Chargebee writes them.
        """
        settings = {
            "auto_collection": auto_collection,
            "offline_payment_method": offline_payment_method,
            "net_term_days": net_term_days,
            "taxability": taxability,
            **fields,
        }
        _must_be_possible(settings)
        named = {"first_name": first_name, "last_name": last_name, "company": company}
        with self._action("admin_console"):
            return self._make(
                "customer",
                id or self._new_id(),
                {
                    **named,
                    "email": email,
                    "allow_direct_debit": False,
                    "created_at": self._timestamp(),
                    "locale": _locale(locale),
                    "pii_cleared": "active",
                    "channel": "web",
                    "billing_address": None if address is None else _address(named, address),
                    "contacts": _contacts(contacts),
                    "card_status": "no_card",
                    "promotional_credits": 0,
                    "refundable_credits": 0,
                    "excess_payments": 0,
                    "unbilled_charges": 0,
                    "preferred_currency_code": CURRENCY,
                    **settings,
                },
            )

    def change_customer(self, customer_id: str, **changes: object) -> Body:
        """Change what a clerk may change; None takes a field away."""
        _must_be_possible(changes)
        with self._action("admin_console"):
            customer = self._edit("customer", customer_id)
            for field, value in changes.items():
                if field == "locale" and isinstance(value, str):
                    value = _locale(value)
                if field == "contacts" and isinstance(value, Sequence):
                    value = _contacts(value)
                if field == "billing_address" and isinstance(value, Mapping):
                    value = {**value, "object": "billing_address"}
                customer[field] = value
            return customer

    def update_billing_info(
        self, customer_id: str, *, billing_address: Body | None, vat_number: str | None = None
    ) -> Body:
        """Set the billing address and the VAT number together; what is not given is taken away, as Chargebee does."""
        given = billing_address and {"validation_status": "not_validated", **billing_address}
        return self.change_customer(customer_id, billing_address=given, vat_number=vat_number)

    def delete_customer(self, customer_id: str) -> Body:
        """Remove a customer and its cards. Refused while anything was sold to it: those objects would be orphans."""
        with self._action("admin_console"):
            for kind in ("subscription", "invoice", "transaction"):
                if self.has(kind, customer_id=customer_id):
                    raise Refused(f"customer {customer_id} still has a {kind}")
            customer = self._edit("customer", customer_id)
            for kind in ("payment_source", "unbilled_charge"):
                for body in self.find(kind, customer_id=customer_id):
                    self._edit(kind, body["id"])["deleted"] = True
            customer["deleted"] = True
            self._tell("customer_deleted", customer)
            return customer


def _must_be_possible(fields: Mapping[str, object]) -> None:
    unknown = {field for field in fields if field not in _EDITABLE and not field.startswith("cf_")}
    if unknown:
        raise WrongValue(f"{', '.join(sorted(unknown))}: cannot be changed", min(unknown))
    must_be_choices(fields, _CHOICES)
    for field in _REQUIRED:
        if field in fields and fields[field] is None:
            raise WrongValue(f"{field} cannot be empty", field)


def must_be_choices(fields: Mapping[str, object], choices: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a field whose value is none of its choices, and terms of payment that are no number of days."""
    for field, possible in choices.items():
        if fields.get(field) is not None and fields[field] not in possible:
            raise WrongValue(f"{field} {fields[field]} is none of {', '.join(possible)}", field)
    days = fields.get("net_term_days")
    if days is not None and (not isinstance(days, int) or days < 0):
        raise WrongValue("net_term_days must be a number of days, 0 or more", "net_term_days")


def _locale(locale: str | None) -> str | None:
    return locale.replace("_", "-") if locale else None


def _address(named: Body, given: Body) -> Body:
    home = {
        "line1": "1234 rue Test",
        "city": "Montréal",
        "state_code": "QC",
        "state": "Quebec",
        "country": "CA",
        "zip": "H1H 1H1",
    }
    somewhere = {} if given.get("country") else home
    address = {**named, **somewhere, "validation_status": "not_validated", **given, "object": "billing_address"}
    return {field: value for field, value in address.items() if value is not None}


def _contacts(given: Sequence[Body]) -> list[Body] | None:
    return [
        {
            "id": f"contact_{number}",
            "enabled": True,
            "send_account_email": False,
            "send_billing_email": True,
            **contact,
            "object": "contact",
        }
        for number, contact in enumerate(given, 1)
    ] or None
