"""What the doctor looks at, and how it says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text

from local.valkey import Valkey
from tests.builders import a_customer, a_subscription, an_event
from tests.conftest import url_of
from tests.emails.relay import Relay

COMPLETE = {
    "MERCHANT_NAME": "Logiciels Boréal inc.",
    "MERCHANT_SUPPORT_EMAIL": "soutien@boreal.example",
    "FINANCE_EMAILS": "finance@boreal.example",
    "OPS_EMAILS": "exploitation@boreal.example",
    "REMITTANCE_ACCOUNT": "000-123-4",
    "SECRET_KEY": "a-secret-key-of-the-tests-0123456789",
    "PUBLIC_URL": "https://quittance.boreal.example",
}
Examine = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of this test's own, as production's should be."""
    valkey = Valkey(tmp_path / "valkey").start()
    yield valkey
    valkey.stop()


@pytest.fixture
def examine(run: Any) -> Examine:
    """Run the doctor; by name, the state and the words of what was found. A later one of a name replaces an earlier."""

    def go(*, code: int = 0, online: bool = False, **more: str) -> dict[str, tuple[str, str]]:
        arguments = ["doctor", "--json", *(["--online"] if online else [])]
        found = json.loads(run(*arguments, code=code, **{**COMPLETE, **more}).stdout)
        assert found["ok"] is (code == 0)
        rank = ("ok", "warning", "problem")
        by_name: dict[str, tuple[str, str]] = {}
        for check in found["checks"]:
            seen = by_name.get(check["name"])
            if seen is None or rank.index(check["state"]) >= rank.index(seen[0]):
                by_name[check["name"]] = (check["state"], f"{check['cause']}. {check['fix']}")
        return by_name

    return go


def test_a_sound_installation_is_found_sound(examine, broker, session):
    session.execute(text("insert into heartbeats values ('all@host', '{events,mail,provider}')"))
    found = examine(BROKER_URL=broker.url())
    assert {name: state for name, (state, _) in found.items()} == {
        "derivations": "ok",
        "settings": "ok",
        "webhook credentials": "ok",
        "database": "ok",
        "migrations": "ok",
        "clock": "ok",
        "ledgers": "ok",
        "workers": "ok",
        "broker": "ok",
        "mail": "ok",
        "Chargebee": "warning",  # no API is configured
    }


def test_each_line_has_a_mark_the_cause_and_the_fix(run):
    told = run("doctor", code=1).stdout
    assert "✓ migrations: the schema is at" in told
    assert "! settings: OPS_EMAILS is missing. Set it: who hears of technical trouble" in told
    assert "✗ broker: the broker in BROKER_URL cannot be reached" in told
    assert max(map(len, told.splitlines())) <= 80


def test_every_problem_of_the_settings_is_told(run):
    told = run("doctor", code=1, WEBHOOK_CREDENTIALS="", DATABASE_URL="mysql://x").stdout
    assert "✗ settings: WEBHOOK_CREDENTIALS is missing. Set it to user:password" in told
    assert "✗ settings: DATABASE_URL is not a PostgreSQL URL. Write\n  postgresql://" in told


def test_a_database_that_is_away_or_empty_is_a_problem(examine, admin):
    state, words = examine(code=1, DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/q")["database"]
    assert state == "problem" and "127.0.0.1:1" in words and "geheim" not in words
    found = examine(code=1, DATABASE_URL=url_of("postgres"))
    assert found["database"][0] == "ok"
    assert found["migrations"][0] == "problem" and "run: quittance db upgrade" in found["migrations"][1]


def test_a_broker_that_throws_messages_away_is_a_problem(examine, broker):
    with redis.Redis.from_url(broker.url()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    state, words = examine(code=1, BROKER_URL=broker.url())["broker"]
    assert state == "problem" and "allkeys-lru" in words and "noeviction" in words


def test_a_broker_that_forgets_at_a_restart_is_a_warning(examine, broker):
    with redis.Redis.from_url(broker.url()) as client:
        client.config_set("appendonly", "no")
    state, words = examine(BROKER_URL=broker.url())["broker"]
    assert state == "warning" and "appendonly" in words


def test_a_broker_that_refuses_the_password_is_a_problem(examine, broker):
    state, words = examine(code=1, BROKER_URL=f"redis://:wrong@127.0.0.1:{broker.port}/0")["broker"]
    assert state == "problem" and "password" in words and "wrong" not in words


@pytest.mark.long
def test_a_rabbit_that_is_away_is_a_problem(examine):
    state, words = examine(code=1, BROKER_URL="amqp://u:geheim@127.0.0.1:1/")["broker"]
    assert state == "problem" and "geheim" not in words


def test_a_password_that_can_be_guessed_is_told_and_refused_in_production(examine, broker):
    weak = {"WEBHOOK_CREDENTIALS": "chargebee:hunter2", "BROKER_URL": broker.url()}
    state, words = examine(**weak)["webhook credentials"]
    assert state == "warning" and "hunter2" not in words
    assert examine(code=1, QUITTANCE_ENV="production", **weak)["webhook credentials"][0] == "problem"


def test_the_secret_that_everybody_knows_is_told(examine, broker):
    assert examine(BROKER_URL=broker.url(), SECRET_KEY="")["secret key"][0] == "warning"
    found = examine(code=1, BROKER_URL=broker.url(), SECRET_KEY="", QUITTANCE_ENV="production")
    assert found["settings"][0] == "problem" and "SECRET_KEY is missing" in found["settings"][1]


def test_a_clock_that_was_moved_is_all_right_in_development_and_in_production_a_problem(examine, broker, run):
    run("clock", "move-to", "2021-01-01")
    state, words = examine(BROKER_URL=broker.url())["clock"]
    assert state == "ok" and "days behind, as the demo does" in words
    state, words = examine(code=1, BROKER_URL=broker.url(), QUITTANCE_ENV="production")["clock"]
    assert state == "problem" and "quittance clock reset" in words


def test_a_module_that_cannot_be_imported_is_a_problem(examine, broker, a_module):
    a_module("this is no Python\n")
    state, words = examine(code=1, BROKER_URL=broker.url())["derivations"]
    assert state == "problem" and "tasks/zz_new.py, line 1" in words


def test_workers_that_do_not_live_are_told_of(examine, broker, session):
    assert examine(BROKER_URL=broker.url())["workers"][0] == "warning"
    session.execute(text("insert into heartbeats values ('all@host', '{events,mail,provider}')"))
    assert examine(BROKER_URL=broker.url())["workers"] == ("ok", "1 live: all@host. ")
    session.execute(text("update heartbeats set at = now() - interval '61 s'"))
    session.execute(text("insert into heartbeats values ('mail@host', '{mail,provider}')"))
    told = examine(BROKER_URL=broker.url())["workers"]
    assert told == ("warning", "no worker lives that works off the queue events. start one, as the Procfile does")


def test_workers_that_stand_in_for_the_scheduler_are_told_of(examine, broker, session):
    assert "scheduler" not in examine(BROKER_URL=broker.url())
    session.execute(text("insert into job_turns (job, asked_at) values ('tasks.sweep', now())"))
    state, words = examine(BROKER_URL=broker.url())["scheduler"]
    assert state == "warning" and "away or late" in words


def test_what_is_stuck_is_told(examine, broker, quittance):
    quittance.take(an_event(a_customer(), a_subscription(subscription_items=None)))
    state, words = examine(BROKER_URL=broker.url())["work"]
    assert state == "warning" and "1 events are parked" in words and "quittance events replay" in words


# ---- mail ------------------------------------------------------------------------------------------------------------


def test_a_relay_is_knocked_at_and_nothing_is_sent(examine, broker):
    with Relay() as relay:
        found = examine(BROKER_URL=broker.url(), MAIL_URL=f"smtp://u:p@127.0.0.1:{relay.port}")
        assert found["mail"][0] == "ok" and relay.messages == []


@pytest.mark.parametrize(
    "script, scheme, says",
    [
        ({"AUTH": "535 no"}, "smtp", "refuses the user or the password"),
        ({}, "smtp+starttls", "does not offer"),
        ({"greeting": "cut"}, "smtp", "cannot be used"),
    ],
)
def test_a_relay_that_will_not_have_us_is_a_problem(examine, broker, script, scheme, says):
    with Relay(script) as relay:
        found = examine(code=1, BROKER_URL=broker.url(), MAIL_URL=f"{scheme}://u:geheim@127.0.0.1:{relay.port}")
    assert found["mail"][0] == "problem" and says in found["mail"][1] and "geheim" not in found["mail"][1]


def test_a_folder_that_cannot_be_is_a_problem(examine, broker, tmp_path):
    (tmp_path / "file").touch()
    state, words = examine(code=1, BROKER_URL=broker.url(), MAIL_URL=f"file://{tmp_path}/file/mail")["mail"]
    assert state == "problem" and str(tmp_path / "file") in words


def test_mail_that_reaches_nobody_is_told_in_production(examine, broker):
    found = examine(BROKER_URL=broker.url(), MAIL_URL="null:", QUITTANCE_ENV="production")
    assert found["mail"][0] == "warning"


# ---- Chargebee -------------------------------------------------------------------------------------------------------


def test_a_key_of_the_wrong_kind_of_site_is_a_problem(examine, broker):
    given = {"BROKER_URL": broker.url(), "CHARGEBEE_SITE": "acme-test"}
    state, words = examine(code=1, CHARGEBEE_API_KEY="live_1234", **given)["Chargebee"]
    assert state == "problem" and "is a live key but CHARGEBEE_SITE ends in -test" in words
    assert examine(CHARGEBEE_API_KEY="test_1234", **given)["Chargebee"][0] == "ok"


def test_chargebee_is_asked_when_wanted(examine, broker, chargebee_api):
    given = {"BROKER_URL": broker.url(), "CHARGEBEE_SITE": chargebee_api.site_name}
    given["CHARGEBEE_API_URL"] = chargebee_api.url
    state, words = examine(online=True, CHARGEBEE_API_KEY=chargebee_api.key, **given)["Chargebee"]
    assert state == "ok" and "answers" in words
    state, words = examine(code=1, online=True, CHARGEBEE_API_KEY="test_wrong", **given)["Chargebee"]
    assert state == "problem" and "CHARGEBEE_API_KEY" in words and "test_wrong" not in words


@pytest.mark.parametrize(
    ("reading", "state", "words"),
    [
        ("", "warning", "was never read"),
        ("business_now() - interval '9 minutes', null", "ok", "within the hour"),
        ("business_now() - interval '2 hours', null", "warning", "not for 120 minutes"),
        ("business_now(), 'events: Chargebee answered 429; it is tried again'", "warning", "answered 429"),
        ("business_now() - interval '2 hours', 'events: answered 401; check the key'", "problem", "answered 401"),
        ("null, 'events: answered 401; check the key'", "problem", "answered 401"),
    ],
    ids=["never", "lately", "long ago", "refused just now", "refused for long", "never but refused"],
)
def test_whether_missed_webhooks_would_be_found_is_looked_at(examine, broker, session, reading, state, words):
    if reading:
        columns = "insert into readings (name, watermark, ended_at, problem)"
        session.execute(text(f"{columns} values ('events', business_now(), {reading})"))
    given = {"CHARGEBEE_SITE": "acme-test", "CHARGEBEE_API_KEY": "test_1234", "BROKER_URL": broker.url()}
    found = examine(code=int(state == "problem"), **given)["reconciliation"]
    assert found[0] == state and words in found[1]


def test_templates_of_ones_own_are_looked_at(examine, broker, tmp_path: Path):
    here = {"BROKER_URL": broker.url(), "EMAIL_TEMPLATE_DIR": str(tmp_path / "own")}
    assert examine(**here, code=1)["mail templates"][0] == "problem"
    (tmp_path / "own" / "invoice").mkdir(parents=True)
    assert examine(**here)["mail templates"] == ("ok", "nothing is wrong with your own. ")
    (tmp_path / "own" / "invoice" / "subject.txt").write_text("{{ mail.numbr }}")
    state, told = examine(**here, code=1)["mail templates"]
    assert state == "problem" and "emails lint" in told
