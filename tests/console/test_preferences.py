"""«Gérer les destinataires»: who gets which mail, and what its reader may decide."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from console.preferences import LABELS, masked
from tasks.recipients import optional_kinds
from tests.builders import Quittance, a_subscription, an_event
from tests.console.conftest import send_an_invoice

CONTACTS = [
    {"id": "c1", "first_name": "Luc", "email": "luc@test1234.example", "enabled": True, "send_billing_email": True}
]


@pytest.fixture
def page(quittance: Quittance) -> str:
    return send_an_invoice(quittance, contacts=CONTACTS)["p"]


def test_it_shows_who_gets_billing_mail_and_hides_what_a_stranger_could_use(
    quittance: Quittance, client: FlaskClient, page: str
) -> None:
    (reader,) = quittance.rows("select recipient from outbox order by id desc limit 1")
    shown = client.get(page).text
    assert reader in shown
    assert masked("luc@test1234.example") in shown or masked("marie@test1234.example") in shown
    assert ("luc@test1234.example" in shown) != ("marie@test1234.example" in shown)
    assert "soutien@boreal.example" in shown


def test_it_speaks_both_languages(client: FlaskClient, page: str) -> None:
    french, english = client.get(page), client.get(page + "?lang=en")
    assert "Gérer les destinataires" in french.text and '<html lang="fr-CA">' in french.text
    assert "Manage recipients" in english.text and '<html lang="en-CA">' in english.text
    assert f'href="{page}?lang=en"' in french.text and f'href="{page}?lang=fr"' in english.text


def test_what_is_unticked_is_turned_off_for_this_reader_and_ticked_again_turned_on(
    quittance: Quittance, client: FlaskClient, page: str
) -> None:
    off, *on = optional_kinds()
    saved = client.post(page, data={"kind": on, "language": "fr_CA"})
    assert saved.status_code == 303 and saved.headers["Location"].startswith(page)
    rows = quittance.rows("select kind, address, turned_off_by from opt_outs")
    ((kind, address, by),) = rows
    assert kind == off and address.endswith("@test1234.example")
    assert by.startswith("the link in mail ")
    shown = client.get(saved.headers["Location"]).text
    assert "Vos choix sont enregistrés." in shown and f'value="{off}"> ' in shown
    client.post(page, data={"kind": [off, *on], "language": "fr_CA"})
    assert quittance.rows("select kind from opt_outs") == []
    assert len(quittance.rows("select id from audit_entries where object_type = 'opt_outs'")) == 2


def test_nothing_is_turned_off_by_looking(quittance: Quittance, client: FlaskClient, page: str) -> None:
    for method in ("get", "head"):
        client.open(page, method=method)
    assert quittance.rows("select kind from opt_outs") == []


def test_a_language_that_is_chosen_is_recorded_with_who_and_when(
    quittance: Quittance, client: FlaskClient, page: str
) -> None:
    everything = list(optional_kinds())
    client.post(page, data={"kind": everything, "language": "fr_CA"})
    assert quittance.rows("select locale from language_choices") == []  # it was so
    client.post(page, data={"kind": everything, "language": "en_CA"})
    ((customer, locale, by, at),) = quittance.rows(
        "select customer_id, locale, chosen_by, chosen_at from language_choices"
    )
    assert (customer, locale) == ("cust_1", "en_CA") and by.startswith("the link in mail ") and at
    client.post(page, data={"kind": everything, "language": "klingon"})
    assert quittance.rows("select locale from language_choices") == ["en_CA"]


def test_only_optional_kinds_can_be_turned_off(quittance: Quittance, client: FlaskClient, page: str) -> None:
    client.post(page, data={"kind": ["invoice", "x" * 500], "language": "fr_CA"})
    assert set(quittance.rows("select kind from opt_outs")) == set(optional_kinds())
    assert 'value="invoice"' not in client.get(page).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),  # what a page without a referrer sends
        ({"Origin": "https://facturation.boreal.example"}, 303),
        ({"Origin": "null"}, 303),
        ({}, 303),
    ],
)
def test_a_form_of_another_site_changes_nothing(
    quittance: Quittance, client: FlaskClient, page: str, headers: dict[str, str], status: int
) -> None:
    assert client.post(page, data={"language": "en_CA"}, headers=headers).status_code == status
    assert (quittance.rows("select 1 from language_choices") == [1]) is (status == 303)


def test_a_form_that_is_too_large_is_refused(quittance: Quittance, client: FlaskClient, page: str) -> None:
    assert client.post(page, data={"language": "x" * 20_000}).status_code == 413
    assert quittance.rows("select kind from opt_outs") == []


def test_every_kind_that_can_be_turned_off_has_words() -> None:
    assert set(optional_kinds()) <= set(LABELS)


def test_a_mail_without_a_customer_has_no_such_page(quittance: Quittance, client: FlaskClient, page: str) -> None:
    quittance.run("update outbox set customer_id = null")
    assert client.get(page).status_code == 404


@pytest.mark.parametrize(
    ("address", "shown"), [("luc@x.example", "l•••@x.example"), ("é@x.example", "é•••@x.example"), ("@", "•••@")]
)
def test_an_address_is_masked_but_for_its_first_letter_and_its_domain(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_the_next_mail_of_a_kind_that_was_turned_off_is_not_sent(quittance: Quittance, client: FlaskClient) -> None:
    page = send_an_invoice(quittance)["p"]
    quittance.take(an_event(a_subscription(2, seats=7)))
    client.post(page, data={"kind": [name for name in optional_kinds() if name != "seats_changed"]})
    quittance.take(an_event(a_subscription(3, seats=9)))
    told = quittance.rows("select state, reason from outbox where name = 'seats_changed' order by id")
    assert [state for state, _ in told] == ["sent", "suppressed"]
    assert told[1][1] == "its reader turned these mails off"
