"""`quittance doctor`: everything this installation stands on, each with its cause and its fix."""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import click
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from emails.senders import FileSender, SmtpSender, sender_for
from gateway.client import gateway_of
from gateway.errors import ProviderDown, ProviderRefused
from worker.doorbell import TASKS
from worker.settings import DEVELOPMENT_SECRET_KEY, Settings, SettingsError, table

from . import db, rights
from .database import connected, looking
from .failures import where, why_not_imported, why_unreachable
from .output import BAD, GOOD, WAITING, as_json, called, harmless, say, say_json, wrapped

OLDEST_SERVER = 15
SHORTEST_PASSWORD = 16
PATIENCE = 3  # seconds for each step with a server
LATE = timedelta(hours=1)  # six turns of reconciliation


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at: `cause` says what is so, `fix` what to do where that is not right."""

    name: str
    state: Literal["ok", "warning", "problem"]
    cause: str
    fix: str = ""


_MARKS = {"ok": ("✓", GOOD), "warning": ("!", WAITING), "problem": ("✗", BAD)}


@click.command()
@click.option("--online", is_flag=True, help="Also ask Chargebee, with one cheap read.")
@as_json
@click.pass_context
def command(ctx: click.Context, online: bool, as_json: bool) -> None:
    """Check settings, database, broker, mail and Chargebee. Exit code 1 where something is wrong."""
    checks = list(_all(online))
    well = all(check.state != "problem" for check in checks)
    if as_json:
        say_json({"ok": well, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    ctx.exit(0 if well else 1)


def _print(check: Check) -> None:
    mark, colour = _MARKS[check.state]
    told = f"{check.name}: {check.cause}." + (f" {check.fix[0].upper()}{check.fix[1:]}." if check.fix else "")
    first, *more = wrapped(harmless(told), 78)
    say(f"{click.style(mark, fg=colour)} {first}")
    for line in more:
        say(f"  {line}")


def _all(online: bool) -> Iterator[Check]:
    yield _code()
    try:
        settings = Settings.read()
    except SettingsError as wrong:
        for problem in wrong.problems:
            cause, _, fix = problem.partition(": ")
            yield Check("settings", "problem", cause, fix)
        return
    yield Check("settings", "ok", f"they can be read ({settings.env})")
    yield from _needed(settings)
    yield from _templates(settings)
    yield from _secrets(settings)
    yield from _database(settings)
    yield from (_redis if settings.broker_url.startswith("redis") else _rabbit)(settings)
    yield from _mail(settings)
    yield from _chargebee(settings, online)


def _code() -> Check:
    """Whether every module of tasks/ can be imported: a developer's new one may not."""
    try:
        from tasks import registry

        derivations = sum(map(len, registry.derivations().values()))
    except Exception as error:
        words = why_not_imported(error)
        if words is None:
            raise
        return Check("derivations", "problem", words, "mend that line; until then no worker starts")
    return Check("derivations", "ok", f"the {derivations} of tasks/ can be imported")


# ---- settings --------------------------------------------------------------------------------------------------------


def _needed(settings: Settings) -> Iterator[Check]:
    """What a setting's absence costs."""
    for name in ("mail_url", "mail_from", "secret_key", "public_url"):
        yield from _missing(settings, name, "problem")
    for name in ("merchant.name", "merchant.support_email", "finance_emails", "ops_emails"):
        yield from _missing(settings, name, "warning")
    money = settings.remittance
    if not (money.account or money.mail_to or money.interac):
        yield Check(
            "remittance",
            "warning",
            "customers who pay by cheque or wire are not told where to send it",
            "set REMITTANCE_ACCOUNT, REMITTANCE_MAIL_TO or REMITTANCE_INTERAC, and what belongs to it",
        )


def _templates(settings: Settings) -> Iterator[Check]:
    """Whether mails can be written with the merchant's own templates."""
    if not settings.email_template_dir:
        return
    from console.previews import studio_of
    from emails.lint import findings_in

    folder = Path(settings.email_template_dir)
    if not folder.is_dir():
        cause = "EMAIL_TEMPLATE_DIR is not a folder that can be read: mails are written with our templates"
        yield Check("mail templates", "problem", cause, "correct it, or remove it")
    elif found := findings_in(folder, studio_of(settings)):
        cause = f"{len(found)} in your own templates would spoil mails"
        yield Check("mail templates", "problem", cause, f"see: {called('emails lint')}")
    else:
        yield Check("mail templates", "ok", "nothing is wrong with your own")


def _missing(settings: Settings, name: str, state: Literal["warning", "problem"]) -> Iterator[Check]:
    try:
        settings.require(name)
    except SettingsError as wrong:
        cause, _, fix = wrong.problems[0].partition(": ")
        if fix == "set it":
            meaning = next(line.meaning for line in table() if cause.startswith(f"{line.name} "))
            fix = f"set it: {meaning[0].lower()}{meaning[1:]}"
        yield Check("settings", state, cause, fix)


def _secrets(settings: Settings) -> Iterator[Check]:
    weak: Literal["warning", "problem"] = "problem" if settings.env == "production" else "warning"
    for user, password in settings.webhook_credentials:
        if len(password) < SHORTEST_PASSWORD or len(set(password)) < 6 or password == user:
            yield Check(
                "webhook credentials",
                weak,
                f"the password of {user} in WEBHOOK_CREDENTIALS can be guessed",
                f"choose a random one of {SHORTEST_PASSWORD} characters or more, here and in Chargebee under"
                " Settings > Webhooks",
            )
        else:
            yield Check("webhook credentials", "ok", f"the password of {user} is long enough")
    if settings.secret_key == DEVELOPMENT_SECRET_KEY:
        cause = "SECRET_KEY is the one that everybody knows, which production refuses"
        yield Check("secret key", "warning", cause, "set it before anybody else can reach this installation")


# ---- database --------------------------------------------------------------------------------------------------------


def _database(settings: Settings) -> Iterator[Check]:
    place = where(settings.database_url)
    try:
        with connected(settings.database_url) as engine, engine.connect() as connection:
            version = int(connection.execute(text("show server_version_num")).scalar_one())
            current = db.current(engine)
    except DBAPIError as error:
        yield Check("database", "problem", f"{place} cannot be used", why_unreachable(error.orig or error))
        return
    if version < OLDEST_SERVER * 10_000:
        cause = f"{place} is PostgreSQL {version // 10_000}"
        yield Check("database", "problem", cause, f"use PostgreSQL {OLDEST_SERVER} or later")
    else:
        yield Check("database", "ok", f"{place} answers: PostgreSQL {version // 10_000}")
    head = db.head()
    if current != head:
        cause = f"the schema is at {current}" if current else "the database is empty"
        yield Check("migrations", "problem", f"{cause}, this version works with {head}", f"run: {called('db upgrade')}")
        return
    yield Check("migrations", "ok", f"the schema is at {head}")
    try:
        with looking(settings) as session:
            yield from _clock(settings, session)
            yield from _ledgers(settings, session)
            yield from _workers(session)
            yield from _work(session)
            yield from _reconciliation(settings, session)
    except DBAPIError as error:
        yield Check("database", "problem", f"{place} cannot be asked", why_unreachable(error.orig or error))


def _clock(settings: Settings, session: Session) -> Iterator[Check]:
    ahead: timedelta | None = session.scalar(text("select ahead from business_clock"))
    if ahead is None:
        yield Check("clock", "ok", "the business clock is the database's")
        return
    days = abs(ahead).total_seconds() / 86_400
    span = f"{days:.0f} days" if days >= 10 else f"{days:.1f} days"
    if settings.env == "development":
        moved = "ahead" if ahead >= timedelta(0) else "behind"
        yield Check("clock", "ok", f"the business clock was set, {span} {moved}, as the demo does")
        return
    moved = "ahead of" if ahead >= timedelta(0) else "behind"
    cause = f"the business clock was set: it is {span} {moved} the database's"
    yield Check("clock", "problem", cause, f"run: {called('clock reset')}")


def _ledgers(settings: Settings, session: Session) -> Iterator[Check]:
    """Whether what was written down can be changed afterwards, and what forbids it."""
    found = rights.ledgers(session.connection())
    if off := [name for name, guarded in found.items() if not guarded]:
        cause = f"the trigger that keeps {', '.join(off)} append-only was switched off"
        yield Check("ledgers", "problem", cause, f"run: alter table {off[0]} enable always trigger append_only")
    elif rights.may_change(session.connection(), list(found)):
        cause = "ledgers are append-only by trigger alone: the user in DATABASE_URL could switch it off"
        state: Literal["ok", "warning"] = "warning" if settings.env == "production" else "ok"
        yield Check("ledgers", state, cause, f"give the processes a role of their own: {called('db grant ROLE')}")
    else:
        yield Check("ledgers", "ok", "append-only by trigger, and the user in DATABASE_URL may only add to them")


def _workers(session: Session) -> Iterator[Check]:
    """Which workers have written their heartbeat within a minute: those that have work given to them, and do it."""
    found = session.execute(text("select worker, queues, at > now() - interval '60 s' as lives from heartbeats")).all()
    live = [row for row in found if row.lives]
    for row in found:
        if not row.lives:
            cause = f"the worker {row.worker} has given no sign of life for a minute"
            yield Check("workers", "warning", cause, "look at its log; one that died is forgotten in an hour")
    for queue in sorted(TASKS):
        if not any(queue in row.queues for row in live):
            cause = f"no worker lives that works off the queue {queue}"
            yield Check("workers", "warning", cause, "start one, as the Procfile does")
    if live:
        yield Check("workers", "ok", f"{len(live)} live: {', '.join(sorted(row.worker for row in live)[:10])}")
    asked = "select exists (select from job_turns where asked_at > now() - interval '2 min')"
    if session.scalar(text(asked)):
        cause = "the scheduler is away or late: workers ask for what is due in its place"
        yield Check("scheduler", "warning", cause, "start it, as the Procfile does: beat")


def _reconciliation(settings: Settings, session: Session) -> Iterator[Check]:
    """Whether what no webhook brings would be found."""
    if not settings.chargebee_site:
        return
    asked = "select problem, business_now() - ended_at as ago from readings where name = 'events'"
    row = session.execute(text(asked)).first()
    if row is None:
        cause = "Chargebee's list of events was never read: webhooks that do not come are not missed"
        yield Check("reconciliation", "warning", cause, "a worker of the queue events reads it every ten minutes")
    elif row.problem:
        state: Literal["warning", "problem"] = "problem" if row.ago is None or row.ago > LATE else "warning"
        yield Check("reconciliation", state, f"Chargebee's list of events could not be read: {row.problem}")
    elif row.ago is None or row.ago > LATE:
        ago = "never" if row.ago is None else f"not for {row.ago.total_seconds() // 60:.0f} minutes"
        cause = f"Chargebee's list of events was {ago} read to its end; every ten minutes is its turn"
        yield Check("reconciliation", "warning", cause, f"read it now: {called('reconcile events')}")
    else:
        yield Check("reconciliation", "ok", "Chargebee's list of events was read to its end within the hour")


def _work(session: Session) -> Iterator[Check]:
    """What is stuck. Partial indexes answer each question, whatever the history; counting ends at a thousand."""
    for name, count, fix in (
        (
            "events are parked: a person must look",
            "select from inbox_events where status = 'parked'",
            f"see: {called('events list --status parked')}; mend the cause, then: {called('events replay --parked')}",
        ),
        (
            "events have been due for a minute",
            "select from inbox_events where status = 'pending' and starts = 0 and due_at < now() - interval '1 min'",
            f"start a worker for the queue events, or run: {called('drain')}",
        ),
        (
            "deliveries failed or are held: a person must look",
            "select from outbox where state in ('failed', 'held')",
            f"see: {called('outbox list')}; mend the cause, then: {called('outbox release KEY')}",
        ),
        (
            "deliveries have been due for five minutes",
            "select from outbox where state = 'new' and queue in ('mail', 'provider')"
            " and due_at < now() - interval '5 min'",
            f"start a worker for the queues mail and provider, or run: {called('drain')}",
        ),
    ):
        found: int = session.execute(text(f"select count(*) from ({count} limit 1000) as found")).scalar_one()  # noqa: S608
        if found:
            yield Check("work", "warning", f"{found}{' or more' if found == 1000 else ''} {name}", fix)


# ---- broker ----------------------------------------------------------------------------------------------------------


def _redis(settings: Settings) -> Iterator[Check]:
    redis: Any = import_module("redis")
    retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    try:
        with redis.Redis.from_url(
            settings.broker_url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=retry
        ) as client:
            client.ping()
            memory, persistence = client.info("memory"), client.info("persistence")
    except redis.exceptions.AuthenticationError:
        yield Check("broker", "problem", "the password in BROKER_URL is refused", "correct it")
        return
    except redis.exceptions.RedisError as error:
        yield _no_broker(error)
        return
    yield Check("broker", "ok", "it answers")
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        cause = f"the broker's maxmemory-policy is {policy}: when memory runs out, it throws messages away"
        yield Check("broker", "problem", cause, "set maxmemory-policy to noeviction in its configuration")
    if not persistence.get("aof_enabled"):
        cause = "the broker keeps nothing when it restarts; the sweeper rings again, later"
        yield Check("broker", "warning", cause, "set appendonly to yes in its configuration")


def _rabbit(settings: Settings) -> Iterator[Check]:
    kombu: Any = import_module("kombu")
    connection = kombu.Connection(settings.broker_url, connect_timeout=PATIENCE)
    try:
        with closing(connection):
            connection.connect()
    except Exception as error:  # a transport raises what it likes
        yield _no_broker(error)
    else:
        yield Check("broker", "ok", "it answers")


def _no_broker(error: Exception) -> Check:
    # The kind of error only: its text may hold the broker's URL.
    cause = f"the broker in BROKER_URL cannot be reached ({type(error).__name__})"
    return Check(
        "broker", "problem", cause, "start it, or correct BROKER_URL; until then work is slow, nothing is lost"
    )


# ---- mail ------------------------------------------------------------------------------------------------------------


def _mail(settings: Settings) -> Iterator[Check]:
    if not settings.mail_url:
        return
    try:
        sender = sender_for(settings.mail_url)
    except ValueError as wrong:
        yield Check("mail", "problem", "MAIL_URL cannot be used", str(wrong))
        return
    if isinstance(sender, SmtpSender):
        yield _relay(sender)
        return
    if isinstance(sender, FileSender):
        yield _folder(sender.directory)
    if settings.env == "production":
        cause = f"MAIL_URL is {settings.mail_url.partition(':')[0]}: no mail reaches anybody"
        yield Check("mail", "warning", cause, "set it to smtp+starttls://user:password@host:587")
    elif not isinstance(sender, FileSender):
        yield Check("mail", "ok", f"mail goes to {settings.mail_url}")


def _relay(sender: SmtpSender) -> Check:
    """Knock, sign in, and say goodbye without having sent anything."""
    place = f"the mail server at {sender.host}:{sender.port} (MAIL_URL)"
    tls = ssl.create_default_context()
    connect: Callable[..., smtplib.SMTP] = smtplib.SMTP
    more: dict[str, Any] = {}
    if sender.security == "tls":
        connect, more = smtplib.SMTP_SSL, {"context": tls}
    try:
        with connect(sender.host, sender.port, local_hostname=sender.host_name, timeout=PATIENCE, **more) as relay:
            relay.ehlo_or_helo_if_needed()
            if sender.security == "starttls":
                relay.starttls(context=tls)
            if sender.user is not None:
                relay.login(sender.user, sender.password)
    except smtplib.SMTPAuthenticationError:
        return Check("mail", "problem", f"{place} refuses the user or the password", "correct them in MAIL_URL")
    except ssl.SSLCertVerificationError as error:
        return Check(
            "mail",
            "problem",
            f"{place} has a certificate that is not trusted: {error.verify_message}",
            "use the name that the certificate is for, or add its authority to this machine",
        )
    except smtplib.SMTPNotSupportedError:
        return Check(
            "mail",
            "problem",
            f"{place} does not offer what MAIL_URL asks for: TLS, or signing in",
            "use another scheme (smtp, smtps, smtp+starttls) or port",
        )
    except (OSError, smtplib.SMTPException) as error:
        return Check(
            "mail",
            "problem",
            f"{place} cannot be used ({type(error).__name__})",
            "start it, or correct MAIL_URL; until then mail waits, and is tried for three days",
        )
    return Check("mail", "ok", f"{place} lets us in")


def _folder(folder: Path) -> Check:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Check("mail", "ok", f"mail is kept in {folder}")
    return Check(
        "mail", "problem", f"mail cannot be kept in {folder}", f"make {there} a folder that this user may write"
    )


# ---- Chargebee -------------------------------------------------------------------------------------------------------


def _chargebee(settings: Settings, online: bool) -> Iterator[Check]:
    gateway = gateway_of(settings)
    if gateway is None:
        yield Check(
            "Chargebee",
            "warning",
            "no API is configured: the worker believes webhooks alone, and invoices are mailed without their PDF",
            "set CHARGEBEE_SITE and CHARGEBEE_API_KEY",
        )
        return
    site, key = settings.chargebee_site or "", settings.chargebee_api_key or ""
    for kind, is_test in (("live", False), ("test", True)):
        if key.startswith(f"{kind}_") and site.endswith("-test") is not is_test:
            ends = "ends" if site.endswith("-test") else "does not end"
            yield Check(
                "Chargebee",
                "problem",
                f"CHARGEBEE_API_KEY is a {kind} key but CHARGEBEE_SITE {ends} in -test",
                "use the key from Settings > Configure Chargebee > API keys of that site",
            )
            return
    if not online:
        yield Check("Chargebee", "ok", f"site {site} is configured; --online asks it")
        return
    try:
        gateway.events(datetime.now(UTC) - timedelta(minutes=1), limit=1)
    except (ProviderDown, ProviderRefused) as error:
        cause, _, fix = str(error).rpartition("; ")
        yield Check("Chargebee", "problem", cause, fix)
    else:
        yield Check("Chargebee", "ok", f"site {site} answers, and takes the key")
