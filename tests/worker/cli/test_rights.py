"""A second role: the whole system runs as it, and it can change no line of a ledger."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from simulator import Site, story
from simulator.fixtures import ChargebeeApi
from tasks import comparison, reconcile
from tasks.couriers import reader_of
from tests.builders import Quittance, a_customer, a_subscription, an_event, an_invoice
from worker.cli import db

pytestmark = [pytest.mark.own_database, pytest.mark.long]
LEDGERS = ("audit_entries", "followup_entries", "seat_entries")


@pytest.fixture
def role(admin: psycopg.Connection) -> Iterator[str]:
    """A role that may sign in, and owns nothing; gone after the database that it was let into."""
    name = f"worker_{uuid.uuid4().hex[:8]}"
    admin.execute(sql.SQL("create role {} login password 'of-the-tests'").format(sql.Identifier(name)))
    yield name
    admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture
def as_role(role: str, db_url: str) -> str:
    """The database's URL, as that role."""
    parts = urlsplit(db_url)
    return parts._replace(netloc=f"{role}:of-the-tests@{parts.hostname}:{parts.port}").geturl()


@pytest.fixture
def chargebee_site() -> Site:
    return story.a_site()


def test_the_whole_story_is_lived_as_a_role_that_can_change_no_ledger(
    role: str, as_role: str, run: Any, tmp_path: Path, chargebee_api: ChargebeeApi, chargebee_site: Site
) -> None:
    run("db", "grant", role)
    where = {
        "CHARGEBEE_SITE": chargebee_api.site_name,
        "CHARGEBEE_API_KEY": chargebee_api.key,
        "CHARGEBEE_API_URL": chargebee_api.url,
    }
    with closing(Quittance(as_role, tmp_path, **where)) as quittance:
        sent = 0
        for step in story.steps():
            step.play(chargebee_site)
            quittance.move_clock(step.at)
            quittance.take(*chargebee_site.events[sent:])
            sent = len(chargebee_site.events)
        reader = reader_of(quittance.settings, quittance.engine, patience=None)
        assert reader is not None
        reconcile.reconcile_now(quittance.engine, reader, ring=lambda: None)
        assert list(comparison.compare_now(quittance.engine, reader))
        quittance.drain()
        assert quittance.rows("select status from inbox_events where status in ('pending', 'parked')") == []
        assert quittance.rows("select state from outbox where state not in ('sent', 'suppressed')") == []
        assert quittance.rows("select state from cancellations where state = 'run'") == ["run"]
        assert quittance.mails()
        for ledger in LEDGERS:
            assert quittance.rows(f"select count(*) > 0 from {ledger}") == [True]
    with psycopg.connect(as_role, autocommit=True) as connection:
        for ledger in LEDGERS:
            for statement in (
                f"update {ledger} set event_id = 'ev_0'",
                f"delete from {ledger}",
                f"truncate {ledger}",
                f"alter table {ledger} disable trigger append_only",
                f"alter table {ledger} disable trigger all",
                f"drop trigger append_only on {ledger}",
                f"drop table {ledger}",
                f"create rule quiet as on insert to {ledger} do instead nothing",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        for statement in (
            "set session_replication_role = replica",
            "create or replace function refuse_change() returns trigger language plpgsql as 'begin return new; end'",
            "update alembic_version set version_num = '0001'",
            "create table more (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_command_works_as_that_role(role: str, as_role: str, run: Any, read: Any, quittance: Quittance) -> None:
    quittance.take(an_event(a_customer(), a_subscription(seats=3), an_invoice(paid=6784)))
    quittance.take(event := an_event(a_subscription(2, seats=9)))
    run("db", "grant", role)
    assert run("db", "grant", role).stdout.endswith("only add to audit_entries, followup_entries, seat_entries.\n")
    assert read("events", "replay", event["id"], "--dry-run", DATABASE_URL=as_role)["events"]["would_end"] == {
        "ignored": 1
    }
    run("events", "replay", event["id"], DATABASE_URL=as_role)
    assert read("show", "subscription", "sub_1", DATABASE_URL=as_role)["subscription"]["seats"] == 9
    told = run("db", "grant", role, code=1, DATABASE_URL=as_role).stderr
    assert "only the role that owns the tables may do this" in told


def test_the_doctor_says_what_protects_the_ledgers(role: str, as_role: str, run: Any, db_url: str) -> None:
    def ledgers(code: int = 0, **more: str) -> str:
        result = run("doctor", code=1, **more)
        assert ("✗ ledgers" in result.stdout) is bool(code)
        return " ".join(result.stdout.split())

    assert "append-only by trigger alone" in ledgers()
    run("db", "grant", role)
    assert "append-only by trigger, and the user in DATABASE_URL may only add" in ledgers(DATABASE_URL=as_role)
    with psycopg.connect(db_url, autocommit=True) as owner:
        owner.execute("alter table seat_entries disable trigger append_only")
    assert "the trigger that keeps seat_entries append-only was switched off" in ledgers(code=1)


def test_an_upgrade_grants_again_what_is_new(
    role: str, as_role: str, run: Any, db_url: str, migrated_back: Callable[[], None]
) -> None:
    run("db", "grant", role)
    migrated_back()
    assert "the role that owns the tables" in run("db", "upgrade", code=1, DATABASE_URL=as_role).stderr
    assert f"Role {role} may use what is new." in run("db", "upgrade").stdout
    with psycopg.connect(as_role) as connection:
        assert connection.execute("select count(*) from listed_objects").fetchone() == (0,)
    with psycopg.connect(db_url, autocommit=True) as owner:  # as if the upgrade had ended before it granted
        owner.execute(sql.SQL("revoke all on listed_objects from {}").format(sql.Identifier(role)))
    assert run("db", "upgrade", DATABASE_URL=as_role).stdout == f"The schema is at {db.head()} already.\n"
    assert f"Role {role} may use what is new." in run("db", "upgrade").stdout
    with psycopg.connect(as_role) as connection:
        assert connection.execute("select count(*) from listed_objects").fetchone() == (0,)


@pytest.fixture
def migrated_back(db_url: str) -> Callable[[], None]:
    """Take the newest migrations back, down to before a table that a later one makes."""
    from alembic import command
    from alembic.config import Config

    from tests.conftest import ROOT

    def go() -> None:
        config = Config(str(ROOT / "migrations" / "alembic.ini"))
        config.attributes["url"] = db_url
        command.downgrade(config, "0005")

    return go


def test_a_role_that_could_do_everything_anyway_is_refused(run: Any, admin: psycopg.Connection, role: str) -> None:
    owner = admin.info.user
    assert "is a superuser" in run("db", "grant", owner, code=1).stderr
    assert "there is no role nobody-of-this-name" in run("db", "grant", "nobody-of-this-name", code=1).stderr
