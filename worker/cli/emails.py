"""`quittance emails`: what was told to customers, what is still to be, and how each kind of mail looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.errors import NeedsAttention, NotYet
from models import AuditEntry, OutboxRow
from worker.settings import Settings

from . import shapes
from .database import changing, looking, ring, whoever_runs_this
from .failures import Problem
from .outbox import STATES, list_rows
from .output import (
    Column,
    as_json,
    called,
    counted,
    harmless,
    heading,
    limited,
    note,
    say,
    say_facts,
    say_json,
    say_table,
    shown_body,
)

one_mail = click.argument("mail", metavar="ID_OR_KEY")
unasked = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def command() -> None:
    """Mail: to come, sent, held; and how it looks."""


# ---- mails that are there --------------------------------------------------------------------------------------------


@command.command("list")
@click.option("--state", type=click.Choice(STATES), help="Those in this state only.")
@limited
@as_json
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """E-mails, the newest first.

    A held one may have arrived: a person decides (`emails resend`, `emails mark-sent`, or `outbox release` to try the
    same message again).
    """
    list_rows("emails", [state] if state else STATES, kind="email", limit=limit, as_json=as_json)


@command.command()
@one_mail
@as_json
def show(mail: str, as_json: bool) -> None:
    """One mail: to whom, when, what it said, and who decided what about it."""
    with looking(Settings.read()) as session:
        row = _mail(session, mail)
        known = shapes.outbox_row(row) | {"text": row.text}
        entries = select(AuditEntry).where(AuditEntry.object_type == "email", AuditEntry.object_id == row.key)
        history: list[dict[str, Any]] = [
            {"at": each.at, "actor": each.actor, "event_id": each.event_id, "before": each.before, "after": each.after}
            for each in session.scalars(entries.order_by(AuditEntry.id))
        ]
    if as_json:
        say_json({"email": known | {"history": history}})
        return
    shown = ("key", "id", "state", "reason", "recipient", "subject", "locale", "message_id", "reply", "attempts")
    facts = {name.replace("_", " "): known[name] for name in (*shown, "created_at", "ended_at", "links_revoked_at")}
    say_facts(facts)
    if history:
        heading("History")
        columns = [Column("at (UTC)", whole=True), Column("who", whole=True), Column("what")]
        say_table(columns, [(each["at"], each["actor"], _told(each["after"])) for each in history])
    if row.text:
        heading("Text")
        say(shown_body(row.text))


@command.command()
@one_mail
@click.option("--to", metavar="ADDRESS", help="Another reader than the one it was for.")
@unasked
def resend(mail: str, to: str | None, yes: bool) -> None:
    """Send a mail once more, as a message of its own.

    It says what is true now, and is not sent where that no longer holds.
    """
    settings = Settings.read()
    with looking(settings) as session:
        row = _mail(session, mail)
    if row.state == "held":
        note(harmless(f"{row.key} is held ({row.reason}): it would arrive twice."))
    _confirm(f"Send {row.key} again to {to or row.recipient or 'nobody'}?", yes)
    with changing(settings) as session, _plainly():
        from tasks.by_hand import send_again

        again = send_again(session, _mail(session, mail, lock=True), by=whoever_runs_this(), to=to)
        told = f"{again.key} is queued as mail {again.id}."
    say(told)
    ring(settings, "mail")


@command.command("mark-sent")
@one_mail
@unasked
def mark_sent(mail: str, yes: bool) -> None:
    """Say that a held mail arrived: it is not sent again."""
    from tasks import by_hand

    settings = Settings.read()
    with looking(settings) as session:
        row = _mail(session, mail)
    _confirm(f"Did {row.key} arrive at {row.recipient}?", yes)
    with changing(settings) as session, _plainly():
        by_hand.mark_sent(session, _mail(session, mail, lock=True), by=whoever_runs_this())
    say(f"{row.key} counts as sent.")


@command.command()
@click.argument("mails", nargs=-1, metavar="[ID_OR_KEY]...")
@click.option("--customer", metavar="ID", help="Every mail of this customer.")
@unasked
def revoke(mails: tuple[str, ...], customer: str | None, yes: bool) -> None:
    """Close the links of mails that went to the wrong person: the PDF, the web version, the preferences."""
    if bool(mails) == bool(customer):
        raise click.UsageError("Name mails, or a --customer.")
    from tasks.by_hand import revoke_links

    settings = Settings.read()
    what = f"all mails of customer {customer}" if customer else counted(len(mails), "mail")
    _confirm(f"Close the links of {what} for good?", yes)
    with changing(settings) as session:
        if customer:
            theirs = select(OutboxRow).where(OutboxRow.customer_id == customer, OutboxRow.kind == "email")
            rows = list(session.scalars(theirs.order_by(OutboxRow.id).with_for_update()))
        else:
            rows = [_mail(session, mail, lock=True) for mail in mails]
        closed = sum(revoke_links(session, row, by=whoever_runs_this()) for row in rows)
    say(f"The links of {counted(closed, 'mail')} are closed.")


@command.command("clear-address")
@click.argument("address_id", type=click.IntRange(min=1), metavar="ADDRESS_ID")
@unasked
def clear_address(address_id: int, yes: bool) -> None:
    """Write again to an address that mail came back from; its number is in the finding (`findings list`)."""
    from tasks.bounces import clear_dead

    settings = Settings.read()
    _confirm(f"Does address {address_id} take mail again?", yes)
    with changing(settings) as session:
        if not clear_dead(session, address_id, whoever_runs_this()):
            raise Problem(
                f"no address has the number {address_id}, or it bears no mark; see: {called('findings list')}"
            )
    say(f"Mail goes to address {address_id} again.")


def _mail(session: Session, named: str, *, lock: bool = False) -> OutboxRow:
    """A mail by the number of its row or by its key.

    Raises:
        Problem: there is none.
    """
    number = int(named) if named.isascii() and named.isdecimal() and len(named) < 19 else None
    wanted = select(OutboxRow).where(or_(OutboxRow.id == number, OutboxRow.key == named), OutboxRow.kind == "email")
    row = session.scalar(wanted.with_for_update() if lock else wanted)
    if row is None:
        raise Problem(f"no mail has the number or the key {harmless(named)}; see: {called('emails list')}")
    return row


def _confirm(question: str, yes: bool) -> None:
    if not yes:
        click.confirm(harmless(question), abort=True, err=True)


@contextmanager
def _plainly() -> Iterator[None]:
    """Tell what forbids a decision as a problem of whoever decides."""
    try:
        yield
    except NeedsAttention as reason:
        raise Problem(str(reason)) from reason


def _told(after: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (after or {}).items() if value not in (None, False))


# ---- kinds and how they look -----------------------------------------------------------------------------------------


@command.command()
@as_json
def kinds(as_json: bool) -> None:
    """Every kind of mail: who gets it, who answers, and its samples."""
    from emails.kinds import ALL

    rows: list[dict[str, Any]] = [
        {
            "name": kind.name,
            "category": kind.category,
            "audience": kind.audience,
            "reply_to": kind.reply_to,
            "optional": kind.optional,
            "samples": list(kind.samples),
        }
        for kind in ALL
    ]
    if as_json:
        say_json({"kinds": rows})
        return
    columns = [
        Column("kind", whole=True),
        Column("for"),
        Column("answers"),
        Column("optional", colours={}),
        Column("samples", right=True),
    ]
    cells = [(r["name"], r["audience"], r["reply_to"], r["optional"], len(r["samples"])) for r in rows]
    say_table(columns, cells)


@command.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to write to.")
def preview(out: Path) -> None:
    """Write every kind with every sample in both languages as pages that need no server."""
    from console.previews import studio_of, write_pages

    settings = Settings.read()
    try:
        count = write_pages(studio_of(settings), settings.default_locale, out)
    except OSError as problem:
        raise Problem(f"{out} cannot be written ({problem.strerror}); name another folder with --out") from problem
    say(f"{counted(count, 'preview')}: open {out / 'index.html'}")


@command.command("send-test")
@click.argument("kind")
@click.option("--to", required=True, metavar="ADDRESS", help="Who gets it.")
@click.option("--sample", help="Which sample; the first one if not given.")
@click.option("--locale", type=click.Choice(("fr_CA", "en_CA")), help="The installation's if not given.")
def send_test(kind: str, to: str, sample: str | None, locale: Any) -> None:
    """Send a mail made from a sample through MAIL_URL, its subject marked [Test]."""
    from console.previews import send_test as send
    from console.previews import studio_of
    from emails.kinds import ALL
    from emails.senders import OutcomeUnknown

    settings = Settings.read()
    settings.require("mail_url", "mail_from")
    chosen = _one_of("kind", kind, {each.name: each for each in ALL})
    named = sample or next(iter(chosen.samples))
    _one_of("sample", named, dict(chosen.samples))
    made = studio_of(settings).preview(chosen, named, locale or settings.default_locale)
    try:
        reply = send(made, to, settings.mail_url)
    except (NeedsAttention, NotYet) as reason:
        raise Problem(f"nothing was sent: {reason}") from reason
    except OutcomeUnknown as reason:
        raise Problem(f"it may have been sent: {reason}") from reason
    say(f"Sent: {harmless(reply)}")


@command.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_json
@click.pass_context
def lint(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Check templates of your own (EMAIL_TEMPLATE_DIR, or FOLDER). Exit code 1 where something is wrong."""
    from console.previews import studio_of
    from emails.lint import findings_in

    settings = Settings.read()
    folder = folder or (Path(settings.email_template_dir) if settings.email_template_dir else None)
    if folder is None:
        raise click.UsageError("Name a FOLDER, or set EMAIL_TEMPLATE_DIR.")
    if not folder.is_dir():
        raise Problem(f"EMAIL_TEMPLATE_DIR names {folder}, which is no folder: correct it")
    found = findings_in(folder, studio_of(settings))
    if as_json:
        say_json({"ok": not found, "findings": [finding._asdict() for finding in found]})
    else:
        for finding in found:
            say(harmless(f"{folder / finding.file}:{finding.line}: {finding.fact}"))
            say(harmless(f"    {finding.fix}"))
        say(f"{counted(len(found), 'finding')}." if found else "Nothing is wrong.")
    ctx.exit(1 if found else 0)


def _one_of(what: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise click.UsageError(f"There is no {what} {name!r}; there is {', '.join(known)}.")
    return known[name]
