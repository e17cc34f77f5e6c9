"""What is remembered of a printer, so that its daily read is two or three packets instead of eight.

Names, units, kinds and addresses of a printer hardly ever change; levels and counters do. A layout holds the
first as they were answered and lists the second to be asked. A printer that changed shows in the objects that
are watched: then everything is learned again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from flexprint_agent.read import objects as at
from flexprint_agent.read import rows, tables
from flexprint_agent.read.identity import Speaker, macs
from flexprint_agent.read.tables import Vendor
from flexprint_agent.snmp.ber import Value
from flexprint_agent.snmp.conversation import octets_of
from flexprint_shared.identity import is_placeholder
from flexprint_shared.times import parse_rfc3339, rfc3339

FORMAT: Final = 3
OLDEST: Final = timedelta(days=7)
"""Learned again after this time, so that a name that changed unseen does not stay for ever."""

LARGEST: Final = 256 << 10
"""Octets of a layout as it is kept, about: a printer that would need more is asked everything each time."""

# No text or counter is read further than this.
_LONGEST_CONTENT: Final = 4096
_MOST_ADDRESSES: Final = 8

_WATCHED_COLUMNS: Final = (at.GENERAL_CONFIG_CHANGES, at.GENERAL_SERIAL, at.SUPPLY_CAPACITY)
_MOVING_COLUMNS: Final = (
    at.MARKER_LIFE_COUNT,
    at.HR_PRINTER_STATUS,
    at.HR_PRINTER_ERRORS,
    at.SUPPLY_LEVEL,
    at.CONSOLE_TEXT,
)
_MOVING_OBJECTS: Final = (at.SYS_UP_TIME, at.SYS_NAME, at.SYS_LOCATION, at.SYS_CONTACT, at.ENGINE_BOOTS)
_WATCHED_OBJECTS: Final = (at.SYS_OBJECT_ID, at.SYS_DESCR)
_WATCHED_FIELDS: Final = frozenset({"serial", "firmware"})
_MOVING_FIELDS: Final = frozenset({"name", "location", "contact", "asset", "console"})


@dataclass(slots=True, frozen=True)
class Layout:
    """`moving` is asked in every read. `watched` is asked too, and must still be what it was. `still` is not
    asked. Alerts are in none of them, as their rows come and go, nor are counters that are no meter. What is `hidden`
    this printer answers to a GETNEXT and to no GET."""

    learned_at: datetime
    moving: tuple[bytes, ...]
    watched: dict[bytes, Value]
    still: dict[bytes, Value]
    hidden: tuple[bytes, ...] = ()

    def asked(self) -> tuple[bytes, ...]:
        """What one read asks by GET, the watched first."""
        return tuple(name for name in (*self.watched, *self.moving) if name not in self.hidden)

    def missing(self, values: dict[bytes, Value]) -> tuple[bytes, ...]:
        """What a printer left out of its answer; nothing where what it did answer is another printer's."""
        if not values or any(name in values and _cut(values[name]) != value for name, value in self.watched.items()):
            return ()
        return tuple(name for name in (*self.watched, *self.moving) if name not in values)

    def with_hidden(self, hidden: Iterable[bytes]) -> "Layout":
        """The same, as GET was found to give none of `hidden`. Itself where that is nothing new."""
        new = tuple(hidden)
        return self if new == self.hidden else replace(self, hidden=new)

    def holds(self, values: dict[bytes, Value], read_at: datetime) -> bool:
        """Whether the printer that answered `values` is still the one that was learned."""
        return (
            self.is_fresh(read_at)
            and all(name in values and _cut(values[name]) == value for name, value in self.watched.items())
            and all(map(values.__contains__, self.moving))
        )

    def is_fresh(self, read_at: datetime) -> bool:
        # A clock that was set back must not keep a layout for ever.
        return timedelta(0) <= read_at - self.learned_at < OLDEST

    def as_json(self) -> dict[str, Any]:
        """What the caller keeps between two reads; `from_json` takes it back."""
        return {
            "format": FORMAT,
            "tables": tables.edition(),
            "learned_at": rfc3339(self.learned_at),
            "moving": [name.hex() for name in self.moving],
            "watched": _hex(self.watched),
            "still": _hex(self.still),
            "hidden": [name.hex() for name in self.hidden],
        }


def from_json(kept: Any) -> Layout | None:
    """The layout that was kept; None when it is of another format, learned with other tables, or damaged: it is
    learned again then."""
    try:
        if kept["format"] != FORMAT or kept["tables"] != tables.edition():
            return None
        return Layout(
            learned_at=parse_rfc3339(kept["learned_at"]),
            moving=tuple(bytes.fromhex(name) for name in kept["moving"]),
            watched=_unhex(kept["watched"]),
            still=_unhex(kept["still"]),
            hidden=tuple(bytes.fromhex(name) for name in kept["hidden"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _hex(values: dict[bytes, Value]) -> dict[str, list[Any]]:
    return {name.hex(): [tag, content.hex()] for name, (tag, content) in values.items()}


def _unhex(kept: dict[str, list[Any]]) -> dict[bytes, Value]:
    return {bytes.fromhex(name): (int(tag), bytes.fromhex(content)) for name, (tag, content) in kept.items()}


def learn(speaker: Speaker, read_at: datetime, hidden: Iterable[bytes] = ()) -> Layout | None:
    """The layout of a printer that answered all this, `hidden` to a GETNEXT alone; None when it is too large to be
    kept."""
    answers = speaker.answers
    picked, told = _picked(speaker)
    watched_names = _watched_objects(speaker.vendors) | _under(answers, _WATCHED_COLUMNS) | _addresses(speaker) | told
    moving_names = _moving_objects(speaker.vendors) | _under(answers, _MOVING_COLUMNS) | picked
    counters = (column for table in tables.counters(speaker.vendors) for column in table.columns())
    left_out = _under(answers, (*at.ALERT_COLUMNS, *counters))
    moving, watched, still = [], {}, {}
    for name, value in answers.values.items():
        if name in watched_names:
            watched[name] = value
        elif name in moving_names:
            moving.append(name)
        elif name not in left_out:
            still[name] = value
    watched, still = _cut_all(watched), _cut_all(still)
    octets = octets_of(watched) + octets_of(still) + sum(map(len, moving))
    if 2 * octets > LARGEST:  # kept in hex
        return None
    return Layout(read_at, tuple(moving), watched, still, tuple(hidden))


def _picked(speaker: Speaker) -> tuple[set[bytes], set[bytes]]:
    """The rows of the makers' tables of counters that hold a meter, and those that say so: a service setting may
    give the same row another meaning."""
    found = [pick for table in tables.counters(speaker.vendors) for pick in rows.picks(speaker.answers, table)]
    return {name for pick in found for name in pick.values}, {name for pick in found for name in pick.told}


def _cut_all(values: dict[bytes, Value]) -> dict[bytes, Value]:
    if max((len(content) for _, content in values.values()), default=0) <= _LONGEST_CONTENT:
        return values
    return {name: _cut(value) for name, value in values.items()}


def _cut(value: Value) -> Value:
    tag, content = value
    return value if len(content) <= _LONGEST_CONTENT else (tag, content[:_LONGEST_CONTENT])


def _addresses(speaker: Speaker) -> set[bytes]:
    """The MAC addresses to watch where nothing else that is watched tells a printer from its replacement.

    A serial in a 1284 id is not watched: many makers write the state of the device into the same text.
    """
    identity = speaker.identity
    unwatched = identity.serial == speaker.ieee1284.get("serial")
    if identity.serial and not unwatched and not is_placeholder(identity.serial, identity.model):
        return set()
    answers = speaker.answers
    rows = answers.under(at.IF_PHYS_ADDRESS)
    telling = [name for name in rows if macs([answers.values[name]])]
    return set((telling or rows)[:_MOST_ADDRESSES])


def _under(answers: at.Answers, columns: Iterable[bytes]) -> set[bytes]:
    return set().union(*map(answers.under, columns))


@cache
def _watched_objects(vendors: tuple[Vendor, ...]) -> frozenset[bytes]:
    return frozenset({*_WATCHED_OBJECTS, *_fields(vendors, _WATCHED_FIELDS)})


@cache
def _moving_objects(vendors: tuple[Vendor, ...]) -> frozenset[bytes]:
    meters = (oid for vendor in vendors for row in vendor.meters for oid in row.oids)
    packed = (row.oid for vendor in vendors for row in vendor.records)
    return frozenset({*_MOVING_OBJECTS, *_fields(vendors, _MOVING_FIELDS), *meters, *packed})


def _fields(vendors: tuple[Vendor, ...], fields: frozenset[str]) -> Iterator[bytes]:
    return (row.oid for vendor in vendors for row in vendor.texts if row.field in fields)
