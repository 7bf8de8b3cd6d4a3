"""POST /webhooks/mail: reports of bounces are stored before 200 is said, for whoever shows the relay's own password."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.webhooks.calls import FIRST, Call, basic, through_wsgi

RELAY = basic("relay:a-third-password")
REPORT = Call(b'{"RecordType":"Bounce","ID":4323372036854775807}', path="/webhooks/mail", authorization=RELAY)


@pytest.fixture
def relayed(make_client, environ):
    client = make_client(environ | {"MAIL_WEBHOOK_CREDENTIALS": "relay:a-third-password"})
    return lambda call: through_wsgi(client, call)


def test_a_report_is_stored_byte_for_byte_and_the_same_again_is_one(relayed, db):
    assert [relayed(REPORT).json["status"] for _ in range(2)] == ["stored", "duplicate"]
    assert db.execute("select raw, status from mail_reports").fetchall() == [(REPORT.body, "pending")]


def test_amazon_calls_its_json_text(relayed, db):
    told = replace(REPORT, content_type="text/plain; charset=UTF-8")
    assert relayed(told).status == 200
    assert db.execute("select count(*) from mail_reports").fetchone() == (1,)


@pytest.mark.parametrize(
    ("status", "call"),
    [
        (401, replace(REPORT, authorization=None)),
        (401, replace(REPORT, authorization=FIRST)),  # Chargebee's password opens its own door only
        (401, replace(REPORT, authorization=basic("relay:wrong"), content_type="image/png")),
        (415, replace(REPORT, content_type="application/x-www-form-urlencoded")),
        (413, replace(REPORT, body=b"{" + b" " * 1024 * 1024)),
        (400, replace(REPORT, body=b"[]")),
        (400, replace(REPORT, body=b"")),
        (400, replace(REPORT, length="five")),
        (405, replace(REPORT, method="GET", body=b"")),
    ],
)
def test_what_is_refused_is_not_stored(relayed, db, status, call):
    answer = relayed(call)
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)  # Amazon shows its password only when asked
    assert db.execute("select count(*) from mail_reports").fetchone() == (0,)


def test_without_a_password_of_its_own_the_door_is_closed(client, db):
    answer = through_wsgi(client, REPORT)
    assert (answer.status, "MAIL_WEBHOOK_CREDENTIALS" in json.loads(answer.body)["detail"]) == (404, True)
    assert db.execute("select count(*) from mail_reports").fetchone() == (0,)


def test_reports_do_not_open_chargebees_door(relayed):
    assert relayed(Call(authorization=RELAY)).status == 401


def test_a_database_that_is_away_is_told_as_503(make_client, environ):
    away = environ | {
        "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/q",
        "MAIL_WEBHOOK_CREDENTIALS": "relay:a-third-password",
    }
    assert through_wsgi(make_client(away), REPORT).status == 503
