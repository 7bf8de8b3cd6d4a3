"""comments: links between payments and invoices also say when the money was put there"""

from __future__ import annotations

from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_COMMENTS = (
    ("invoices", "linked_payments", "transaction_id, applied, status, amount, dated_at (s)"),
    ("transactions", "linked_invoices", "invoice_id, applied"),
)


def upgrade() -> None:
    for table, column, said in _COMMENTS:
        _comment(table, column, f"{said}, applied_at (s)", instead_of=said)


def downgrade() -> None:
    for table, column, said in _COMMENTS:
        _comment(table, column, said, instead_of=f"{said}, applied_at (s)")


def _comment(table: str, column: str, said: str, *, instead_of: str) -> None:
    op.alter_column(
        table, column, comment=said, existing_comment=instead_of, existing_type=JSONB(), existing_nullable=False
    )
