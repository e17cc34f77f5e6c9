"""One engine for SQLite and PostgreSQL, the types both know, and the base of every model."""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import sha256
from time import monotonic
from typing import Any, Final

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    bindparam,
    create_engine,
    event,
    false,
    func,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    LoaderCriteriaOption,
    ORMExecuteState,
    Session,
    sessionmaker,
    with_loader_criteria,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

_log: Final = logging.getLogger(__name__)

_READS_ONLY: Final = "flexprint_reads_only"
_USED: Final = "flexprint_used_at"
_SCOPE: Final = "flexprint_scope"
_VISIBLE: Final = "flexprint_visible"
TENANT_ROLE: Final = "flexprint_tenant"
"""The role that a scoped session takes on PostgreSQL. It owns nothing and passes no row-level security."""
_IDLE: Final = 2.0
"""Seconds after which a connection in the pool is asked whether it is still there."""

FEW_AT_A_TIME: Final = {"yield_per": 500}
"""Execution options of a question whose rows are many: they come through a cursor of the server's."""


def written_out(ids: Iterable[Any]) -> BindParameter[list[Any]]:
    """Numbers (or UUIDs) for a column's in_() that stand in the statement itself: there may be more of them than a
    statement has parameters, and drivers are slow at many."""
    return bindparam(None, list(ids), expanding=True, literal_execute=True)


# Text on PostgreSQL too: nothing searches inside, and JSONB would store a list of counters in three times the octets.
Json = JSON()
# Where None is no value at all and not the JSON word for it.
Ids = JSON(none_as_null=True)
# SQLite numbers rows by itself only in a column that is an INTEGER PRIMARY KEY.
BigKey = BigInteger().with_variant(Integer(), "sqlite")


# A device has four columns of it, and lists have many devices: several times as fast as the standard library's.
_JSON: Final = msgspec.json.decode


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. SQLite has no zones: what comes back from it is given one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(slots=True, frozen=True)
class Scope:
    """Whose rows a session sees: one dealer's, of these one customer's where that is named, and of these those at
    `site_ids` alone where these are named."""

    dealer_id: int
    customer_id: int | None = None
    site_ids: tuple[int, ...] | None = None


class OutOfScope(Exception):
    """A scoped session was about to write a row of somebody else. Nothing was written."""


class WallDown(Exception):
    """PostgreSQL would let a scoped session see rows of other dealers. The message says through which hole, and what to
    do."""


class Model(DeclarativeBase):
    """`visible` is what a scoped session sees of a table: one condition that every question about it is given,
    whether whoever asked thought of it or not. None: such a session has no business with the table at all."""

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool] | None:  # noqa: ARG003  what overrides it uses it
        return None

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant}  # noqa: RUF012  SQLAlchemy's own name and form


class Database:
    """The engine and its sessions. One transaction is one `with database.transaction() as session`."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.engine = _engine(url, pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        reading = self.engine.execution_options(**{_READS_ONLY: True, "postgresql_readonly": True})
        self._readers = sessionmaker(reading, expire_on_commit=False)
        # SQLite's readers see one instant anyway.
        steady = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._snapshots = sessionmaker(reading.execution_options(**steady), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self, scope: Scope | None = None) -> Iterator[Session]:
        """Commits at the end of the block, rolls back when it raises. Nothing else commits.

        Whatever is done for somebody who asked from outside names the `scope` of that person or key; only the
        collector's own work (arrivals, workers) goes without. Raises OutOfScope."""
        with self._sessions.begin() as session:
            _confine(session, scope)
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """transaction() below the ORM, for what is done so often that a session's bookkeeping would show."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self, scope: Scope | None = None) -> Iterator[Session]:
        """A transaction that only reads: on SQLite it does not wait for a batch that is being stored."""
        with self._readers.begin() as session:
            _confine(session, scope)
            yield session

    @contextmanager
    def snapshot(self, scope: Scope) -> Iterator[Session]:
        """reading() that sees everything as it was at one instant, however long it takes."""
        with self._snapshots.begin() as session:
            _confine(session, scope)
            yield session

    def insist_on_the_wall(self) -> None:
        """Raises WallDown, and closes. A database that does not answer yet, or was never migrated, shows nobody
        anything."""
        if self.is_sqlite:
            return
        try:
            with self.engine.connect() as connection:
                found = holes(connection)
        except OperationalError as error:
            _log.warning("the database does not answer yet: %s", error.orig)
            return
        if found:
            self.close()
            raise WallDown(
                f"PostgreSQL keeps dealers apart no longer: {'; '.join(found)}. Take that back as an administrator of "
                "the database (the operator's guide, section Production), then start again."
            )

    def close(self) -> None:
        self.engine.dispose()


def one_at_a_time(session: Session, name: bytes) -> None:
    """Whoever does the same in another transaction waits until this one has ended. SQLite writes one at a time."""
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(sha256(name).digest()[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


# ---------------------------------------------------------------- the wall between dealers

_ENTER: Final = text(
    "SELECT set_config('role', :role, true), set_config('flexprint.dealer', :dealer, true), "
    "set_config('flexprint.customer', :customer, true), set_config('flexprint.sites', :sites, true)"
)


_HOLES: Final = text("""
WITH tenant AS (SELECT oid, rolsuper OR rolbypassrls AS passes FROM pg_roles WHERE rolname = :role),
ours AS (SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p'))
SELECT format('the role %s passes row-level security', :role) FROM tenant WHERE passes
UNION ALL
SELECT format('the role %s owns table %s, or may become its owner', :role, relname)
FROM ours, tenant WHERE NOT passes AND pg_has_role(tenant.oid, relowner, 'MEMBER')
UNION ALL
SELECT format('table %s has no row-level security', relname) FROM ours, tenant
WHERE NOT passes AND NOT relrowsecurity AND has_table_privilege(tenant.oid, ours.oid, 'SELECT, INSERT, UPDATE, DELETE')
""")


def holes(connection: Connection) -> list[str]:
    """Where the wall of a PostgreSQL database has holes, in words."""
    return [str(row[0]) for row in connection.execute(_HOLES, {"role": TENANT_ROLE})]


def _confine(session: Session, scope: Scope | None) -> None:
    """Twice over: our own conditions on every question, and on PostgreSQL the row-level security of the schema
    (migrations.wall), which also holds where a statement of ours went round the models."""
    if scope is None:
        return
    session.info[_SCOPE] = scope
    session.info[_VISIBLE] = _conditions(scope, len(list(Model.registry.mappers)))
    if session.get_bind().dialect.name == "postgresql":
        customer = "" if scope.customer_id is None else str(scope.customer_id)
        # An empty text is no limit; there is no site 0.
        sites = "" if scope.site_ids is None else ",".join(map(str, scope.site_ids or (0,)))
        entering = {"role": TENANT_ROLE, "dealer": str(scope.dealer_id), "customer": customer, "sites": sites}
        session.execute(_ENTER, entering)


@event.listens_for(Session, "do_orm_execute")
def _ask_within(state: ORMExecuteState) -> None:
    conditions = state.session.info.get(_VISIBLE)
    if conditions and (state.is_select or state.is_update or state.is_delete):
        state.statement = state.statement.options(*conditions)


# Made anew for each session they would cost a page a tenth of its time. `_known`, the number of models there are, makes
# a model that was imported since one that is confined, too.
@lru_cache(maxsize=1_000)
def _conditions(scope: Scope, _known: int) -> Sequence[LoaderCriteriaOption]:
    visible = ((mapper.class_, mapper.class_.visible(scope)) for mapper in Model.registry.mappers)
    return [
        with_loader_criteria(model, false() if condition is None else condition, include_aliases=True)
        for model, condition in visible
    ]


@event.listens_for(Session, "before_flush")
def _write_within(session: Session, _context: object, _instances: object) -> None:
    scope = session.info.get(_SCOPE)
    if scope is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if getattr(row, "dealer_id", scope.dealer_id) != scope.dealer_id:
            raise OutOfScope(f"a {type(row).__name__} of another dealer")


def _engine(url: str, pool_size: int) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, json_deserializer=_JSON, connect_args={"timeout": 30, "isolation_level": None})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        json_deserializer=_JSON,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"connect_timeout": 5},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_ask_if_idle, engine.dialect))
    return engine


def _note_use(_connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info[_USED] = monotonic()


def _ask_if_idle(dialect: Dialect, connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """A connection that lay in the pool may be dead. Asking every time, as the pool itself would, costs a batch
    more than its commit does on a good disk."""
    if monotonic() - entry.info.get(_USED, monotonic()) < _IDLE:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error  # the pool takes another one, and none that is as old


def _begin_sqlite(connection: Connection) -> None:
    # The driver would begin late and for reading only; a transaction that reads first and then writes could
    # then be refused in the middle.
    reads_only = connection.get_execution_options().get(_READS_ONLY)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # WAL lets pages be read while a batch is stored; FULL because acknowledged means on disk.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
