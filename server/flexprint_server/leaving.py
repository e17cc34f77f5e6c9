"""A dealer who leaves: everything there is of one, taken along in a file, and erased.

What belongs to a dealer is what a scoped session of that dealer sees (`Model.visible`): a table that is walled is
exported and erased without anybody thinking of it.
"""

import json
import os
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, LargeBinary, delete, inspect, select, text
from sqlalchemy.orm import Session

import flexprint_server.alerts.models
import flexprint_server.fleet.models
import flexprint_server.ingest.models
import flexprint_server.mail.models
import flexprint_server.reports.models
import flexprint_server.tenants.models  # noqa: F401  the models register themselves when imported
from flexprint_server.database import Database, Model, Scope
from flexprint_server.tenants.models import Dealer
from flexprint_server.tenants.service import NoSuchDealer
from flexprint_shared.text import clean
from flexprint_shared.times import rfc3339

SECRETS: Final[Mapping[str, frozenset[str]]] = {
    "api_key": frozenset(("key_hash",)),
    "delivery": frozenset(("token_hash",)),
    "install_key": frozenset(("key_hash",)),
    "invitation": frozenset(("token_hash",)),
    "oidc_provider": frozenset(("client_secret",)),
    "outgoing_mail": frozenset(("content",)),
    "password_reset": frozenset(("token_hash",)),
    "recovery_code": frozenset(("code_hash",)),
    "second_factor": frozenset(("secret",)),
    "sign_in": frozenset(("token_hash", "csrf_token")),
    "user_account": frozenset(("password_hash",)),
}
"""Columns that stay here: they open doors of this collector and mean nothing elsewhere."""

_AT_A_TIME: Final = 1000
_LARGE_AT_A_TIME: Final = 16
"""Of rows with octets: a workbook's parts have a megabyte each, a batch may have several."""


def models(scope: Scope) -> dict[str, type[Model]]:
    """What belongs to a dealer, by table, in an order in which rows come after those that refer to them."""
    by_table = {mapper.class_.__tablename__: mapper.class_ for mapper in Model.registry.mappers}
    tables = [table.name for table in reversed(Model.metadata.sorted_tables)]
    return {name: by_table[name] for name in tables if by_table[name].visible(scope) is not None}


def scope_of(session: Session, dealer: str) -> Scope:
    """Raises NoSuchDealer."""
    found = session.scalar(select(Dealer.id).where(Dealer.name == clean(dealer, 200)))
    if found is None:
        raise NoSuchDealer(f"There is no dealer called {dealer!r}.")
    return Scope(found)


# ---------------------------------------------------------------- taken along


def export(database: Database, dealer: str, path: Path, now: datetime) -> dict[str, int]:
    """Writes a ZIP file with one file of JSON lines for each table, as all was at one instant; it appears whole or not
    at all. The rows of each table. Raises NoSuchDealer, OSError."""
    with database.reading() as session:
        scope = scope_of(session, dealer)
        schema = session.scalar(text("SELECT version_num FROM alembic_version"))
    draft = path.with_name(f"{path.name}.part")
    try:
        # Only for whoever runs the collector: it holds everything that a dealer's customers entrusted to the dealer.
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                counts = _write(archive, database, scope)
                about = {
                    "dealer": dealer,
                    "exported_at": rfc3339(now),
                    "schema": schema,
                    "rows": counts,
                    "left_out": {name: sorted(columns) for name, columns in SECRETS.items()},
                }
                archive.writestr("manifest.json", json.dumps(about, ensure_ascii=False, indent=2))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return counts


def _write(archive: zipfile.ZipFile, database: Database, scope: Scope) -> dict[str, int]:
    """Every table as a file of its own. The rows of each."""
    counts = {}
    with database.snapshot(scope) as session:
        for name, model in models(scope).items():
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as lines:
                counts[name] = 0
                for row in _rows(session, model):
                    lines.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                    counts[name] += 1
    return counts


def _rows(session: Session, model: type[Model]) -> Iterator[dict[str, Any]]:
    """The rows that the session sees, in the order of their keys."""
    kept_back = SECRETS.get(model.__tablename__, frozenset())
    mapper = inspect(model)
    columns = [attribute.class_attribute for attribute in mapper.column_attrs if attribute.key not in kept_back]
    keys = [mapper.get_property_by_column(column).class_attribute for column in mapper.primary_key]
    has_octets = any(isinstance(column.type, LargeBinary) for column in mapper.columns)
    at_a_time = _LARGE_AT_A_TIME if has_octets else _AT_A_TIME
    asked = select(*columns).order_by(*keys).execution_options(yield_per=at_a_time)
    names = [column.key for column in columns]
    for row in session.execute(asked):
        yield {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return b64encode(value).decode("ascii") if isinstance(value, bytes | memoryview) else value


# ---------------------------------------------------------------- erased


def erase(database: Database, dealer: str) -> dict[str, int]:
    """Removes everything there is of a dealer, in one transaction. The rows of each table that were removed. Raises
    NoSuchDealer."""
    with database.transaction() as session:
        scope = scope_of(session, dealer)
        if database.is_sqlite:  # what is removed is overwritten and does not stay in the file
            session.execute(text("PRAGMA secure_delete=ON"))
        with _audit_log_open(session):
            counts = {name: _removed(session, model, scope) for name, model in models(scope).items()}
    if database.is_sqlite:
        _empty_journal(database)
    return counts


def _removed(session: Session, model: type[Model], scope: Scope) -> int:
    condition = model.visible(scope)
    assert condition is not None
    done = session.execute(delete(model).where(condition).execution_options(synchronize_session=False))
    assert isinstance(done, CursorResult)
    return done.rowcount


@contextmanager
def _audit_log_open(session: Session) -> Iterator[None]:
    """The database lets entries of the audit log be removed, in this transaction and nowhere else."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER only_added_to"))
        yield
        session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER only_added_to"))
        return
    trigger = "audit_entry_no_delete"
    made = session.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": trigger})
    session.execute(text(f"DROP TRIGGER {trigger}"))
    yield
    session.connection().exec_driver_sql(str(made))


def _empty_journal(database: Database) -> None:
    """What was removed still stands in SQLite's write-ahead log until that is begun anew."""
    with database.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
