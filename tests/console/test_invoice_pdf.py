"""The button to the PDF: a new link at each click, and plain words where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from emails.links import Signer, Ticket
from tests.builders import Quittance, a_customer, a_subscription, an_event, an_invoice
from tests.console.conftest import KEY, PUBLIC, OpenConsole
from tests.gateway.conftest import Provider, answer

LINK = f"/i/{Signer(PUBLIC, KEY).token('invoice', Ticket(1, datetime.now(UTC), 'F-1'))}/pdf"
NO_SUCH = {"message": "no", "type": "invalid_request", "api_error_code": "resource_not_found"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def quittance(db_url: str, tmp_path: Path) -> Iterator[Quittance]:
    """A system from which the mail of an invoice has left."""
    made = Quittance(db_url, tmp_path, PUBLIC_URL=PUBLIC, SECRET_KEY=KEY)
    made.take(an_event(a_customer(), a_subscription(), an_invoice(total=6784, paid=6784)))
    yield made
    made.close()


@pytest.fixture
def client(open_console: OpenConsole, provider: Provider) -> FlaskClient:
    """Pages whose Chargebee says what the test has it say."""
    made: FlaskClient = open_console(
        chargebee_site="acme-test", chargebee_api_key="test_key", chargebee_api_url=provider.url
    )
    return made


def lead_to(provider: Provider, link: str) -> None:
    provider.answer(answer(200, {"download": {"download_url": link}}))


def test_each_click_asks_for_a_new_link_and_goes_there(client: FlaskClient, provider: Provider) -> None:
    for number in (1, 2):
        link = f"{provider.url}/files/{number}.pdf?sig=a%2Fb"
        lead_to(provider, link)
        clicked = client.get(LINK)
        assert (clicked.status_code, clicked.headers["Location"]) == (302, link)
        assert clicked.headers["Cache-Control"] == "private, no-store"
        assert clicked.headers["Referrer-Policy"] == "no-referrer"
    assert [request.line for request in provider.requests] == ["POST /api/v2/invoices/F-1/pdf HTTP/1.1"] * 2


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/F-1.pdf",
        "http://acme-test.chargebee.com/F-1.pdf",
        "https://acme-test.chargebee.com.evil.example/F-1.pdf",
        "https://acme-test.chargebee.com@evil.example/",
        "https://acme-test.chargebee.com\\@evil.example/",
        "https://169.254.169.254/latest/meta-data",
        "javascript:alert(1)",
        "//evil.example/x",
        "https://acme-test.chargebee.com/x\r\nSet-Cookie: a=b",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(client: FlaskClient, provider: Provider, link: str) -> None:
    lead_to(provider, link)
    refused = client.get(LINK)
    assert refused.status_code == 502 and "Location" not in refused.headers
    assert "evil" not in refused.text and "Écrivez-nous" in refused.text and "Write to us" in refused.text


def test_while_chargebee_is_away_the_reader_is_asked_to_come_back(client: FlaskClient, provider: Provider) -> None:
    provider.answer(answer(503))
    away = client.get(LINK)
    assert (away.status_code, away.headers["Retry-After"]) == (503, "120")
    assert "Réessayez dans quelques minutes" in away.text and "Try again in a few minutes" in away.text


def test_an_invoice_that_was_deleted_or_voided_is_told_in_plain_words(
    client: FlaskClient, provider: Provider, quittance: Quittance
) -> None:
    provider.answer(answer(404, NO_SUCH))
    gone = client.get(LINK)
    assert gone.status_code == 410 and "Cette facture n’existe plus" in gone.text
    asked = len(provider.requests)
    quittance.run("update invoices set status = 'voided'")
    voided = client.get(LINK)
    assert voided.status_code == 410
    assert "La facture F-1 est annulée" in voided.text and "Invoice F-1 is void" in voided.text
    quittance.run("update invoices set deleted = true")
    assert "This invoice no longer exists" in client.get(LINK).text
    assert len(provider.requests) == asked  # what is known here is not asked


def test_without_an_api_the_reader_is_told_to_write(open_console: OpenConsole) -> None:
    assert open_console().get(LINK).status_code == 502


def test_clicks_on_one_invoice_are_bounded(client: FlaskClient, provider: Provider) -> None:
    lead_to(provider, f"{provider.url}/1.pdf")
    statuses = [client.get(LINK).status_code for _ in range(25)]
    assert set(statuses) == {302, 429}
    assert len(provider.requests) == statuses.count(302) <= 20
