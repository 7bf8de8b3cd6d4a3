"""operators are told of errors that were found"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TABLE, _INDEX = "findings", "findings_errors"


def upgrade() -> None:
    # Made while findings are noted, and made again where it was left half done.
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, table_name=_TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            _TABLE,
            ["last_seen_at"],
            postgresql_where=sa.text("severity = 'error'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, table_name=_TABLE, postgresql_concurrently=True)
