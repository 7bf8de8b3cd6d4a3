"""What a second role may do: everything that running takes, and nothing that would change a ledger or the schema.

Ledgers are append-only by a trigger, which the tables' owner could switch off. A role that owns nothing cannot, and is
given no right to change what is written there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

# Every table that bears the trigger, whichever migration made it.
_LEDGERS = text("""
    select c.relname as name, bool_and(t.tgenabled in ('O', 'A')) as guarded
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where t.tgname = 'append_only' and c.relnamespace = cast(current_schema() as regnamespace)
    group by 1 order by 1
""")
_ROLE = text("""
    select rolsuper as is_superuser,
      exists (select from pg_class where relkind in ('r', 'p') and relnamespace = cast(current_schema() as regnamespace)
                and pg_has_role(:role, relowner, 'member')) as is_owner
    from pg_roles where rolname = :role
""")
_SERVED = text("""
    select r.rolname from pg_class c, aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
    where c.oid = cast('audit_entries' as regclass) and a.privilege_type = 'INSERT' and a.grantee <> c.relowner
    and pg_has_role(c.relowner, 'member')
      and not pg_has_role(r.oid, c.relowner, 'member')
    order by 1
""")


class Pointless(Exception):
    """The right would not be given, or would protect nothing; the message says why."""


def grant(connection: Connection, role: str) -> list[str]:
    """Give the role what running takes, and take away what it may not have; the ledgers that it may only add to.

    Raises:
        Pointless: there is no such role, or it can do everything anyway.
    """
    owns = "select pg_has_role(relowner, 'member') from pg_class where oid = cast('audit_entries' as regclass)"
    if not connection.scalar(text(owns)):
        raise Pointless("only the role that owns the tables may do this; set DATABASE_URL to its")
    known = connection.execute(_ROLE, {"role": role}).first()
    if known is None:
        raise Pointless(f"there is no role {role}; create it: create role \"{role}\" login password '..'")
    if known.is_superuser or known.is_owner:
        why = "is a superuser" if known.is_superuser else "owns the tables, or is a member of the role that does"
        raise Pointless(f"role {role} {why}: no right keeps it from a ledger; create a role of its own for workers")
    names = list(ledgers(connection))
    to = _quoted(connection, role)
    schema, database = (_quoted(connection, _one(connection, of)) for of in ("current_schema()", "current_database()"))
    listed = ", ".join(f"{schema}.{_quoted(connection, name)}" for name in names)
    for statement in (
        f"grant connect, temporary on database {database} to {to}",  # temporary: `events replay --dry-run`
        f"grant usage on schema {schema} to {to}",
        f"grant select, insert, update, delete on all tables in schema {schema} to {to}",
        f"revoke update, delete, truncate, references, trigger on {listed} from {to}",
        f"revoke insert, update, delete, truncate on {schema}.alembic_version from {to}",
    ):
        connection.execute(text(statement))
    return names


def served(connection: Connection) -> list[str]:
    """The roles that were given rights, for the tables that a new version adds; none for who may not give any."""
    return list(connection.scalars(_SERVED))


def ledgers(connection: Connection) -> dict[str, bool]:
    """The append-only tables; False where somebody switched the trigger off."""
    return {row.name: row.guarded for row in connection.execute(_LEDGERS)}


def may_change(connection: Connection, names: list[str]) -> list[str]:
    """Those of these tables whose lines the role of this connection may change, by right or as their owner."""
    asked = text("""
        select name from unnest(cast(:names as text[])) as name
        where has_table_privilege(name, 'update, delete, truncate')
          or (select pg_has_role(relowner, 'member') from pg_class where oid = cast(name as regclass))
    """)
    return list(connection.scalars(asked, {"names": names}))


def _one(connection: Connection, of: str) -> Any:
    return connection.scalar(text(f"select {of}"))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
