"""Lists of the provider that are read: how far, what was found on them, and whose turn it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Reading(Base):
    """How far a list has been read. What is read is committed page by page, together with this row."""

    __tablename__ = "readings"

    name: Mapped[str] = mapped_column(primary_key=True, comment="which list, and for whom")
    watermark: Mapped[datetime] = mapped_column(comment="everything up to here was read; never after business_now()")
    since: Mapped[datetime | None] = mapped_column(comment="where the reading that is under way began")
    next_offset: Mapped[str | None] = mapped_column(comment="its next page; NULL: the first one")
    seeking: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="the list was read; what is not on it is asked for one by one"
    )
    due_at: Mapped[datetime | None] = mapped_column(comment="real time; when to go on; NULL: when its turn comes")
    problem: Mapped[str | None] = mapped_column(comment="why the last page was not read")
    ended_at: Mapped[datetime | None] = mapped_column(comment="when the list was last read to its end")


class ListedObject(Base):
    """An object that was on the provider's list when the mirror was last compared with it."""

    __tablename__ = "listed_objects"

    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    listed: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="false: it was not, and was asked for by itself"
    )


class FoundEvent(Base):
    """An event that was on the provider's list before any webhook had brought it."""

    __tablename__ = "found_events"
    __table_args__ = (Index(None, "found_at"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    event_type: Mapped[str | None]
    occurred_at: Mapped[datetime | None]
    found_at: Mapped[datetime] = mapped_column(server_default=text("business_now()"))
    webhook_at: Mapped[datetime | None] = mapped_column(comment="when its webhook came after all")


class JobSlot(Base):
    """A job that was begun for a span of time: two schedulers do it once."""

    __tablename__ = "job_slots"

    name: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, comment="spans since 1970, real time")
    taken_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
