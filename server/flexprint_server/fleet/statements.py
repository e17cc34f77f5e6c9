"""The statements that store many reads at once. Rows travel as one JSON parameter and the database unfolds them
itself, PostgreSQL and SQLite each in its own way."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Dialect, Executable, TextClause, Uuid, bindparam, text

from flexprint_server.database import Instant

POSTGRESQL: Final = "postgresql"

# What a device says of itself: a value it did not give this time leaves the one before it.
_SAID: Final = {
    "manufacturer": "text",
    "model": "text",
    "serial": "text",
    "asset": "text",
    "name": "text",
    "location": "text",
    "contact": "text",
    "firmware": "text",
    "description": "text",
    "sys_object_id": "text",
    "macs": "json",
    "color": "boolean",
}
# What holds for this one instant: always taken from the newest read.
_SHOWN: Final = {
    "address": "text",
    "total": "bigint",
    "supply_left": "smallint",
    "supply_low": "boolean",
    "state": "text",
    "errors": "json",
    "console": "json",
    "alerts": "json",
    "warnings": "json",
    "meters": "json",
    "supplies": "json",
}
_ONE: Final = {"id": "bigint", "read_at": "timestamptz"}
_READ: Final = {
    "row": "smallint",
    "device_id": "bigint",
    "layout_id": "integer",
    "read_at": "timestamptz",
    "uptime_s": "bigint",
    "total": "bigint",
    "meters": "json",
    "levels": "json",
    "percents": "json",
}

# A process has one engine and with it one dialect; tests have many.
_for_each_dialect: Final = lru_cache(maxsize=4)

# A read before the newest one changes nothing, unless that came from a clock gone absurd.
_IS_NEWEST: Final = "(device.last_read_at <= x.read_at OR device.last_read_at > :absurd)"


def instant(at: datetime, dialect: str) -> str:
    """An instant in UTC as text in a row; on SQLite that is the form in which SQLAlchemy keeps it."""
    return str(at) if dialect == POSTGRESQL else at.replace(tzinfo=None).isoformat(" ", "microseconds")


class Prepared:
    """A statement compiled once. SQLAlchemy's own way from a statement to the driver costs more than what the driver
    and the database do with the small ones; errors still come as SQLAlchemy's."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # it has, in every statement
        self._sql: str = compiled.string
        self._order: Sequence[str] | None = compiled.positiontup
        converters = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        self._names: Final = tuple(converters)
        self._converters = [(name, convert) for name, convert in converters.items() if convert]

    def run(self, connection: Connection, facts: Mapping[str, Any]) -> CursorResult[Any]:
        """What the statement returns; `facts` are its parameters and may be more."""
        given = {name: facts[name] for name in self._names}
        for name, convert in self._converters:
            given[name] = convert(given[name])
        return connection.exec_driver_sql(
            self._sql, tuple([given[name] for name in self._order]) if self._order else given
        )


@_for_each_dialect
def known_keys(dialect: Dialect) -> Prepared:
    """(key, device_id, said) of those of `keys` that name a device of `dealer`. Where all of them do, these devices
    are locked as lock_devices() does it; where one does not, none is, for a lock on the dealer has to come first."""
    if dialect.name == POSTGRESQL:
        # OFFSET 0 keeps the planner from turning this round: one look into the index for each key, whatever it
        # believes about the size of the table.
        sql = (
            "WITH known AS MATERIALIZED (SELECT found.key, found.device_id "
            "FROM json_array_elements_text(CAST(:keys AS json)) AS wanted(key) "
            "CROSS JOIN LATERAL (SELECT key, device_id FROM device_key "
            "WHERE dealer_id = :dealer AND key = wanted.key OFFSET 0) AS found), "
            "locked AS MATERIALIZED (SELECT id, said FROM device WHERE id = ANY(ARRAY(SELECT device_id FROM known)) "
            "AND (SELECT count(*) FROM known) = json_array_length(CAST(:keys AS json)) "
            "ORDER BY id FOR NO KEY UPDATE) "
            "SELECT known.key, known.device_id, locked.said FROM known LEFT JOIN locked ON locked.id = known.device_id"
        )
    else:
        sql = (
            "SELECT key, device_id, said FROM device_key JOIN device ON device.id = device_id "
            "WHERE device_key.dealer_id = :dealer AND key IN (SELECT value FROM json_each(:keys))"
        )
    return Prepared(text(sql), dialect)


@lru_cache
def lock_devices(dialect: str) -> TextClause:
    """(id, said) of the devices `ids`, locked in the order of their numbers. SQLite has one writer at a time.

    Neither this nor what changes devices names the dealer: the numbers come from its own keys, and a condition
    more would send PostgreSQL through all devices of the dealer."""
    locking = " FOR NO KEY UPDATE" if dialect == POSTGRESQL else ""
    return text(f"SELECT id, said FROM device WHERE id {_among_ids(dialect)} ORDER BY id{locking}")  # noqa: S608  ours


@lru_cache
def change_identities(dialect: str) -> TextClause:
    """Devices `ids` as they last said they are, told by `devices`."""
    changes = {
        **{name: f"COALESCE(x.{name}, device.{name})" for name in _SAID},
        # Without this a device that kept its serial to itself for once would vanish from searches by it.
        "search_text": "CASE WHEN x.serial IS NULL AND device.serial IS NOT NULL "
        "THEN device.search_text ELSE x.search_text END",
        "said": "x.said",
    }
    columns = {**_ONE, **_SAID, "search_text": "text", "said": "text"}
    return text(_change(changes, columns, dialect)).bindparams(bindparam("absurd", type_=Instant()))


@_for_each_dialect
def store(dialect: Dialect) -> Sequence[Prepared]:
    """Devices `ids` as their newest read shows them, told by `devices`, and every one of `reads` as a row of
    `batch`. One statement on PostgreSQL, two on SQLite, which has no WITH ... UPDATE.

    A device goes over to `agent` and `site` when its owner has not read it since `unowned`."""
    taken_over = "(device.agent_id = :agent OR device.owner_read_at < :unowned)"
    changes = {
        **{name: f"x.{name}" for name in _SHOWN},
        "agent_id": f"CASE WHEN {taken_over} THEN :agent ELSE device.agent_id END",
        "site_id": f"CASE WHEN {taken_over} THEN :site ELSE device.site_id END",
        "owner_read_at": f"CASE WHEN {taken_over} THEN x.read_at ELSE device.owner_read_at END",
        "last_read_at": "x.read_at",
    }
    names = ", ".join(f'"{name}"' for name in _READ)
    values = ", ".join(f'x."{name}"' for name in _READ)
    change = _change(changes, {**_ONE, **_SHOWN}, dialect.name)
    add = (
        f"INSERT INTO read (dealer_id, batch_id, {names}) SELECT :dealer, :batch, {values} "  # noqa: S608  names of ours
        f"FROM {_rows('reads', _READ, dialect.name)}"
    )
    kinds: dict[str, Any] = {"agent": Uuid(), "absurd": Instant(), "unowned": Instant()}
    written = [f"WITH changed AS ({change}) {add}"] if dialect.name == POSTGRESQL else [change, add]
    return [
        Prepared(
            text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in kinds.items() if f":{name}" in sql)),
            dialect,
        )
        for sql in written
    ]


def _change(changes: Mapping[str, str], columns: Mapping[str, str], dialect: str) -> str:
    assignments = ", ".join(f"{name} = {value}" for name, value in changes.items())
    return (
        f"UPDATE device SET {assignments} FROM {_rows('devices', columns, dialect)} "  # noqa: S608  names of ours
        f"WHERE device.id {_among_ids(dialect)} AND device.id = x.id AND {_IS_NEWEST}"
    )


def _rows(parameter: str, columns: Mapping[str, str], dialect: str) -> str:
    """The objects in the JSON `parameter`, as rows `x`."""
    if dialect == POSTGRESQL:
        typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        return f"json_to_recordset(CAST(:{parameter} AS json)) AS x({typed})"
    taken = ", ".join(f"json_extract(value, '$.{name}') AS \"{name}\"" for name in columns)
    return f"(SELECT {taken} FROM json_each(:{parameter})) AS x"  # noqa: S608  names of ours


def _among_ids(dialect: str) -> str:
    """A condition: one of those in the JSON array `ids`."""
    if dialect == POSTGRESQL:
        return "= ANY(ARRAY(SELECT CAST(json_array_elements_text(CAST(:ids AS json)) AS bigint)))"
    return "IN (SELECT value FROM json_each(:ids))"
