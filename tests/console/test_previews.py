"""Previews: every kind, sample and language, without a script; and the same pages as files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from console.app import create_app
from console.previews import VIEWS, studio_of, write_pages
from emails import kinds
from emails.language import LOCALES
from tests.builders import settings_for
from worker.settings import Settings

PREVIEWS = [(kind.name, sample, locale) for kind in kinds.ALL for sample in kind.samples for locale in LOCALES]
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for("postgresql://127.0.0.1:1/nowhere", tmp_path / "mail")  # no page asks it


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app: Flask = create_app(settings)
    yield app.test_client()


@pytest.mark.long
def test_every_preview_opens_and_each_view_of_one(client: FlaskClient) -> None:
    assert client.get("/_preview/emails").status_code == 302
    asked = [(*preview, VIEWS[number % len(VIEWS)]) for number, preview in enumerate(PREVIEWS)]
    for number, (kind, sample, locale, view) in enumerate(asked + [(*PREVIEWS[0], view) for view in VIEWS]):
        somebody = {"REMOTE_ADDR": f"192.0.2.{number % 250}"}
        shown = client.get(f"/_preview/emails/{kind}/{sample}/{locale}?view={view}", environ_base=somebody)
        assert shown.status_code == 200, (kind, sample, locale, view)
        assert "<script" not in shown.text
        assert ("<iframe" in shown.text) is (view != "text")


def test_the_frame_runs_nothing_and_is_framed_by_us_alone(client: FlaskClient) -> None:
    page = client.get("/_preview/emails/invoice/due/fr_CA").text
    (frame,) = re.findall(r"<iframe[^>]*>", page)
    assert " sandbox " in frame and 'src="/_preview/emails/invoice/due/fr_CA/body"' in frame
    body = client.get("/_preview/emails/invoice/due/fr_CA/body")
    policy = body.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy and "sandbox" in policy and "default-src 'none'" in policy
    assert body.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_dark_is_shown_whatever_the_system_of_the_one_who_looks(client: FlaskClient) -> None:
    light = client.get("/_preview/emails/invoice/due/fr_CA/body").text
    dark = client.get("/_preview/emails/invoice/due/fr_CA/body?dark").text
    assert "@media not all" in light and "prefers-color-scheme" not in light
    assert "@media all" in dark and "prefers-color-scheme" not in dark


def test_a_preview_shows_subject_headers_and_size(client: FlaskClient) -> None:
    shown = client.get("/_preview/emails/invoice/due/en_CA?lang=en").text
    for fact in ("Your invoice F-10428", "facturation@boreal.example", "Content-Language", "en-CA", "of 90"):
        assert fact in shown


@pytest.mark.parametrize("path", ["x/due/fr_CA", "invoice/x/fr_CA", "invoice/due/de_DE", "invoice/due/fr_CA?view=x"])
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/_preview/emails/{path}").status_code == 404


def test_send_me_this_sends_a_marked_copy(client: FlaskClient, tmp_path: Path) -> None:
    sent = client.post("/_preview/emails/invoice/due/fr_CA", data={"to": "me@example.com"}, headers=SAME)
    assert sent.status_code == 200 and "kept as" in sent.text
    (file,) = (tmp_path / "mail").glob("*.eml")
    kept = file.read_text()
    assert "To: me@example.com" in kept and "[Test] Votre" in kept.replace("=5BTest=5D_", "[Test] ")


@pytest.mark.parametrize("to", ["", "a@b.example, c@d.example", "x\r\nBcc: y@z.example", "no address"])
def test_a_copy_goes_to_one_address_or_nowhere(client: FlaskClient, tmp_path: Path, to: str) -> None:
    refused = client.post("/_preview/emails/invoice/due/fr_CA?lang=en", data={"to": to}, headers=SAME)
    assert refused.status_code == 502 and "Nothing was sent." in refused.text
    assert not list(tmp_path.glob("mail/*.eml"))


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://x.example"}]
)
def test_another_site_sends_nothing(client: FlaskClient, tmp_path: Path, headers: dict[str, str]) -> None:
    refused = client.post("/_preview/emails/invoice/due/fr_CA", data={"to": "me@example.com"}, headers=headers)
    assert refused.status_code == 403
    assert not list(tmp_path.glob("mail/*.eml"))


@pytest.mark.long
def test_all_of_it_is_written_as_files_that_lead_to_each_other(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_pages(studio_of(settings), "fr_CA", out) == len(PREVIEWS)
    for kind, sample, locale in PREVIEWS:
        assert (out / f"{kind}.{sample}.{locale}.html").exists()
        assert (out / f"{kind}.{sample}.{locale}.txt").read_text("utf-8")
    page = (out / "index.html").read_text("utf-8")
    assert "<form" not in page
    for leads_to in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert leads_to.startswith("#") or (out / leads_to).exists(), leads_to
