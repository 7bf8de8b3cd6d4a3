"""The pages that links in mails open, and what is told where they open nothing."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from console.app import PER_ADDRESS, create_app
from console.limits import Limiter
from emails.links import LIFETIME, Signer, Ticket
from tests.builders import Quittance
from tests.console.conftest import KEY, PUBLIC, OpenConsole, send_an_invoice
from worker.settings import SettingsError

signer = Signer(PUBLIC, KEY)
NBSP = "\u00a0"


def a_token(purpose: str, mail: int = 1, age: timedelta = timedelta(0)) -> str:
    return signer.token(purpose, Ticket(mail, datetime.now(UTC) - age, "F-1"))  # type: ignore[arg-type]


def paths_of(mail: int = 1, age: timedelta = timedelta(0)) -> list[str]:
    mail_token, pdf, preferences = (a_token(purpose, mail, age) for purpose in ("mail", "invoice", "preferences"))
    return [f"/m/{mail_token}", f"/i/{pdf}/pdf", f"/p/{preferences}"]


# ---- a mail ----------------------------------------------------------------------------------------------------------


def test_a_mail_is_one_click_away_in_the_other_language_and_back(quittance: Quittance, client: FlaskClient) -> None:
    link = send_an_invoice(quittance)["m"]
    english = client.get(link)
    assert link.endswith("?lang=en") and english.status_code == 200
    assert english.headers["Content-Language"] == "en-CA" and '<html lang="en-CA"' in english.text
    assert "$67.84" in english.text and "Hello Marie," in english.text
    back = english.text.partition("/m/")[2].partition('"')[0]
    french = client.get(f"/m/{back}")
    assert back.endswith("?lang=fr") and f"67,84{NBSP}$" in html.unescape(french.text)


def test_without_a_language_a_mail_is_shown_in_the_one_it_was_written_in(
    quittance: Quittance, client: FlaskClient
) -> None:
    link = send_an_invoice(quittance)["m"].partition("?")[0]
    assert client.get(link).headers["Content-Language"] == "fr-CA"
    assert client.get(link + "?lang=de").headers["Content-Language"] == "fr-CA"


def test_a_mail_shows_the_amounts_of_the_moment_of_sending(quittance: Quittance, client: FlaskClient) -> None:
    link = send_an_invoice(quittance)["m"]
    quittance.run("update invoices set total = 999999, amount_paid = 999999")
    assert "$67.84" in client.get(link).text


def test_looking_at_a_mail_does_not_make_its_links_last_longer(quittance: Quittance, open_console: OpenConsole) -> None:
    send_an_invoice(quittance)
    client = open_console(chargebee_site="acme-test", chargebee_api_key="test_x")
    shown = client.get(paths_of(age=timedelta(days=100))[0]).text
    issued = signer.read("preferences", shown.partition("/p/")[2].partition('"')[0], datetime.now(UTC)).issued_at
    assert datetime.now(UTC) - issued > timedelta(days=99)


def test_a_mail_from_before_is_shown_as_the_text_that_was_sent(quittance: Quittance, client: FlaskClient) -> None:
    link = send_an_invoice(quittance)["m"]
    quittance.run("update outbox set said = null")
    shown = client.get(link)
    assert shown.status_code == 200 and "This email exists in French only." in shown.text
    assert f"67,84{NBSP}$" in shown.text and '<pre lang="fr-CA">' in shown.text
    quittance.run("""update outbox set said = '{"kind": "gone", "context": {}}'""")
    assert f"67,84{NBSP}$" in client.get(link).text


def test_a_mail_whose_text_is_gone_says_so(quittance: Quittance, client: FlaskClient) -> None:
    link = send_an_invoice(quittance)["m"]
    quittance.run("update outbox set said = null, text = null")
    shown = client.get(link)
    assert shown.status_code == 410 and "90 jours" in shown.text and "90 days" in shown.text


def test_a_mail_that_is_opened_before_its_sending_was_noted_is_asked_for_again(
    quittance: Quittance, client: FlaskClient
) -> None:
    link = send_an_invoice(quittance)["m"]
    quittance.run("update outbox set said = null, text = null, ended_at = null, state = 'sending'")
    shown = client.get(link)
    assert (shown.status_code, shown.headers["Retry-After"]) == (503, "5")


def test_hostile_names_come_out_harmless(quittance: Quittance, client: FlaskClient) -> None:
    links = send_an_invoice(quittance, first_name="<script>alert(1)</script>", company='"><img src=x onerror=alert(1)>')
    for link in (links["m"], links["p"]):
        shown = client.get(link)
        assert shown.status_code == 200
        assert "<script" not in shown.text and "<img src=x" not in shown.text
        assert "script-src" not in shown.headers["Content-Security-Policy"]
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


# ---- links that open nothing -----------------------------------------------------------------------------------------


def test_a_link_that_was_tampered_with_or_is_for_another_page_opens_nothing(
    quittance: Quittance, client: FlaskClient
) -> None:
    send_an_invoice(quittance)
    mail, pdf, preferences = (a_token(purpose) for purpose in ("mail", "invoice", "preferences"))
    changed = mail[:-5] + ("A" if mail[-5] != "A" else "B") + mail[-4:]
    pages = set()
    for path in (
        f"/m/{changed}",
        f"/m/{preferences}",
        f"/m/{pdf}",
        f"/p/{mail}",
        f"/i/{mail}/pdf",
        f"/m/{a_token('mail', mail=999)}",
        "/m/x",
        "/m/" + "A" * 5000,
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        pages.add(answer.text)
    assert len(pages) == 1  # nothing tells them apart
    (page,) = pages
    assert "Ce lien ne mène nulle part" in page and "This link leads nowhere" in page
    assert "soutien@boreal.example" in page


def test_an_expired_link_says_so_in_both_languages(quittance: Quittance, client: FlaskClient) -> None:
    send_an_invoice(quittance)
    for path in paths_of(age=LIFETIME + timedelta(seconds=1)):
        answer = client.get(path)
        assert answer.status_code == 410
        assert "Ce lien n’est plus valide" in answer.text and "This link no longer works" in answer.text


def test_a_revoked_mail_opens_nothing_any_more(quittance: Quittance, client: FlaskClient) -> None:
    send_an_invoice(quittance)
    quittance.run("update outbox set links_revoked_at = now()")
    assert [client.get(path).status_code for path in paths_of()] == [410, 410, 410]


def test_calls_and_callbacks_are_no_mails(quittance: Quittance, client: FlaskClient) -> None:
    send_an_invoice(quittance)
    quittance.run("update outbox set kind = 'callback'")
    assert [client.get(path).status_code for path in paths_of()] == [404, 404, 404]


def test_the_language_asked_for_comes_first_on_a_notice(client: FlaskClient) -> None:
    assert client.get("/m/x").text.index("nulle part") < client.get("/m/x").text.index("nowhere")
    assert client.get("/m/x?lang=en").text.index("nowhere") < client.get("/m/x?lang=en").text.index("nulle part")


# ---- all pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/m/x", "/p/x", "/i/x/pdf", "/nowhere", "/_preview/emails"])
def test_every_answer_keeps_itself_to_itself(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Referrer-Policy"] in ("no-referrer", "same-origin" if "_preview" in path else "no-referrer")
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_a_page_loads_nothing_but_its_own_styles(quittance: Quittance, client: FlaskClient) -> None:
    page = client.get(send_an_invoice(quittance)["p"]).text
    assert "<script" not in page and "http://" not in page and "https://" not in page and "style=" not in page
    sheet = client.get("/app.css")
    assert 'href="/app.css"' in page and sheet.mimetype == "text/css"
    assert "--brand: #0b5f52 }" in sheet.text and "url(" not in sheet.text and "@import" not in sheet.text


def test_production_serves_no_previews_and_asks_for_tls(quittance: Quittance, open_console: OpenConsole) -> None:
    client = open_console(env="production")
    for path in ("/_preview/emails", "/_preview/emails/invoice/due/fr_CA", "/_preview/emails/invoice/due/fr_CA/body"):
        assert client.get(path).status_code == 404
    assert client.post("/_preview/emails/invoice/due/fr_CA", data={"to": "a@b.example"}).status_code == 404
    assert client.get("/m/x").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_console_needs_a_key_and_an_address(quittance: Quittance) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        create_app(quittance.settings.model_copy(update={"secret_key": ""}))


def test_the_process_is_healthy_whatever_it_stands_on(quittance: Quittance, open_console: OpenConsole) -> None:
    client = open_console(database_url="postgresql://127.0.0.1:1/nowhere")
    assert client.get("/healthz").json == {"status": "ok"}
    away = client.get(paths_of()[0])
    assert away.status_code == 503 and away.headers["Retry-After"] and "Réessayez" in away.text
    assert client.get("/m/x").status_code == 404  # known without asking


def test_who_asks_too_much_is_asked_to_wait(client: FlaskClient) -> None:
    statuses = [client.get("/m/x").status_code for _ in range(PER_ADDRESS * 2 + 1)]
    assert 429 in statuses and statuses[0] == 404
    assert client.get("/healthz").status_code == 200


def test_the_limit_counts_each_minute_anew_and_each_caller_alone() -> None:
    limiter = Limiter(2)
    assert [limiter.allows("a", now=0) for _ in range(3)] == [True, True, False]
    assert limiter.allows("b", now=1) and limiter.allows("a", now=60)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("post", "/m/x", 405), ("get", "/static/app.css", 404), ("put", "/p/x", 405)],
)
def test_what_cannot_be_answered_is_a_page(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status and answer.mimetype == "text/html"
