"""The statements that store many reads at once. Rows travel as one JSON parameter and the database unfolds them
itself, PostgreSQL and SQLite each in its own way."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Executable, Uuid, bindparam, text
from sqlalchemy.exc import DBAPIError

from flexprint_server.database import Instant
from flexprint_server.fleet.origin import OWNED_FOR

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
# What it shows in words at one instant: always taken from the newest read.
_SHOWN: Final = {
    "address": "text",
    "state": "text",
    "errors": "json",
    "console": "json",
    "alerts": "json",
    "warnings": "json",
    "said": "text",
}
# What it counts, by column of a read and of a device.
_COUNTED: Final = {
    "layout_id": "layout_id",
    "total": "total",
    "meters": "meter_values",
    "levels": "levels",
    "percents": "percents",
    "states": "states",
}
_FIGURES: Final = {
    "row": "smallint",
    "device_id": "bigint",
    "newest": "boolean",
    "at": "bigint",
    "layout_id": "integer",
    "uptime_s": "bigint",
    "total": "bigint",
    "supply_left": "smallint",
    "supply_low": "boolean",
    "meters": "json",
    "levels": "json",
    "percents": "json",
    "states": "text",
}

# The instant of a read less origin.OWNED_FOR, in the form in which it is kept.
_BEFORE_THAT: Final = {
    POSTGRESQL: f"x.read_at - interval '{OWNED_FOR.total_seconds():.0f} seconds'",
    "sqlite": f"strftime('%Y-%m-%d %H:%M:%f000', x.at / 1000.0 - {OWNED_FOR.total_seconds():.0f}, 'unixepoch')",
}
_EARLIER: Final = {POSTGRESQL: "LEAST", "sqlite": "MIN"}
# What a batch has to know of a device before it changes it.
_BEFORE: Final = (
    "said, (device.agent_id = :agent AND device.owner_read_at = device.last_read_at "
    "AND device.merged_into_id IS NULL) AS plain, layout_id, "
    "CAST(meter_values AS text) AS meter_values, total, name, address"
)

# A process has one engine and with it one dialect; tests have many.
_for_each_dialect: Final = lru_cache(maxsize=4)

# A read before the newest one changes nothing, unless that came from a clock gone absurd.
_IS_NEWEST: Final = "(device.last_read_at <= x.read_at OR device.last_read_at > :absurd)"


class Prepared:
    """A statement compiled once and given to the driver itself. SQLAlchemy's own way to it and back costs more than
    what driver and database do with statements as small as these; errors still come as SQLAlchemy's."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # it has, in every statement
        self._sql: str = compiled.string
        self._order: Sequence[str] | None = compiled.positiontup
        converters = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        self._names: Final = tuple(converters)
        self._converters = [(name, convert) for name, convert in converters.items() if convert]
        self._answers: bool | None = None  # whether it returns rows, which shows when it has run

    def run(self, connection: Connection, facts: Mapping[str, Any]) -> list[Any]:
        """The rows that the statement returns, as the driver gives them; `facts` are its parameters and may be more.
        `connection` has to be in a transaction."""
        given = {name: facts[name] for name in self._names}
        for name, convert in self._converters:
            given[name] = convert(given[name])
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, tuple([given[name] for name in self._order]) if self._order else given)
            if self._answers is None:
                self._answers = cursor.description is not None
            return list(cursor.fetchall()) if self._answers else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise self._as_sqlalchemys(connection, error) from error
        finally:
            cursor.close()

    def _as_sqlalchemys(self, connection: Connection, error: Exception) -> BaseException:
        """The error as one of sqlalchemy.exc, without the parameters, which are customers' data. A connection that
        is gone does not go back to the pool."""
        dialect = connection.dialect
        is_gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
        if is_gone:
            connection.invalidate(error)
        return DBAPIError.instance(
            self._sql,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_gone,
            dialect=dialect,
        )


@_for_each_dialect
def known_keys(dialect: Dialect) -> Prepared:
    """(key, device_id, seen_as, and what lock_devices() gives of that device) of those of `keys` that name a device of
    `dealer`. Where all of them do, these devices are locked as lock_devices() does it; where one does not, none is, for
    a lock on the dealer has to come first."""
    if dialect.name == POSTGRESQL:
        # OFFSET 0 keeps the planner from turning this round: one look into the index for each key, whatever it
        # believes about the size of the table.
        sql = (
            "WITH known AS MATERIALIZED (SELECT found.key, found.device_id, found.seen_as "  # noqa: S608
            "FROM json_array_elements_text(CAST(:keys AS json)) AS wanted(key) "
            "CROSS JOIN LATERAL (SELECT key, device_id, seen_as FROM device_key "
            "WHERE dealer_id = :dealer AND key = wanted.key OFFSET 0) AS found), "
            f"locked AS MATERIALIZED (SELECT id, {_BEFORE} FROM device "
            "WHERE id = ANY(ARRAY(SELECT device_id FROM known)) "
            "AND (SELECT count(*) FROM known) = json_array_length(CAST(:keys AS json)) "
            "ORDER BY id FOR NO KEY UPDATE) "
            "SELECT known.key, known.device_id, known.seen_as, locked.said, locked.plain, locked.layout_id, "
            "locked.meter_values, locked.total, locked.name, locked.address "
            "FROM known LEFT JOIN locked ON locked.id = known.device_id"
        )
    else:
        sql = (
            f"SELECT key, device_id, seen_as, {_BEFORE} FROM device_key JOIN device ON device.id = device_id "  # noqa: S608
            "WHERE device_key.dealer_id = :dealer AND key IN (SELECT value FROM json_each(:keys))"
        )
    return _prepared(sql, dialect)


@_for_each_dialect
def lock_devices(dialect: Dialect) -> Prepared:
    """Of the devices `ids`, locked in the order of their numbers: id, what they said, whether `agent` is the only one
    that reads them and nobody has merged them, the layout and figures of their newest read. SQLite has one writer at a
    time.

    Neither this nor what changes devices names the dealer: the numbers come from its own keys, and a condition
    more would send PostgreSQL through all devices of the dealer."""
    if dialect.name == POSTGRESQL:
        named = "= ANY(ARRAY(SELECT CAST(json_array_elements_text(CAST(:ids AS json)) AS bigint)))"
        locking = " FOR NO KEY UPDATE"
    else:
        named, locking = "IN (SELECT value FROM json_each(:ids))", ""
    return _prepared(f"SELECT id, {_BEFORE} FROM device WHERE id {named} ORDER BY id{locking}", dialect)  # noqa: S608


@_for_each_dialect
def owners_read(dialect: Dialect) -> Prepared:
    """Devices that `agent` owns and has read at the times that `devices` tell, although another one read them later."""
    rows = _rows("devices", {"device_id": "bigint", "at": "bigint"}, dialect.name)
    return _prepared(
        f"WITH x AS {rows} UPDATE device SET owner_read_at = x.read_at FROM x WHERE device.id = x.device_id "  # noqa: S608
        "AND device.agent_id = :agent AND device.owner_read_at < x.read_at AND x.read_at < :absurd",
        dialect,
    )


@_for_each_dialect
def note_seen_as(dialect: Dialect) -> Prepared:
    """Of `reads` of `batch` just stored, which device each was seen as before people merged or split."""
    columns = {"row": "smallint", "device_id": "bigint", "at": "bigint", "seen_as": "bigint"}
    rows = _rows("reads", columns, dialect.name)
    return _prepared(
        f"WITH x AS {rows} UPDATE read SET seen_as = x.seen_as FROM x WHERE read.device_id = x.device_id "  # noqa: S608
        "AND read.read_at = x.read_at AND read.batch_id = :batch AND read.row = x.row",
        dialect,
    )


@_for_each_dialect
def change_devices(dialect: Dialect) -> Prepared:
    """Devices as their newest reads have them, in words and figures, told by `devices`."""
    changes = {
        **{name: f"COALESCE(x.{name}, device.{name})" for name in _SAID},
        **{name: f"x.{name}" for name in _SHOWN},
        # Without this a device that kept its serial to itself for once would vanish from searches by it.
        "search_text": "CASE WHEN x.serial IS NULL AND device.serial IS NOT NULL "
        "THEN device.search_text ELSE x.search_text || device.typed_text END",
        **_counts(dialect.name),
    }
    columns = {**_FIGURES, **_SAID, **_SHOWN, "search_text": "text"}
    sql = f"WITH x AS {_rows('devices', columns, dialect.name)} {_change(changes, dialect.name)}"
    return _prepared(sql, dialect)


@_for_each_dialect
def store(dialect: Dialect) -> Sequence[Prepared]:
    """Every one of `reads` as a row of `batch`, the figures of devices whose newest read is said to be among them, and
    what they add to the `days` of the site. One statement on PostgreSQL, three on SQLite: it has no WITH ... UPDATE."""
    columns = ", ".join(["row", "device_id", "read_at", "uptime_s", *_COUNTED])
    add = f"INSERT INTO read (dealer_id, batch_id, {columns}) SELECT :dealer, :batch, {columns} FROM x"  # noqa: S608
    change = f"{_change(_counts(dialect.name), dialect.name)} AND x.newest"
    rows = f"WITH x AS {_rows('reads', _FIGURES, dialect.name)}"
    if dialect.name == POSTGRESQL:
        written = [f"{rows}, changed AS ({change}), counted AS ({_count(dialect.name)}) {add}"]
    else:
        written = [f"{rows} {change}", f"{rows} {add}", _count(dialect.name)]
    return [_prepared(sql, dialect) for sql in written]


def _count(dialect: str) -> str:
    """Adds `days`, which come in order, to those of the site. The last row that a batch locks, so nobody deadlocks."""
    columns = {"day": "date", "pages": "bigint", "reads": "integer"}
    if dialect == POSTGRESQL:
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        told = f"json_to_recordset(CAST(:days AS json)) AS told({typed})"
    else:
        told = "json_each(:days)"
        columns = {f"json_extract(value, '$.{name}')": "" for name in columns}
    return (
        "INSERT INTO site_day (dealer_id, site_id, day, pages, reads) "  # noqa: S608  names of ours
        f"SELECT :dealer, :site, {', '.join(columns)} FROM {told} WHERE true "
        "ON CONFLICT (dealer_id, day, site_id) DO UPDATE "
        "SET pages = site_day.pages + excluded.pages, reads = site_day.reads + excluded.reads"
    )


def _prepared(sql: str, dialect: Dialect) -> Prepared:
    kinds: dict[str, Any] = {"agent": Uuid(), "absurd": Instant(), "unowned": Instant()}
    typed = [bindparam(name, type_=kind) for name, kind in kinds.items() if f":{name}" in sql]
    return Prepared(text(sql).bindparams(*typed), dialect)


def _counts(dialect: str) -> Mapping[str, str]:
    taken_over = _taken_over(dialect)
    return {
        **{column: f"x.{name}" for name, column in _COUNTED.items()},
        "supply_left": "x.supply_left",
        "supply_low": "x.supply_low",
        "agent_id": f"CASE WHEN {taken_over} THEN :agent ELSE device.agent_id END",
        "site_id": f"CASE WHEN {taken_over} THEN :site ELSE device.site_id END",
        "owner_read_at": f"CASE WHEN {taken_over} THEN x.read_at ELSE device.owner_read_at END",
        "last_read_at": "x.read_at",
    }


def _taken_over(dialect: str) -> str:
    """A device goes over to `agent` and `site` when its owner had not read it for so long when this one did, both by
    their own clocks: two that are wrong alike, or that bring their reads late, then do not take it from each other. And
    when its owner told a time that is none, and this one did not."""
    unowned = f"{_EARLIER[dialect]}({_BEFORE_THAT[dialect]}, :unowned)"
    mended = "(device.owner_read_at > :absurd AND x.read_at <= :absurd)"
    return f"(device.agent_id = :agent OR device.owner_read_at < {unowned} OR {mended})"


def _change(changes: Mapping[str, str], dialect: str) -> str:
    """Changes the devices that `x` names, where what it tells is news."""
    assignments = ", ".join(f"{name} = {value}" for name, value in changes.items())
    # An array keeps PostgreSQL from walking through all devices, whatever it believes about the length of `x`.
    named = "= ANY(ARRAY(SELECT device_id FROM x))" if dialect == POSTGRESQL else "IN (SELECT device_id FROM x)"
    return (
        f"UPDATE device SET {assignments} FROM x "  # noqa: S608  names of ours
        f"WHERE device.id {named} AND device.id = x.device_id AND {_IS_NEWEST}"
    )


def _rows(parameter: str, columns: Mapping[str, str], dialect: str) -> str:
    """The objects in the JSON `parameter` as a table expression; their `at`, in milliseconds since 1970, also as the
    instant `read_at`, in the form in which SQLAlchemy keeps it."""
    if dialect == POSTGRESQL:
        typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        # In two parts, for a double does not hold milliseconds up to the year 9999.
        read_at = "to_timestamp(at / 1000) + at % 1000 * interval '1 millisecond' AS read_at"
        return f"MATERIALIZED (SELECT *, {read_at} FROM json_to_recordset(CAST(:{parameter} AS json)) AS told({typed}))"  # noqa: S608
    taken = ", ".join(f"json_extract(value, '$.{name}') AS \"{name}\"" for name in columns)
    read_at = "strftime('%Y-%m-%d %H:%M:%f000', json_extract(value, '$.at') / 1000.0, 'unixepoch') AS read_at"
    return f"(SELECT {taken}, {read_at} FROM json_each(:{parameter}))"  # noqa: S608  names of ours
