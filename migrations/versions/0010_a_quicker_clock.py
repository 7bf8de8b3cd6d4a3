"""clock: the business's time is planned once a session, not at each call, of which every event makes one

A function in SQL that holds a subquery cannot be inlined, and is then planned anew each time: a fifth of what it cost
PostgreSQL to store an event.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_ASK = "now() + coalesce((select ahead from business_clock), interval '0')"
_PLANNED_ONCE = f"""
create or replace function business_now() returns timestamptz language plpgsql stable as $$
begin
  return {_ASK};
end
$$
"""
_PLANNED_EACH_TIME = f"""
create or replace function business_now() returns timestamptz language sql stable as $$
  select {_ASK}
$$
"""


def upgrade() -> None:
    op.execute(_PLANNED_ONCE)


def downgrade() -> None:
    op.execute(_PLANNED_EACH_TIME)
