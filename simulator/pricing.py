"""What things cost: prices as the site reads them, the merchant's catalogue at the start, and shares of an amount.

Amounts are integers in cents, and never negative; every rounding is half up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .state import Body

CURRENCY = "CAD"
# Terms are counted in months or in days: what one unit of a billing period is.
UNITS = {"day": (0, 1), "week": (0, 7), "month": (1, 0), "year": (12, 0)}
_DAYS_OF_A_MONTH = Fraction(365, 12)


@dataclass(frozen=True, slots=True)
class Period:
    """How long a term is: a whole number of months or of days. A one-time charge has none."""

    months: int = 0
    days: int = 0

    @classmethod
    def of(cls, number: int, unit: str) -> Period:
        months, days = UNITS[unit]
        return cls(number * months, number * days)

    @property
    def in_months(self) -> Fraction:
        return Fraction(self.months) or self.days / _DAYS_OF_A_MONTH


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """A price of the catalogue. `amount` is for one unit and one period; a flat price has no quantity."""

    id: str
    item_type: str  # plan | addon | charge
    name: str
    period: int
    unit: str  # day | week | month | year; empty for a one-time charge
    amount: int
    pricing_model: str = "per_unit"  # per_unit | flat_fee
    item_id: str = ""
    free_quantity: int = 0  # units of every quantity that cost nothing
    description: str = ""
    taxable: bool = True

    @classmethod
    def of(cls, body: Body) -> ItemPrice:
        """Read a price from its object."""
        return cls(
            id=body["id"],
            item_type=body["item_type"],
            name=body.get("external_name") or body["name"],
            period=body.get("period", 0),
            unit=body.get("period_unit", ""),
            amount=body["price"],
            pricing_model=body["pricing_model"],
            item_id=body["item_id"],
            free_quantity=body["free_quantity"],
            description=body.get("description", ""),
            taxable=body["is_taxable"],
        )

    @property
    def term(self) -> Period:
        return Period.of(self.period, self.unit) if self.unit else Period()

    @property
    def is_flat(self) -> bool:
        return self.pricing_model == "flat_fee"


MONTHLY = ItemPrice("boreal-cloud-CAD-Monthly", "plan", "Licence Boréal Cloud (CAD)", 1, "month", 5900)
YEARLY = ItemPrice("boreal-cloud-CAD-Yearly", "plan", "Licence Boréal Cloud (CAD)", 1, "year", 66000)
TEAM = ItemPrice("boreal-equipe-CAD-Monthly", "plan", "Boréal Équipe (CAD)", 1, "month", 3900, free_quantity=3)
TEAM_YEARLY = ItemPrice("boreal-equipe-CAD-Yearly", "plan", "Boréal Équipe (CAD)", 1, "year", 42000, free_quantity=3)
SUPPORT = ItemPrice("soutien-CAD-Yearly", "addon", "Soutien prioritaire (CAD)", 1, "year", 18000, "flat_fee")
SUPPORT_MONTHLY = ItemPrice("soutien-CAD-Monthly", "addon", "Soutien prioritaire (CAD)", 1, "month", 1600, "flat_fee")
STORAGE = ItemPrice("stockage-CAD-Monthly", "addon", "Stockage, par 100 Go (CAD)", 1, "month", 500)
STORAGE_YEARLY = ItemPrice("stockage-CAD-Yearly", "addon", "Stockage, par 100 Go (CAD)", 1, "year", 5500)
SETUP = ItemPrice("mise-en-service-CAD", "charge", "Mise en service (CAD)", 0, "", 25000, "flat_fee")
TRAINING = ItemPrice("formation-CAD", "charge", "Formation, par heure (CAD)", 0, "", 12500)
# What the make-believe merchant sells: item id, its name, and its prices.
OFFER = (
    ("boreal-cloud", "Boréal Cloud", (MONTHLY, YEARLY)),
    ("boreal-equipe", "Boréal Équipe", (TEAM, TEAM_YEARLY)),
    ("soutien", "Soutien prioritaire", (SUPPORT_MONTHLY, SUPPORT)),
    ("stockage", "Stockage", (STORAGE, STORAGE_YEARLY)),
    ("mise-en-service", "Mise en service", (SETUP,)),
    ("formation", "Formation", (TRAINING,)),
)


def share(amount: int, part: int, whole: int) -> int:
    """`part / whole` of an amount: a proration (both in milliseconds), or a tax's share in a refund."""
    return (2 * amount * part + whole) // (2 * whole)
