"""The pages, over a system in one process; the mail whose links the tests open was really sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from console.app import create_app
from console.pages import DESK
from tests.builders import Quittance, a_customer, a_subscription, an_event, an_invoice, mail_text

PUBLIC = "https://facturation.boreal.example"
OpenConsole = Callable[..., FlaskClient]
KEY = "a-secret-key-of-the-tests-0123456789"


@pytest.fixture
def quittance(db_url: str, tmp_path: Path) -> Iterator[Quittance]:
    made = Quittance(db_url, tmp_path, PUBLIC_URL=PUBLIC, SECRET_KEY=KEY)
    yield made
    made.close()


@pytest.fixture
def open_console(quittance: Quittance) -> Iterator[OpenConsole]:
    """Make the pages over this system, with settings that differ where the test says so."""
    apps: list[Flask] = []

    def make(system: Quittance = quittance, **more: object) -> FlaskClient:
        apps.append(create_app(system.settings.model_copy(update=more)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        app.extensions[DESK].engine.dispose()


@pytest.fixture
def client(open_console: OpenConsole) -> FlaskClient:
    return open_console()


def send_an_invoice(quittance: Quittance, **customer: object) -> dict[str, str]:
    """Send the mail of a paid invoice; its links by page (m, i, p), as paths."""
    quittance.take(an_event(a_customer(**customer), a_subscription(), an_invoice(total=6784, paid=6784)))
    quittance.hurry()
    return links_of(quittance)


def links_of(quittance: Quittance) -> dict[str, str]:
    """The links of the newest mail, as paths, by the letter of their page."""
    text = mail_text(quittance.mails()[-1])
    found = re.findall(r"https?://[^/\s]+(/([mip])/\S+)", text)
    return {letter: path for path, letter in found}
