"""Alembic's entry: one transaction for all steps, on SQLite and PostgreSQL alike."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

import flexprint_server.alerts.models
import flexprint_server.fleet.models
import flexprint_server.ingest.models
import flexprint_server.mail.models
import flexprint_server.reports.models
import flexprint_server.tenants.models  # noqa: F401  the models register themselves when imported
from flexprint_server.database import Database, Model

# Any number, the same for every process of ours: only one migrates at a time.
LOCK = 0x466C6578


def render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """A step names plain types only: it has to mean the same when our own types have changed."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # A step that waits for a lock would hold up every upload behind it: better to fail and be run again.
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,
        render_item=render,
    )
    with context.begin_transaction():
        context.run_migrations()


def without_cascades(connection: Connection) -> None:
    """SQLite changes a table by making it anew and dropping the old one, which would take along every row that
    refers to it. Has to be said before the transaction; foreign_keys_hold() makes up for it."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA foreign_keys=OFF")


def foreign_keys_hold(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise RuntimeError(f"after this step rows would refer to rows that are not there: {broken[:5]}")


database = Database(context.config.attributes["url"], pool_size=1)
try:
    with database.engine.connect() as opened:
        without_cascades(opened)
        with opened.begin():
            migrate(opened)
            foreign_keys_hold(opened)
finally:
    database.close()
