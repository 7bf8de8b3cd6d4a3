"""what an event did: its audit entries are found by it; deliveries leave entries too"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_BEFORE = "chargebee, clock, or a person"
_AFTER = "chargebee, clock, delivery, or a person"


def upgrade() -> None:
    # First and apart: it is made while events are applied, and made again where it was left half done.
    with op.get_context().autocommit_block():
        op.drop_index(
            "audit_entries_event_id", table_name="audit_entries", if_exists=True, postgresql_concurrently=True
        )
        op.create_index("audit_entries_event_id", "audit_entries", ["event_id"], postgresql_concurrently=True)
    _comment(_AFTER, instead_of=_BEFORE)


def downgrade() -> None:
    _comment(_BEFORE, instead_of=_AFTER)
    with op.get_context().autocommit_block():
        op.drop_index("audit_entries_event_id", table_name="audit_entries", postgresql_concurrently=True)


def _comment(said: str, *, instead_of: str) -> None:
    op.alter_column(
        "audit_entries",
        "actor",
        comment=said,
        existing_comment=instead_of,
        existing_type=sa.Text(),
        existing_nullable=False,
    )
