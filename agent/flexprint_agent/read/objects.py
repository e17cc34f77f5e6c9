"""The standard objects a read is made of, and what a device answered, arranged by column and row.

Sources: RFC 3418 (system), RFC 2863 (interfaces), RFC 2790 (Host Resources), RFC 3805 (Printer MIB), PWG 5107.1
(Port Monitor MIB), RFC 3411 (SNMP engine). Every table of the Printer MIB is indexed by hrDeviceIndex first,
which is nearly always 1, and by the row second. Rows start at 0 on some devices, and Pantum leaves the device
out, so columns are joined by whole index and no index is ever assumed.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Final

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value
from flexprint_shared.readings import LARGEST_NUMBER

Index = tuple[int, ...]
Place = tuple[bytes, Index, bool]
"""The standard column of an object, its row, and whether the octets of such rows stand in the order of the index."""

SYS_DESCR: Final = ber.oid("1.3.6.1.2.1.1.1.0")
SYS_OBJECT_ID: Final = ber.oid("1.3.6.1.2.1.1.2.0")
SYS_UP_TIME: Final = ber.oid("1.3.6.1.2.1.1.3.0")
SYS_CONTACT: Final = ber.oid("1.3.6.1.2.1.1.4.0")
SYS_NAME: Final = ber.oid("1.3.6.1.2.1.1.5.0")
SYS_LOCATION: Final = ber.oid("1.3.6.1.2.1.1.6.0")

IF_PHYS_ADDRESS: Final = ber.oid("1.3.6.1.2.1.2.2.1.6")

HR_DEVICE_TYPE: Final = ber.oid("1.3.6.1.2.1.25.3.2.1.2")
HR_DEVICE_DESCR: Final = ber.oid("1.3.6.1.2.1.25.3.2.1.3")
HR_DEVICE_ID: Final = ber.oid("1.3.6.1.2.1.25.3.2.1.4")
HR_PRINTER_STATUS: Final = ber.oid("1.3.6.1.2.1.25.3.5.1.1")
HR_PRINTER_ERRORS: Final = ber.oid("1.3.6.1.2.1.25.3.5.1.2")

GENERAL_CONFIG_CHANGES: Final = ber.oid("1.3.6.1.2.1.43.5.1.1.1")
GENERAL_LOCALIZATION: Final = ber.oid("1.3.6.1.2.1.43.5.1.1.2")
GENERAL_CONSOLE_LOCALIZATION: Final = ber.oid("1.3.6.1.2.1.43.5.1.1.10")
GENERAL_NAME: Final = ber.oid("1.3.6.1.2.1.43.5.1.1.16")
GENERAL_SERIAL: Final = ber.oid("1.3.6.1.2.1.43.5.1.1.17")
LOCALIZATION_CHARSET: Final = ber.oid("1.3.6.1.2.1.43.7.1.1.4")

MARKER_UNIT: Final = ber.oid("1.3.6.1.2.1.43.10.2.1.3")
MARKER_LIFE_COUNT: Final = ber.oid("1.3.6.1.2.1.43.10.2.1.4")
MARKER_COLORANTS: Final = ber.oid("1.3.6.1.2.1.43.10.2.1.6")

# Tells nothing that is reported, but agents that leave levels out list their rows in it.
SUPPLY_MARKER: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.2")
SUPPLY_COLORANT: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.3")
SUPPLY_CLASS: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.4")
SUPPLY_TYPE: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.5")
SUPPLY_NAME: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.6")
SUPPLY_UNIT: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.7")
SUPPLY_CAPACITY: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.8")
SUPPLY_LEVEL: Final = ber.oid("1.3.6.1.2.1.43.11.1.1.9")
COLORANT_VALUE: Final = ber.oid("1.3.6.1.2.1.43.12.1.1.4")

CONSOLE_TEXT: Final = ber.oid("1.3.6.1.2.1.43.16.5.1.2")
ALERT_SEVERITY: Final = ber.oid("1.3.6.1.2.1.43.18.1.1.2")
ALERT_TRAINING: Final = ber.oid("1.3.6.1.2.1.43.18.1.1.3")
ALERT_CODE: Final = ber.oid("1.3.6.1.2.1.43.18.1.1.7")
ALERT_TEXT: Final = ber.oid("1.3.6.1.2.1.43.18.1.1.8")

# SNMP-FRAMEWORK-MIB (RFC 3411): which agent it is and how often it was started, also on devices asked in v2c.
ENGINE_ID: Final = ber.oid("1.3.6.1.6.3.10.2.1.1.0")
ENGINE_BOOTS: Final = ber.oid("1.3.6.1.6.3.10.2.1.2.0")

PORT_MONITOR_1284: Final = ber.oid("1.3.6.1.4.1.2699.1.2.1.2.1.1.3")

PRINTER_MIB: Final = ber.oid("1.3.6.1.2.1.43")

# Whole tables: the first object answered under one of them shows that the table is there.
GENERAL_TABLE: Final = ber.oid("1.3.6.1.2.1.43.5.1.1")
INPUT_TABLE: Final = ber.oid("1.3.6.1.2.1.43.8.2.1")
MARKER_TABLE: Final = ber.oid("1.3.6.1.2.1.43.10.2.1")
SUPPLIES_TABLE: Final = ber.oid("1.3.6.1.2.1.43.11.1.1")

PRINTER_DEVICE: Final = "1.3.6.1.2.1.25.3.1.5"
"""hrDevicePrinter as a value of hrDeviceType. Windows, AIX, cameras and BMCs claim it too."""

SYSTEM: Final = (SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME, SYS_CONTACT, SYS_NAME, SYS_LOCATION)
"""Mandatory for every agent, so that one GET of them fails on none, v1 or v2c."""

FIRST_ROWS: Final = (
    HR_DEVICE_TYPE,
    HR_DEVICE_DESCR,
    HR_DEVICE_ID,
    HR_PRINTER_STATUS,
    HR_PRINTER_ERRORS,
    GENERAL_CONFIG_CHANGES,
    GENERAL_LOCALIZATION,
    GENERAL_CONSOLE_LOCALIZATION,
    GENERAL_NAME,
    GENERAL_SERIAL,
    LOCALIZATION_CHARSET,
    INPUT_TABLE,
    MARKER_TABLE,
    MARKER_UNIT,
    MARKER_LIFE_COUNT,
    MARKER_COLORANTS,
    SUPPLIES_TABLE,
    SUPPLY_LEVEL,
    PORT_MONITOR_1284,
)
"""Columns whose first row says whether this is a printer, and nearly all of who it is and what it counted."""

# An hour before sysUpTime begins again at 0, after 497 days.
_WRAPS_FROM: Final = 2**32 - 100 * 60 * 60


def began_again(before: int | None, later: int | None) -> bool:
    """Whether a device started between two values of sysUpTime (hundredths of a second)."""
    return before is not None and later is not None and later < before < _WRAPS_FROM


ALERT_COLUMNS: Final = (ALERT_SEVERITY, ALERT_TRAINING, ALERT_CODE, ALERT_TEXT)

WALKED: Final = (
    IF_PHYS_ADDRESS,
    MARKER_UNIT,
    MARKER_LIFE_COUNT,
    SUPPLY_COLORANT,
    SUPPLY_CLASS,
    SUPPLY_TYPE,
    SUPPLY_NAME,
    SUPPLY_UNIT,
    SUPPLY_CAPACITY,
    SUPPLY_LEVEL,
    COLORANT_VALUE,
    CONSOLE_TEXT,
    *ALERT_COLUMNS,
)
"""Columns of which every row is wanted."""

_COLUMNS: Final = frozenset({*FIRST_ROWS, *WALKED, SUPPLY_MARKER}) - {INPUT_TABLE, MARKER_TABLE, SUPPLIES_TABLE}
_SIZES: Final = tuple(sorted({len(column) for column in _COLUMNS}))

_MOST_NAMES: Final = 4096
_TAG: Final = itemgetter(0)

_DECIMAL: Final = re.compile(rb"-?\d{1,20}")
_DOTTED: Final = re.compile(r"\.?(\d{1,10}(?:\.\d{1,10}){2,127})")


class Answers:
    """What a device answered: single objects by OID, columns by index, in the order of the index.

    It is made of what was answered until now; when more is, another is made.
    """

    def __init__(self, values: dict[bytes, Value]) -> None:
        self.values = values
        # In the order of octets all that is under one OID stands together.
        self._names = sorted(values)
        self._columns = _by_column(self._names, values)
        self._integers: dict[bytes, dict[Index, int]] = {}

    def under(self, start: bytes) -> list[bytes]:
        """The names answered under an OID, itself included."""
        names = self._names
        if not names or start > names[-1]:
            return []
        first = bisect_left(names, start)
        return names[first : bisect_left(names, _past(start), first)]

    def any_under(self, *tables: bytes) -> bool:
        """Whether anything was answered under one of these OIDs."""
        return any(map(self.under, tables))

    def column(self, column: bytes) -> dict[Index, Value]:
        rows = self._columns.get(column)
        if rows is None:
            rows = self._columns[column] = {} if column in _COLUMNS else self._rows(column)
        return rows

    def _rows(self, column: bytes) -> dict[Index, Value]:
        """The rows of a column that only a maker has."""
        skip = len(column)
        rows = {_index(name[skip:]): self.values[name] for name in self.under(column) if name != column}
        return dict(sorted(rows.items()))

    def integers(self, column: bytes) -> dict[Index, int]:
        """The rows of a column that hold a number, also one that is written out."""
        numbers = self._integers.get(column)
        if numbers is None:
            numbers = self._integers[column] = {}
            for index, value in self.column(column).items():
                tag, content = value
                if tag == ber.INTEGER and 0 < len(content) < 8:  # nearly every one
                    numbers[index] = int.from_bytes(content, "big", signed=True)
                    continue
                number = _number(value)
                if number is not None:
                    numbers[index] = number
        return numbers

    def integer(self, name: bytes) -> int | None:
        value = self.values.get(name)
        return None if value is None else _number(value)

    def oversized(self) -> list[bytes]:
        """The names of numbers too large to be kept anywhere, which only a Counter64 can hold."""
        if ber.COUNTER64 not in map(_TAG, self.values.values()):
            return []
        wide = [(name, ber.integer(value)) for name, value in self.values.items() if value[0] == ber.COUNTER64]
        return [name for name, number in wide if number is not None and number > LARGEST_NUMBER]

    def octets(self, name: bytes) -> bytes | None:
        value = self.values.get(name)
        return value[1] if value is not None and value[0] == ber.OCTET_STRING else None

    def object_id(self, name: bytes) -> str | None:
        """An OID, also where the device sends its dots as text (Toshiba TEC)."""
        value = self.values.get(name)
        if value is None:
            return None
        if value[0] == ber.OCTET_STRING:
            dotted = _DOTTED.fullmatch(value[1].decode("latin-1").strip())
            return dotted[1] if dotted else None
        return ber.object_id(value)

    @cached_property
    def device(self) -> int | None:
        """The hrDeviceIndex of the printer: where its own tables are; a claim of hrDeviceType comes last."""
        for column in (GENERAL_SERIAL, GENERAL_CONFIG_CHANGES, MARKER_LIFE_COUNT, SUPPLY_LEVEL, HR_PRINTER_STATUS):
            for index in self.column(column):
                return index[0]
        for index, value in self.column(HR_DEVICE_TYPE).items():
            if ber.object_id(value) == PRINTER_DEVICE:
                return index[0]
        return None

    @cached_property
    def printers(self) -> tuple[int, ...]:
        """The hrDeviceIndexes that have markers of their own: several on a print server for several printers."""
        rows = (*self.column(MARKER_LIFE_COUNT), *self.column(MARKER_UNIT))
        return tuple(sorted({index[0] for index in rows if len(index) > 1}))

    def own(self, rows: Iterable[Index]) -> Iterable[Index]:
        """The rows of a printer's table that belong to the printer that is read, and not to its neighbour."""
        if len(self.printers) < 2:
            return rows
        return (index for index in rows if len(index) < 2 or index[0] == self.device)

    def at_device(self, column: bytes) -> Value | None:
        """The printer's own row of a column; the first row where it has none under its index."""
        rows = self.column(column)
        if len(rows) > 1:
            for index, value in rows.items():
                if index[0] == self.device:
                    return value
        return next(iter(rows.values()), None)


def _by_column(names: Iterable[bytes], values: dict[bytes, Value]) -> dict[bytes, dict[Index, Value]]:
    """The rows of the standard columns, each column in the order of its index. `names` are in the order of octets."""
    columns: defaultdict[bytes, dict[Index, Value]] = defaultdict(dict)
    disordered = set()
    for name in names:
        place = _PLACES[name]
        if place is not None:
            column, index, in_order = place
            columns[column][index] = values[name]
            if not in_order:
                disordered.add(column)
    for column in disordered:
        columns[column] = dict(sorted(columns[column].items()))
    return dict(columns)


def _taken_apart(name: bytes) -> Place | None:
    for size in _SIZES:
        if name[:size] in _COLUMNS:
            suffix = name[size:]
            return (name[:size], _index(suffix), suffix.isascii()) if suffix else None
    return None


class _Places(dict[bytes, Place | None]):
    """Name -> its place, found once: the objects of all printers of a site have much the same names."""

    def __missing__(self, name: bytes) -> Place | None:
        if len(self) >= _MOST_NAMES:
            self.clear()
        place = self[name] = _taken_apart(name)
        return place


_PLACES: Final = _Places()


def _number(value: Value) -> int | None:
    number = _written(value[1]) if value[0] == ber.OCTET_STRING else ber.integer(value)
    return None if number is not None and number > LARGEST_NUMBER else number


def _written(octets: bytes) -> int | None:
    """A number that an agent sends as text."""
    digits = octets.strip(b" \0")
    return int(digits) if _DECIMAL.fullmatch(digits) else None


@lru_cache(1024)
def _past(start: bytes) -> bytes:
    """The first octets beyond all that is under an OID, whose last octet is at most 127."""
    return start[:-1] + bytes((start[-1] + 1,))


def _index(suffix: bytes) -> Index:
    if suffix.isascii():  # each octet is an arc: nearly every index there is
        return tuple(suffix)
    try:
        return ber.arcs(suffix)
    except ber.Malformed:
        return (-1,)


def instance(column: bytes, *index: int) -> bytes:
    """The OID of one row of a column."""
    if max(index, default=0) < 0x80:
        return column + bytes(index)
    # Two leading arcs share an octet in an OID; 0.0 in front keeps ours apart and is cut off again.
    return column + ber.oid(".".join(map(str, (0, 0, *index))))[1:]
