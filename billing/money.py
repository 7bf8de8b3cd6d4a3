"""Amounts: exact integers in a currency's minor unit. Nothing in this project holds money as a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from .errors import NeedsAttention

# ISO 4217 (2026): currencies whose minor unit is not a hundredth.
_DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


def decimals_of(currency: str) -> int:
    """How many digits the minor unit of an ISO 4217 currency has: 2 for CAD, 0 for JPY."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount: `minor` units (cents; whole yen for JPY) of an ISO 4217 `currency`.

    Adding, subtracting or comparing two currencies raises NeedsAttention.
    """

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """What a person typed: 3010.09, "3 010,09". A mark that may stand for thousands is refused, not guessed.

        Raises:
            NeedsAttention: it is no positive amount, or has more digits than the currency.
        """
        plain = "".join(text.split()).replace(",", ".")  # split knows every space there is, U+00A0 too
        decimals = decimals_of(currency)
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", plain) or not Decimal(plain):
            raise NeedsAttention(f"{text} is no amount; write it as 3010.09")
        if len(plain.partition(".")[2]) > decimals:
            raise NeedsAttention(f"{text} has more decimals than {currency}, which has {decimals}")
        return cls(int(Decimal(plain).scaleb(decimals)), currency)

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    @property
    def major(self) -> Decimal:
        """The amount in whole units, exact: Money(6784, "CAD") is 67.84."""
        return Decimal(self.minor).scaleb(-decimals_of(self.currency))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise NeedsAttention(f"cannot reckon {self.currency} with {other.currency}: the currencies differ")
