"""the list of cancellations reads a page of them"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

_TABLE, _INDEX = "cancellations", "cancellations_effective_at"


def upgrade() -> None:
    # Made while events are applied, and made again where it was left half done.
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, table_name=_TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(_INDEX, _TABLE, ["effective_at"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, table_name=_TABLE, postgresql_concurrently=True)
