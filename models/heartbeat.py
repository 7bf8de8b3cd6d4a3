"""Who is alive, and what is done on time: a worker's last sign of life, and the last turn of each scheduled job."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Heartbeat(Base):
    """Written by a task that a worker sends to itself, so by one that hears its broker and reaches its database."""

    __tablename__ = "heartbeats"

    worker: Mapped[str] = mapped_column(primary_key=True, comment="the node's name, such as events.7@host")
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="which it works off: events, mail, provider")
    at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="real time, of the database")


class JobTurn(Base):
    """When a job of the schedule was begun last, and when a worker last asked for it in the scheduler's place."""

    __tablename__ = "job_turns"

    job: Mapped[str] = mapped_column(primary_key=True, comment="the task's name")
    taken_at: Mapped[datetime | None] = mapped_column(comment="real time, of the database")
    asked_at: Mapped[datetime | None] = mapped_column(comment="real time; none: the scheduler was never late")
