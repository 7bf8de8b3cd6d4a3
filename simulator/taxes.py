"""Taxes by place of supply: TPS and TVQ in Québec, HST in Ontario, none elsewhere.

Each is a part of the amount before tax, rounded half up to the cent once an invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .pricing import share
from .state import Body


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax on the pre-tax amount: `rate` in percent, exact."""

    name: str
    rate: Fraction
    jurisdiction_type: str
    jurisdiction_name: str
    jurisdiction_code: str

    @property
    def description(self) -> str:
        return f"{self.name} @ {float(self.rate):g}%"


TPS = Tax("TPS", Fraction(5), "country", "Canada", "CA")
TVQ = Tax("TVQ", Fraction(9975, 1000), "state", "Quebec", "QC")
HST = Tax("HST", Fraction(13), "state", "Ontario", "ON")
TAXES = {tax.name: tax for tax in (TPS, TVQ, HST)}
_BY_PROVINCE = {"QC": (TPS, TVQ), "ON": (HST,)}
_CODES = {"quebec": "QC", "québec": "QC", "ontario": "ON"}


def taxes_at(address: Body | None) -> tuple[Tax, ...]:
    """The taxes on what is supplied to an address. One that says too little is taxed as nowhere."""
    if not address or address.get("country") != "CA":
        return ()
    code = address.get("state_code") or _CODES.get(str(address.get("state", "")).casefold(), "")
    return _BY_PROVINCE.get(str(code).upper(), ())


def taxes_for(customer: Body) -> tuple[Tax, ...]:
    """The taxes on what a customer buys."""
    return () if customer.get("taxability") == "exempt" else taxes_at(customer.get("billing_address"))


def taxes_of(invoice: Body) -> tuple[Tax, ...]:
    """The taxes an invoice was made with: what is credited on it is taxed alike, wherever the customer lives now."""
    return tuple(TAXES[tax["name"]] for tax in invoice["taxes"])


def tax_on(amount: int, tax: Tax) -> int:
    """A tax on a pre-tax amount: 5.885 is 5.89."""
    return share(amount, tax.rate.numerator, 100 * tax.rate.denominator)


def taxes_on(amount: int, taxes: Sequence[Tax]) -> int:
    """All taxes on a pre-tax amount, each rounded by itself."""
    return sum(tax_on(amount, tax) for tax in taxes)


def tax_by_line(amounts: Sequence[int], tax: Tax) -> list[int]:
    """A tax on the sum of the lines, shared out among them so that the shares add up to it exactly."""
    shares = []
    so_far = taxed = 0
    for amount in amounts:
        so_far += amount
        shares.append(tax_on(so_far, tax) - taxed)
        taxed += shares[-1]
    return shares
