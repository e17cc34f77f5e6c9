"""The statements that store many reads at once. Rows travel as one JSON parameter and the database unfolds them
itself, PostgreSQL and SQLite each in its own way."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import TextClause, Uuid, bindparam, text

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

# A read before the newest one changes nothing, unless that came from a clock gone absurd.
_IS_NEWEST: Final = "(device.last_read_at <= x.read_at OR device.last_read_at > :absurd)"


def instant(at: datetime, dialect: str) -> str:
    """An instant in UTC as text in a row; on SQLite that is the form in which SQLAlchemy keeps it."""
    return str(at) if dialect == POSTGRESQL else at.replace(tzinfo=None).isoformat(" ", "microseconds")


@cache
def known_keys(dialect: str) -> TextClause:
    """(key, device_id) of those of `keys` that name a device of `dealer`."""
    if dialect == POSTGRESQL:
        # OFFSET 0 keeps the planner from turning this round: one look into the index for each key, whatever it
        # believes about the size of the table.
        return text(
            "SELECT known.key, known.device_id FROM json_array_elements_text(CAST(:keys AS json)) AS wanted(key) "
            "CROSS JOIN LATERAL (SELECT key, device_id FROM device_key "
            "WHERE dealer_id = :dealer AND key = wanted.key OFFSET 0) AS known"
        )
    return text(
        "SELECT key, device_id FROM device_key "
        "WHERE dealer_id = :dealer AND key IN (SELECT value FROM json_each(:keys))"
    )


@cache
def lock_devices(dialect: str) -> TextClause:
    """(id, said) of the devices `ids`, locked in the order of their numbers. SQLite has one writer at a time.

    Neither this nor what changes devices names the dealer: the numbers come from its own keys, and a condition
    more would send PostgreSQL through all devices of the dealer."""
    locking = " FOR NO KEY UPDATE" if dialect == POSTGRESQL else ""
    return text(f"SELECT id, said FROM device WHERE id {_among_ids(dialect)} ORDER BY id{locking}")  # noqa: S608  ours


@cache
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


@cache
def store(dialect: str) -> Sequence[TextClause]:
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
    change = _change(changes, {**_ONE, **_SHOWN}, dialect)
    add = (
        f"INSERT INTO read (dealer_id, batch_id, {names}) SELECT :dealer, :batch, {values} "  # noqa: S608  names of ours
        f"FROM {_rows('reads', _READ, dialect)}"
    )
    kinds: dict[str, Any] = {"agent": Uuid(), "absurd": Instant(), "unowned": Instant()}
    written = [f"WITH changed AS ({change}) {add}"] if dialect == POSTGRESQL else [change, add]
    return [
        text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in kinds.items() if f":{name}" in sql))
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
