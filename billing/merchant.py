"""Who sells, and where its customers send money: the facts that invoices, e-mails and pages repeat.

They come from settings and are passed down as values; each field's `meaning` is what the table of settings prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _means(meaning: str, default: Any = "") -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Merchant:
    """The company that sells the subscriptions, as its customers know it. Empty text: not given."""

    name: str = _means("Legal name of the company that sells, as printed on mail and pages")
    product: str = _means("What is sold, as customers call it; the name of the company where it is not given")
    address: str = _means(r"Postal address; write \n between the lines")
    support_email: str = _means("Where customers write for help")
    tax_numbers: tuple[str, ...] = _means(
        'Tax registrations, separated by commas ("TPS 123456789 RT0001, TVQ ...")', ()
    )


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
