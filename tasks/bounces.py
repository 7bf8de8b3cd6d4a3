"""Addresses that mail came back from for good: marked, told to finance, not written to until a person clears them."""

from __future__ import annotations

import structlog
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from emails import reports
from emails.reports import Bounced, NotAReport, ToConfirm
from models import AuditEntry, DeadAddress, Finding, MailReport, OutboxRow, clock
from models.session import transaction

from . import findings
from .inbox import is_their_fault
from .recipients import plain

DEAD = "dead_address"

log = structlog.get_logger(__name__)


def mark_dead(session: Session, address: str, *, customer_id: str | None, reason: str, reported_by: str) -> None:
    """Note that mail to this address comes back: nothing is sent there from now on, and finance is told."""
    row = {"customer_id": customer_id, "reason": reason, "reported_by": reported_by}
    mark = insert(DeadAddress).values(address=plain(address), **row)
    id = session.scalar(mark.on_conflict_do_nothing(index_elements=["address"]).returning(DeadAddress.id))
    if id is None:
        return  # marked before
    log.warning("an address is dead", address_id=id, customer=customer_id, reported_by=reported_by)
    session.add(AuditEntry(actor=reported_by, object_type="dead_addresses", object_id=str(id), before=None, after=row))
    whose = f"customer {customer_id}" if customer_id else "one of the merchant's own"
    detail = (
        f"mail to address {id} of {whose} came back ({reason}); nothing more is sent there: correct it in Chargebee, "
        f"or, if it takes mail again, run: quittance emails clear-address {id}"
    )
    finding = Finding(kind=DEAD, severity="warning", object_type="address", object_id=str(id), detail=detail)
    findings.note(session, [finding])


def clear_dead(session: Session, address_id: int, by: str) -> bool:
    """Write to this address again; False if it bears no mark. What was suppressed meanwhile stays so."""
    gone = (
        delete(DeadAddress).where(DeadAddress.id == address_id).returning(DeadAddress.customer_id, DeadAddress.reason)
    )
    row = session.execute(gone).first()
    if row is None:
        return False
    before = {"customer_id": row.customer_id, "reason": row.reason}
    session.add(
        AuditEntry(actor=by, object_type="dead_addresses", object_id=str(address_id), before=before, after=None)
    )
    session.execute(delete(Finding).where(Finding.kind == DEAD, Finding.object_id == str(address_id)))
    return True


# ---- reports of relays -----------------------------------------------------------------------------------------------


def apply_reports(engine: Engine) -> int:
    """Apply what relays have reported; how many reports ended."""
    applied = 0
    while _apply_next(engine):
        applied += 1
    return applied


def _apply_next(engine: Engine) -> bool:
    with transaction(engine) as session:
        pending = select(MailReport).where(MailReport.status == "pending").order_by(MailReport.seq).limit(1)
        row = session.scalars(pending.with_for_update(skip_locked=True)).first()
        if row is None:
            return False
        row.status, row.reason = _apply_or_explain(session, row)
        row.ended_at = clock.now(session)
        log.info(f"mail report {row.status}", report=row.id, reason=row.reason)
        return True


def _apply_or_explain(session: Session, row: MailReport) -> tuple[str, str | None]:
    """Apply one report; one that cannot be leaves nothing but a finding, and hides no other."""
    try:
        with session.begin_nested():
            return _apply(session, row.raw)
    except Exception as surprise:
        if not is_their_fault(surprise):
            raise
        log.error("a mail report was not applied: a fault of ours", report=row.id, exc_info=surprise)
        detail = f"mail report {row.id} was not applied ({type(surprise).__name__}): a fault of ours, see the log"
        told = Finding(
            kind="report_not_applied", severity="error", object_type="mail_report", object_id=row.id, detail=detail
        )
        findings.note(session, [told])
        return "ignored", "a fault of ours: see the finding"


def _apply(session: Session, raw: bytes) -> tuple[str, str | None]:
    try:
        report = reports.read(raw)
    except NotAReport as reason:
        return "ignored", str(reason)
    if isinstance(report, Bounced):
        known = [each for each in report.addresses if _mark_reported(session, each, report)]
        return ("applied", None) if known else ("ignored", "we wrote to none of its addresses")
    if isinstance(report, ToConfirm):
        detail = f"Amazon SNS asks whether it may report what becomes of mail; to say yes, open {report.url}"
        finding = Finding(
            kind="reports_to_confirm",
            severity="warning",
            object_type="sns_topic",
            object_id=report.topic,
            detail=detail,
        )
        findings.note(session, [finding])
        return "applied", "a person must confirm it: see the finding"
    return "ignored", report.why


def _mark_reported(session: Session, address: str, report: Bounced) -> bool:
    """Mark an address that we wrote to. Of any other a report is believed nothing."""
    to_it = select(OutboxRow).where(func.lower(OutboxRow.recipient) == plain(address), OutboxRow.kind == "email")
    row = session.scalars(to_it.order_by(OutboxRow.id.desc()).limit(1)).first()
    if row is None:
        return False
    mark_dead(session, address, customer_id=row.customer_id, reason=report.reason, reported_by=report.relay)
    return True
