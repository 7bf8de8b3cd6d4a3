"""Whom we may write to and how: languages that were chosen, mail that was turned off, addresses that are dead."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Identity, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, UTCDateTime


class LanguageChoice(Base):
    """The language that a customer asked for, in so many words. It goes before anything that the provider says."""

    __tablename__ = "language_choices"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    locale: Mapped[str] = mapped_column(comment="fr_CA, en_CA")
    chosen_by: Mapped[str] = mapped_column(comment="who said so: a person, or the link in a mail")
    chosen_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))


class OptOut(Base):
    """A reader who turned a kind of mail off. Only optional kinds can be."""

    __tablename__ = "opt_outs"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True, comment="in lower case")
    kind: Mapped[str] = mapped_column(primary_key=True)
    turned_off_by: Mapped[str]
    turned_off_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))


class DeadAddress(Base):
    """An address that mail came back from for good. Nothing is sent there until a person clears the mark."""

    __tablename__ = "dead_addresses"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    address: Mapped[str] = mapped_column(unique=True, comment="in lower case")
    customer_id: Mapped[str | None] = mapped_column(comment="whom it was written to for")
    reason: Mapped[str] = mapped_column(comment="what the mail server said, without addresses")
    reported_by: Mapped[str] = mapped_column(comment="smtp, postmark, ses")
    marked_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))


class MailReport(Base):
    """What a mail relay told us about a mail, as it came in. The row is the queue."""

    __tablename__ = "mail_reports"
    __table_args__ = (Index("mail_reports_pending", "seq", postgresql_where=text("status = 'pending'")),)

    id: Mapped[str] = mapped_column(
        primary_key=True, comment="sha256 of the body: the same report again is the same row"
    )
    raw: Mapped[bytes] = mapped_column(LargeBinary, comment="the body, byte for byte")
    received_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    status: Mapped[str] = mapped_column(server_default="pending", comment="pending, applied, ignored")
    reason: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    seq: Mapped[int] = mapped_column(Identity(always=True))


class MailPace(Base):
    """How fast mail goes to one domain: when the last ones left, and the turn that the next one in line gets."""

    __tablename__ = "mail_paces"

    domain: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[list[datetime]] = mapped_column(ARRAY(UTCDateTime), comment="turns of the last minute, real time")
    next_at: Mapped[datetime] = mapped_column(comment="turns before it are given away")
