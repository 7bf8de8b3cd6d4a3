"""The command as a whole: streams, exit codes, failures in plain words, tables, settings and the schema."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import click
import psycopg
import pytest

from tests.builders import a_customer, an_event
from tests.conftest import ROOT, url_of
from worker.cli import Nouns, quittance, version_of
from worker.cli.output import Column, lines_of, wrapped


def execute(environment: dict[str, str], *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITTANCE_")}
    options: dict[str, object] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "cwd": ROOT,
        "encoding": "utf-8",
    } | more
    command = [sys.executable, "-m", "worker.cli", *arguments]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, env={**inherited, **environment}, stdin=subprocess.DEVNULL, **options
    )


def verbs(group: click.Group, ctx: click.Context, *above: str) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name in group.list_commands(ctx):
        verb = group.get_command(ctx, name)
        assert verb is not None
        found |= verbs(verb, ctx, *above, name) if isinstance(verb, click.Group) else {(*above, name): verb}
    return found


def test_help_names_the_verbs_and_every_reading_one_takes_json(monkeypatch):
    monkeypatch.delenv("QUITTANCE_ENV", raising=False)
    found = verbs(quittance, click.Context(quittance))
    changing = {
        *(("cancellations", verb) for verb in ("run", "schedule", "withdraw")),
        ("clock", "move-to"),
        ("clock", "reset"),
        ("db", "grant"),
        ("db", "upgrade"),
        ("events", "ignore"),
        ("findings", "acknowledge"),
        *(("emails", verb) for verb in ("clear-address", "mark-sent", "preview", "resend", "revoke", "send-test")),
        ("outbox", "release"),
        ("payments", "record"),
        ("payments", "take-back"),
        ("seats", "set"),
        ("simulate", "serve"),
    }
    reading = {name for name, verb in found.items() if any("--json" in param.opts for param in verb.params)}
    assert reading == set(found) - changing
    assert all(verb.help for verb in found.values())
    assert {name for name, *_ in found} == set(Nouns.lines)


def test_help_lists_the_clock_in_development_only(run):
    assert "  clock " in run("--help", QUITTANCE_ENV="development").stdout
    for production in ({"QUITTANCE_ENV": "production"}, {"QUITTANCE_ENV_FILE": "/run/env"}):
        told = run("--help", **production).stdout
        assert "  clock " not in told and "  config " in told


def test_the_version_is_that_of_the_project(run):
    assert run("--version").stdout == f"quittance {version_of()}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version_of("a-distribution-that-is-not-installed") == project["version"]
    assert version_of("click") == metadata.version("click")


def test_advice_can_be_typed_as_the_command_was_called(run, tmp_path):
    lost = {"DATABASE_URL": url_of("postgres")}
    assert "run: quittance db upgrade" in run("events", "list", code=1, **lost).stderr
    assert "run: ./dev cli db upgrade" in run("events", "list", code=1, CALLED_AS="./dev cli", **lost).stderr
    assert "Run: ./dev cli db upgrade" in run("db", "status", CALLED_AS="./dev cli", **lost).stdout
    assert "(./dev cli events list" in run("show", "customer", "x", code=1, CALLED_AS="./dev cli").stderr
    told = execute({"PYTHONPATH": str(ROOT), "CALLED_AS": "./dev cli"}, "events", cwd=tmp_path)
    assert told.stderr.startswith("Usage: ./dev cli events ")


def test_help_starts_fast_because_it_imports_nothing_heavy():
    code = (
        "import sys; from worker.cli import quittance; quittance(['--help'], standalone_mode=False);"
        "print([name for name in ('sqlalchemy', 'celery', 'chargebee', 'pydantic', 'alembic') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_a_reading_verb_needs_neither_celery_nor_the_sdk(environment):
    code = (
        "import sys; from worker.cli import quittance; quittance(['events', 'list'], standalone_mode=False);"
        "print([name for name in ('celery', 'kombu', 'chargebee', 'alembic') if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert told.stdout.splitlines()[-1] == "[]"


def test_every_problem_of_the_settings_is_told_without_a_traceback(tmp_path):
    environment = {"DATABASE_URL": "", "BROKER_URL": "", "REDIS_URL": "", "WEBHOOK_CREDENTIALS": "x"}
    told = execute({**environment, "PYTHONPATH": str(ROOT)}, "events", "list", "--json", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (1, "")
    assert "Traceback" not in told.stderr
    for name in ("DATABASE_URL", "BROKER_URL", "WEBHOOK_CREDENTIALS"):
        assert name in told.stderr


@pytest.mark.parametrize(
    "url, says",
    [
        ("postgresql://u:geheim@127.0.0.1:1/q", "the database at 127.0.0.1:1 (DATABASE_URL): nothing listens there"),
        ("postgresql://u:geheim@nowhere.invalid/q", "nowhere.invalid:5432 (DATABASE_URL): no machine has this name"),
    ],
)
def test_a_database_that_is_away_is_told_by_its_host_and_never_its_password(run, url, says):
    for arguments in (("show", "customer", "x", "--json"), ("events", "list"), ("drain",), ("db", "upgrade")):
        result = run(*arguments, code=1, DATABASE_URL=url)
        assert result.stdout == "" and says in result.stderr
        assert len(result.stderr.splitlines()) == 1 and "geheim" not in result.stderr


def test_a_wrong_password_and_a_missing_database_are_told_apart(run, db_url):
    head, _, database = db_url.rpartition("/")
    scheme, _, place = head.rpartition("@")
    wrong = f"{scheme.rpartition(':')[0]}:wrong@{place}/{database}"
    assert "password in DATABASE_URL is refused" in run("events", "list", code=1, DATABASE_URL=wrong).stderr
    assert "does not exist" in run("events", "list", code=1, DATABASE_URL=f"{db_url}_not").stderr


def test_wrong_usage_is_exit_code_2(run):
    for arguments in (("nothing",), ("show", "subscription"), ("events", "list", "--status", "lost"), ()):
        assert run(*arguments, code=2).stdout == ""


@pytest.mark.long
def test_a_reader_that_goes_away_is_no_fault(environment):
    read, write = os.pipe()
    os.close(read)
    told = execute(environment, "derivations", stdout=write)
    os.close(write)
    assert told.returncode == 1 and told.stderr == ""


def on_a_terminal(environment: dict[str, str], *arguments: str) -> str:
    ours, theirs = pty.openpty()
    execute({"TERM": "xterm", **environment}, *arguments, stdout=theirs)
    os.close(theirs)
    told = b""
    try:
        while more := os.read(ours, 65536):
            told += more
    except OSError:  # Linux says so that nobody writes any more
        pass
    os.close(ours)
    return told.decode()


@pytest.mark.long
def test_colour_is_for_terminals_alone_and_kept_out_when_asked(environment):
    assert "\x1b[" in on_a_terminal(environment, "db", "status")
    assert "at head" in on_a_terminal(environment, "db", "status")
    assert "\x1b[" not in on_a_terminal({**environment, "NO_COLOR": "1"}, "db", "status")
    assert "\x1b[" not in execute(environment, "db", "status").stdout


@pytest.mark.long
def test_a_stream_that_does_not_know_every_letter_is_no_fault(environment, quittance):
    quittance.take(an_event(a_customer(company="Łódź inc.")))
    western = {**environment, "PYTHONIOENCODING": "latin-1"}
    told = execute(western, "show", "customer", "cust_1", "--json", encoding="latin-1")
    assert json.loads(told.stdout)["customer"]["company"] == "Łódź inc."
    told = execute(western, "show", "customer", "cust_1", encoding="latin-1")
    assert told.returncode == 0 and "\\u0141ód\\u017a inc." in told.stdout


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_a_table_narrows_what_nobody_copies_and_leaves_nothing_out():
    columns = [Column("id", whole=True), Column("type"), Column("amount", right=True, whole=True)]
    rows = [("ev_" + "x" * 40, "subscription_scheduled_cancellation_removed", "1,00 $"), ("ev_1", "short", "10,00 $")]
    lines = [click.unstyle(line) for line in lines_of(columns, rows)]
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("ev_" + "x" * 40)
    assert "".join(line[45:71].strip() for line in lines[1:-1]) == "subscription_scheduled_cancellation_removed"
    assert lines[-1].startswith("ev_1 ") and lines[-1].endswith(" 10,00 $")


@pytest.mark.parametrize("width", [1, 7, 20])
def test_wrapping_keeps_every_letter(width):
    text = "a word, subscription_scheduled_cancellation and sha256:0123456789abcdef0123456789"
    lines = wrapped(text, width)
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_table_of_very_long_ids_still_fits():
    rows = [("sha256:" + "0" * 64, "sub_" + "1" * 96, "ev_" + "2" * 97)]
    lines = lines_of([Column("a", whole=True)] * 3, rows)
    assert max(len(click.unstyle(line)) for line in lines) <= 80


# ---- settings and schema ---------------------------------------------------------------------------------------------


def test_settings_are_shown_without_their_secrets(read, run):
    given = {
        "DATABASE_URL": "postgresql://user:geheim@db.example:5433/q?sslpassword=geheim",
        "BROKER_URL": "redis://:geheim@broker.example:6379/0",
        "WEBHOOK_CREDENTIALS": "chargebee:geheim,next:geheim2",
        "MAIL_URL": "smtp+starttls://user:geheim@mail.example:587",
        "SECRET_KEY": "geheim-0123456789",
        "CHARGEBEE_SITE": "acme-test",
        "CHARGEBEE_API_KEY": "test_geheim",
        "REMITTANCE_BANK": "Banque Exemple",
        "SEAT_ITEM_PRICES": "b,a",
    }
    values = {row["name"]: row["value"] for row in read("config", "show", **given)["settings"]}
    assert values["DATABASE_URL"] == "postgresql://user:***@db.example:5433/q?sslpassword=***"
    assert values["BROKER_URL"] == "redis://:***@broker.example:6379/0"
    assert values["WEBHOOK_CREDENTIALS"] == "chargebee:***, next:***"
    assert values["MAIL_URL"] == "smtp+starttls://user:***@mail.example:587"
    assert (values["SECRET_KEY"], values["CHARGEBEE_API_KEY"], values["CALLBACK_SECRET"]) == ("***", "***", None)
    assert (values["REMITTANCE_BANK"], values["SEAT_ITEM_PRICES"]) == ("Banque Exemple", "a, b")
    assert values["EFFECTS_HORIZON"] == "36500 days"
    assert "geheim" not in run("config", "show", **given).stdout


def test_the_schema_is_made_and_then_left_alone(run, read, admin: psycopg.Connection, db_url, tmp_path: Path):
    name = f"empty_{db_url.rpartition('_')[2]}"
    admin.execute(f'create database "{name}"')
    try:
        there = {"DATABASE_URL": url_of(name)}
        assert "run: quittance db upgrade" in run("events", "list", code=1, **there).stderr
        assert read("db", "status", **there)["current"] is None
        assert "it was empty" in run("db", "upgrade", **there).stdout
        status = read("db", "status", **there)
        assert status["at_head"] and status["current"] == status["head"]
        assert "already" in run("db", "upgrade", **there).stdout
        assert read("events", "list", **there) == {"events": []}
    finally:
        admin.execute(f'drop database "{name}" with (force)')


def test_the_schema_needs_no_other_setting(run, read, environment):
    without = {name: "" for name in environment if name != "DATABASE_URL"} | {"QUITTANCE_ENV": "production"}
    assert "already" in run("db", "upgrade", **without).stdout
    assert read("db", "status", **without)["at_head"]
    told = run("db", "upgrade", code=1, **without | {"DATABASE_URL": ""}).stderr
    assert "1 problem" in told and "DATABASE_URL is missing: set it to postgresql://" in told


def test_a_schema_from_the_future_is_told(quittance, run):
    quittance.run("update alembic_version set version_num = '9999'")
    assert "newer version" in run("db", "upgrade", code=1).stderr
