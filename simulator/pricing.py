"""What things cost: the catalogue of the make-believe merchant, Québec's taxes, proration.

Amounts are integers in cents, and never negative; every rounding is half up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

CURRENCY = "CAD"


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """A price of the catalogue. `amount` is for one unit and one period; a flat price has no quantity."""

    id: str
    item_type: str  # plan | addon
    name: str
    months: int
    amount: int
    pricing_model: str = "per_unit"  # per_unit | flat_fee


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


MONTHLY = ItemPrice("boreal-cloud-CAD-Monthly", "plan", "Licence Boréal Cloud (CAD)", 1, 5900)
YEARLY = ItemPrice("boreal-cloud-CAD-Yearly", "plan", "Licence Boréal Cloud (CAD)", 12, 66000)
SUPPORT = ItemPrice("soutien-CAD-Yearly", "addon", "Soutien prioritaire (CAD)", 12, 18000, "flat_fee")
CATALOGUE = {price.id: price for price in (MONTHLY, YEARLY, SUPPORT)}

TPS = Tax("TPS", Fraction(5), "country", "Canada", "CA")
TVQ = Tax("TVQ", Fraction(9975, 1000), "state", "Quebec", "QC")
TAXES = (TPS, TVQ)


def rounded(amount: Fraction) -> int:
    """An amount in whole cents, half up."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def tax_on(amount: int, tax: Tax) -> int:
    """A tax on a pre-tax amount: 5.885 is 5.89."""
    return rounded(amount * tax.rate / 100)


def tax_by_line(amounts: Sequence[int], tax: Tax) -> list[int]:
    """A tax on the sum of the lines, shared out among them so that the shares add up to it exactly."""
    shares = []
    so_far = taxed = 0
    for amount in amounts:
        so_far += amount
        shares.append(tax_on(so_far, tax) - taxed)
        taxed += shares[-1]
    return shares


def share(amount: int, part: int, whole: int) -> int:
    """`part / whole` of an amount: a proration (both in milliseconds), or a tax's share in a refund."""
    return rounded(Fraction(amount * part, whole))
