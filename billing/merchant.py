"""Who sells, and where its customers send money: the facts that invoices, e-mails and pages repeat.

They come from settings and are passed down as values; each field's `meaning` is what the table of settings prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COLOUR, COLOUR_DARK = "#0b5f52", "#6fd3bd"
# What a brand's colour is read on: the least light of the light grounds of mails and pages, the least dark of the dark.
PAPER, PAPER_DARK = "#f3f1ec", "#212c34"


def _means(meaning: str, default: Any = "") -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Merchant:
    """The company that sells the subscriptions, as its customers know it. Empty text: not given.

    A logo has a width and a height in CSS pixels, so that a mail keeps its shape where images are not shown.
    """

    name: str = _means("Legal name of the company that sells, as printed on mail and pages")
    product: str = _means("What is sold, as customers call it; the name of the company where it is not given")
    address: str = _means(r"Postal address; write \n between the lines")
    support_email: str = _means("Where customers write for help")
    tax_numbers: tuple[str, ...] = _means(
        'Tax registrations, separated by commas ("TPS 123456789 RT0001, TVQ ...")', ()
    )
    colour: str = _means("Colour of the brand, dark enough to be read on white: #0b5f52", COLOUR)
    colour_dark: str = _means(
        "The same in dark mode, light enough; follows from MERCHANT_COLOUR if absent", COLOUR_DARK
    )
    logo_url: str | None = _means("An image (https) that takes the place of the product's name in mails", None)
    logo_alt: str = _means("What the logo says, for who does not see it; the product's name if absent")
    logo_width: int | None = _means("Its width in pixels, as shown", None)
    logo_height: int | None = _means("Its height in pixels, as shown", None)


@dataclass(frozen=True, slots=True)
class Remittance:
    """Where cheques and wires go. None: not given, and not printed."""

    bank: str | None = _means("Name of the bank that receives wires", None)
    institution: str | None = _means("Institution number of that bank (three digits in Canada)", None)
    transit: str | None = _means("Transit number of the branch (five digits in Canada)", None)
    account: str | None = _means("Account number", None)
    swift: str | None = _means("SWIFT or BIC code, for wires from abroad", None)
    payable_to: str | None = _means("The name cheques are made out to", None)
    mail_to: str | None = _means(r"Postal address that cheques are mailed to; write \n between the lines", None)
    interac: str | None = _means("E-mail address that takes Interac transfers", None)
