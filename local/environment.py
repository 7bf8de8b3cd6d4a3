"""The settings of the stack on a laptop: secrets made once, a make-believe merchant, and what the developer chose.

What stands in the environment or in `.env` always wins; the sample fills the gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.children import secret

# Each group is taken whole or not at all: one company's name beside another one's account would be worse than neither.
SAMPLE_MERCHANT = {
    "MERCHANT_NAME": "Logiciels Boréal inc.",
    "MERCHANT_PRODUCT": "Boréal Cloud",
    "MERCHANT_ADDRESS": r"100, rue de l’Exemple, bureau 200\nMontréal (Québec)  H2X 0A1",
    "MERCHANT_SUPPORT_EMAIL": "aide@boreal.example",
    "MERCHANT_TAX_NUMBERS": "TPS 123456789 RT0001, TVQ 1234567890 TQ0001",
}
SAMPLE_REMITTANCE = {
    "REMITTANCE_BANK": "Banque Exemple",
    "REMITTANCE_INSTITUTION": "999",
    "REMITTANCE_TRANSIT": "00001",
    "REMITTANCE_ACCOUNT": "000-123-4",
    "REMITTANCE_SWIFT": "EXMPCAMM",
    "REMITTANCE_PAYABLE_TO": "Logiciels Boréal inc.",
    "REMITTANCE_MAIL_TO": r"Comptes clients\n100, rue de l’Exemple, bureau 200\nMontréal (Québec)  H2X 0A1",
    "REMITTANCE_INTERAC": "paiements@boreal.example",
}
SAMPLE_MAIL = {
    "MAIL_FROM": "facturation@boreal.example",
    "MAIL_DOMAIN": "boreal.example",
    "FINANCE_EMAILS": "finances@boreal.example",
    "OPS_EMAILS": "exploitation@boreal.example",
    "WEBHOOK_SILENCE": "0",  # the demo's clock jumps over months in which nobody calls
}
SAMPLE_SITE = "boreal-test"


def is_given(chosen: Mapping[str, str], *names: str) -> bool:
    """Whether one of these settings has a value, by itself or as a file. Empty counts as not given."""
    return any(chosen.get(name) or chosen.get(f"{name}_FILE") for name in names)


def samples(chosen: Mapping[str, str]) -> dict[str, str]:
    """The make-believe merchant, as far as the developer has not named another one."""
    filled: dict[str, str] = {}
    for group in (SAMPLE_MERCHANT, SAMPLE_REMITTANCE, SAMPLE_MAIL):
        if not is_given(chosen, *group):
            filled |= group
    return filled


def direct(chosen: Mapping[str, str]) -> dict[str, str]:
    """Keep a proxy out of what this machine says to itself."""
    others = chosen.get("NO_PROXY") or chosen.get("no_proxy")
    exceptions = ",".join(filter(None, [others, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": exceptions, "no_proxy": exceptions}


def secrets_of(home: Path, chosen: Mapping[str, str]) -> dict[str, str]:
    """What must be secret even on a laptop, kept in `home` from one start to the next."""
    made: dict[str, str] = {}
    if not is_given(chosen, "WEBHOOK_CREDENTIALS"):
        made["WEBHOOK_CREDENTIALS"] = f"chargebee:{secret(home / 'webhook.password')}"
    if not is_given(chosen, "SECRET_KEY"):
        made["SECRET_KEY"] = secret(home / "secret.key")
    return made


def simulated_site(home: Path, url: str) -> dict[str, str]:
    """How to reach the make-believe Chargebee at this URL."""
    return {
        "CHARGEBEE_SITE": SAMPLE_SITE,
        "CHARGEBEE_API_KEY": f"test_{secret(home / 'chargebee.key')}",
        "CHARGEBEE_API_URL": url,
    }
