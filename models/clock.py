"""The business clock.

"Due", "days late" and mails ask now(): the database's time plus an offset that only development may set. Leases and
retries use real time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, Connection, Interval, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from .base import Base


class BusinessClock(Base):
    __tablename__ = "business_clock"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    ahead: Mapped[timedelta] = mapped_column(Interval)


def now(session: Session | Connection) -> datetime:
    """The business's now, UTC. Fixed within a transaction, as PostgreSQL's now() is."""
    moment: datetime = session.execute(text("select business_now()")).scalar_one()
    return moment


def move_to(session: Session | Connection, instant: datetime, *, env: str) -> None:
    """Set the business clock. Development only: production's clock is the database's.

    Raises:
        PermissionError: in any environment but development.
    """
    if env != "development":
        raise PermissionError("the business clock moves in development only; unset QUITTANCE_ENV=production")
    ahead = text("(:instant)::timestamptz - now()").bindparams(instant=instant)
    row = insert(BusinessClock).values(only_row=True, ahead=ahead)
    session.execute(row.on_conflict_do_update(index_elements=["only_row"], set_={"ahead": row.excluded.ahead}))
