"""What the PDF of an invoice says. Its text is not compressed, so the bytes can be read."""

from __future__ import annotations

import pytest

from simulator import Site
from simulator.pdf import invoice_pdf
from simulator.pricing import MONTHLY


def text_of(site: Site, locale: str) -> str:
    customer = site.change_customer("marie", locale=locale)
    site.subscribe("marie", MONTHLY.id)
    file = invoice_pdf(site.current("invoice", "F-10391"), customer, merchant="Logiciels Boréal inc.", zone=site.zone)
    assert file.startswith(b"%PDF-")
    text = file.decode("latin-1")
    for written, meant in (("\\340", "à"), ("\\351", "é"), ("\\(", "("), ("\\)", ")")):
        text = text.replace(written, meant)
    return text


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("fr_CA", ["Facture F-10391", "4 janv. 2021", "TPS (5 %)", "2,95", "5,89", "67,84 $", "Solde à payer"]),
        ("en_CA", ["Invoice F-10391", "Jan 4, 2021", "GST (5%)", "$2.95", "$5.89", "$67.84", "Balance due"]),
    ],
)
def test_the_pdf_says_number_date_taxes_total_and_balance_in_the_customers_language(
    locale: str, said: list[str], site: Site
) -> None:
    text = text_of(site, locale)
    assert [words for words in said if words not in text] == []


def test_the_pdf_shows_what_was_paid(site: Site) -> None:
    site.add_card("marie")
    assert "-67,84" in text_of(site, "fr_CA")


@pytest.mark.parametrize(
    ("locale", "said"), [("fr_CA", ["TVH (13 %)", "7,67", "-10,00"]), ("en_CA", ["HST (13%)", "$7.67", "-$10.00"])]
)
def test_the_pdf_shows_the_tax_of_ontario_and_what_was_given(locale: str, said: list[str], site: Site) -> None:
    site.update_billing_info("marie", billing_address={"city": "Ottawa", "state_code": "ON", "country": "CA"})
    site.add_promotional_credits("marie", 1000)
    text = text_of(site, locale)
    assert [words for words in said if words not in text] == []


def test_an_invoice_to_nowhere_can_be_drawn(site: Site) -> None:
    site.update_billing_info("marie", billing_address=None)
    assert "59,00" in text_of(site, "fr_CA")


def test_the_same_invoice_gives_the_same_bytes(site: Site) -> None:
    site.subscribe("marie", MONTHLY.id)
    invoice, customer = site.current("invoice", "F-10391"), site.current("customer", "marie")
    first, second = (invoice_pdf(invoice, customer, merchant="Boréal", zone=site.zone) for _ in range(2))
    assert first == second
