"""Row-level security: what the role of scoped sessions may do, and which rows it sees. PostgreSQL only.

A step that makes a table protects it here, in the same step. `ours` is the condition under which a row may be seen
and written, in SQL; it may use DEALER and CUSTOMER. The collector's own work runs as the owner of the tables, whom
row-level security does not touch.
"""

from typing import Final

from alembic import op

ROLE: Final = "flexprint_tenant"

# In a SELECT of their own they are worked out once a statement and not once a row.
DEALER: Final = "(SELECT current_setting('flexprint.dealer')::integer)"
CUSTOMER: Final = "(SELECT nullif(current_setting('flexprint.customer', true), '')::integer)"
SITES: Final = "(SELECT string_to_array(nullif(current_setting('flexprint.sites', true), ''), ',')::integer[])"
"""The sites that a customer's user sees; NULL for all of that customer."""
ALL_CUSTOMERS: Final = "(SELECT nullif(current_setting('flexprint.customer', true), '') IS NULL)"
ALL_SITES: Final = "(SELECT nullif(current_setting('flexprint.sites', true), '') IS NULL)"
"""CUSTOMER, or SITES, limit nothing. Asked outside of the SELECT, PostgreSQL takes it for as good as never true."""
DEVICES: Final = "(SELECT id FROM device WHERE site_id = ANY (ARRAY(SELECT id FROM site)))"
"""The devices that a customer's user sees. Unless sites are named once more, PostgreSQL walks all devices for it."""

_MAKE_ROLE: Final = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
    CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was quicker
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the collector''s database user may not make roles; run as an administrator: '
      'CREATE ROLE {ROLE} NOLOGIN NOBYPASSRLS; GRANT {ROLE} TO %', quote_ident(current_user);
END $$"""
_JOIN_ROLE: Final = f"""
DO $$ BEGIN
  IF NOT pg_has_role(current_user, '{ROLE}', 'MEMBER') THEN
    EXECUTE format('GRANT {ROLE} TO %I', current_user);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO {ROLE}', current_schema());
END $$"""


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def make_role() -> None:
    """The role, which is one for all databases of a server, and the collector's membership in it."""
    if _is_postgresql():
        op.execute(_MAKE_ROLE)
        op.execute(_JOIN_ROLE)


def protect(table: str, ours: str, *, may: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Grants what scoped sessions may do with the table, on the rows that are `ours`."""
    if _is_postgresql():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON {table} TO {ROLE} USING ({ours}) WITH CHECK ({ours})")
        op.execute(f"GRANT {may} ON {table} TO {ROLE}")


def number(*sequences: str) -> None:
    """Lets scoped sessions number the rows they add."""
    if _is_postgresql():
        for sequence in sequences:
            op.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO {ROLE}")
