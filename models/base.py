"""What every row shares: column types that refuse mistakes, names for constraints, and the order of snapshots."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, Dialect, MetaData, Text, TypeDecorator, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """TIMESTAMPTZ. A datetime without a zone is refused: nobody knows which instant it means."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {
        int: BigInteger,
        str: Text,
        bool: Boolean,
        datetime: UTCDateTime,
        date: Date,
        dict[str, Any]: JSONB(none_as_null=True),  # None is NULL, not JSON's null
        list[dict[str, Any]]: JSONB(none_as_null=True),
    }


class MirrorRow(Base):
    """A provider's object as its greatest snapshot shows it. Columns beyond these are the ones that rules read."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True, comment="the provider's id")
    version: Mapped[int] = mapped_column(comment="resource_version, epoch ms; else updated_at or occurred_at x 1000")
    deleted: Mapped[bool] = mapped_column(server_default=text("false"), comment="a tombstone: the row stays")
    tie_at: Mapped[datetime] = mapped_column(
        comment="breaks ties of versions in whole seconds: the event's occurred_at"
    )
    digest: Mapped[str] = mapped_column(comment="breaks the ties that are left: sha256 of the snapshot")
    snapshot: Mapped[dict[str, Any]] = mapped_column(
        deferred=True, comment="the provider's object; without card or bank numbers, NUL or lone surrogates"
    )

    @property
    def order(self) -> tuple[int, bool, datetime, str]:
        """Snapshots of one object are totally ordered by this: the greatest is kept."""
        return (self.version, self.deleted, self.tie_at, self.digest)
