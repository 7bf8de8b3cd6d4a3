"""A make-believe merchant."""

from __future__ import annotations

from billing.merchant import Merchant, Remittance
from billing.money import Money

from ..links import Links

MERCHANT = Merchant(
    name="Logiciels Boréal inc.",
    product="Boréal Cloud",
    address="1234 rue Test, bureau 001, Montréal (Québec) H1H 1H1, Canada",
    support_email="soutien@boreal.example",
    tax_numbers=("TPS : 123456789 RT0001", "TVQ : 1234567890 TQ0001"),
)

REMITTANCE = Remittance(
    bank="Banque Exemple",
    institution="999",
    transit="00001",
    account="000-123-4",
    swift=None,
    payable_to="Logiciels Boréal inc.",
    mail_to="1234 rue Test, bureau 001, Montréal (Québec) H1H 1H1",
    interac=None,
)

LINKS = Links(
    pdf="https://facturation.boreal.example/i/0123456789abcdef/pdf",
    other_language="https://facturation.boreal.example/m/0123456789abcdef",
    preferences="https://facturation.boreal.example/p/0123456789abcdef",
    payment_method="https://app.boreal.example/facturation/mode-de-paiement",
    billing_history="https://app.boreal.example/facturation/historique",
    subscription="https://app.boreal.example/facturation/abonnement",
    case="https://facturation.boreal.example/finance/F-10428",
    queue="https://facturation.boreal.example/finance",
)


def cad(minor: int) -> Money:
    """An amount in Canadian cents."""
    return Money(minor, "CAD")
