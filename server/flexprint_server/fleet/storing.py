"""Reads on their way into the database: few statements, whatever their number.

Devices and reads travel as one JSON parameter each; that stores a batch of fifty nearly as fast as COPY would.
Everybody locks in the same order (layouts by hash, the dealer where a device is new, devices by number), so
agents that see the same devices at the same time wait for each other and never deadlock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, insert, select

from flexprint_server.fleet import statements
from flexprint_server.fleet.identity import Match, conflict_note, match
from flexprint_server.fleet.models import Device, DeviceKey
from flexprint_server.tenants.models import Dealer
from flexprint_shared.times import from_milliseconds

OWNED_FOR: Final = timedelta(days=7)
"""How long a device stays with the agent that read it first, after that agent's last read of it, when another
agent reads it too."""

ABSURD: Final = timedelta(days=1)
"""A read so far ahead of its arrival comes from a clock that was wrong. It is stored as it came, but does not
keep later ones from showing as the newest."""


class Figures(msgspec.Struct, gc=False):
    """What a read counted, as it is stored: row `row` of its batch, taken `at` milliseconds after 1970 began. Its
    device, and whether this is to have its figures, are known last."""

    row: int
    at: int
    layout_id: int
    uptime_s: int | None
    total: int | None
    supply_left: int | None
    supply_low: bool
    meters: Sequence[int]
    levels: Sequence[int | None]
    percents: Sequence[int | None]
    states: str
    device_id: int = 0
    newest: bool = False


class Said(msgspec.Struct):
    """What a device says in words, which seldom changes: of itself, where None leaves what it said before, and of
    this instant. `alerts` are (severity, code, text)."""

    manufacturer: str | None
    model: str | None
    serial: str | None
    asset: str | None
    name: str | None
    location: str | None
    contact: str | None
    firmware: str | None
    description: str | None
    sys_object_id: str | None
    macs: Sequence[str] | None
    color: bool | None
    address: str
    state: str
    errors: Sequence[str]
    console: Sequence[str]
    alerts: Sequence[Any]
    warnings: list[str]
    search_text: str
    said: str = ""


@dataclass(slots=True)
class Arrival:
    """One read, and the keys its device is matched by. `told` is a hash of all that the device says in words; `say`
    works these out where they are news."""

    keys: Sequence[str]
    told: str
    say: Callable[[], Said]
    figures: Figures
    notes: Sequence[str] = ()

    def said(self) -> Said:
        said = self.say()
        said.warnings += self.notes
        said.said = self.told
        return said

    def note_conflicts(self, conflicts: Sequence[tuple[str, int]]) -> None:
        """Tells people that keys of the read name other devices too."""
        self.notes = [conflict_note(key, other) for key, other in conflicts]
        self.told = blake2b("\n".join([self.told, *self.notes]).encode(), digest_size=8).hexdigest()


@dataclass(slots=True, frozen=True)
class Origin:
    """Who brought the reads, in which batch, and when that arrived."""

    dealer_id: int
    site_id: int
    agent_id: UUID
    batch_id: int
    received_at: datetime


@dataclass(slots=True, frozen=True)
class _Place:
    """The device a read belongs to, and those of its keys that name another one."""

    device: int
    conflicts: Sequence[tuple[str, int]]


def store(connection: Connection, origin: Origin, arrivals: Sequence[Arrival]) -> None:
    """Stores every read, and each device as its newest read shows it."""
    if not arrivals:
        return
    places, told = _places(connection, origin, arrivals)
    for arrival, place in zip(arrivals, places, strict=True):
        arrival.figures.device_id = place.device
        if place.conflicts:
            arrival.note_conflicts(place.conflicts)
    newest = _newest(arrivals)
    if told is None:
        told = _lock(connection, newest)
    _write(connection, origin, newest, told, arrivals)


def _places(
    connection: Connection, origin: Origin, arrivals: Sequence[Arrival]
) -> tuple[list[_Place], dict[int, str] | None]:
    """The device of every read; and, where all of them were known by all their keys, what each has said of itself.
    These are locked; where that is None, none is."""
    keys = {key for arrival in arrivals for key in arrival.keys}
    known = _known(connection, origin.dealer_id, keys)
    if len(known) == len(keys):
        names = {key: device for key, device, _ in known}
        told = {device: said for _, device, said in known}
        return [_place(connection, origin, arrival, names, set()) for arrival in arrivals], told
    # Somebody else may be making the same devices at this moment.
    connection.execute(select(Dealer.id).where(Dealer.id == origin.dealer_id).with_for_update(key_share=True))
    names = {key: device for key, device, _ in _known(connection, origin.dealer_id, keys)}
    with_serial = _with_serial(connection, origin.dealer_id, names.values())
    return [_place(connection, origin, arrival, names, with_serial) for arrival in arrivals], None


def _place(
    connection: Connection, origin: Origin, arrival: Arrival, names: dict[str, int], with_serial: set[int]
) -> _Place:
    found = match(arrival.keys, names, with_serial)
    device = found.device or _new_device(connection, origin, arrival)
    if found.new_keys:
        _name(connection, origin.dealer_id, device, found)
        names.update(dict.fromkeys(found.new_keys, device))
        with_serial |= {device for key in found.new_keys if key.startswith("serial:")}
    return _Place(device, [(key, names[key]) for key in found.conflicts])


def _name(connection: Connection, dealer_id: int, device: int, found: Match) -> None:
    connection.execute(
        insert(DeviceKey), [{"dealer_id": dealer_id, "key": key, "device_id": device} for key in found.new_keys]
    )


def _new_device(connection: Connection, origin: Origin, arrival: Arrival) -> int:
    said, figures = asdict(arrival.said()), arrival.figures
    read_at = from_milliseconds(figures.at)
    statement = insert(Device).values(
        **{**said, "macs": said["macs"] or []},
        dealer_id=origin.dealer_id,
        site_id=origin.site_id,
        agent_id=origin.agent_id,
        layout_id=figures.layout_id,
        total=figures.total,
        supply_left=figures.supply_left,
        supply_low=figures.supply_low,
        meter_values=figures.meters,
        levels=figures.levels,
        percents=figures.percents,
        states=figures.states,
        first_seen_at=read_at,
        last_read_at=read_at,
        owner_read_at=read_at,
    )
    return int(connection.execute(statement.returning(Device.id)).scalar_one())


def _known(connection: Connection, dealer_id: int, keys: Iterable[str]) -> Sequence[tuple[str, int, str]]:
    """(key, device, what that said of itself) of those that name a device."""
    facts = {"dealer": dealer_id, "keys": _json(list(keys))}
    return statements.known_keys(connection.dialect).run(connection, facts)


def _with_serial(connection: Connection, dealer_id: int, devices: Iterable[int]) -> set[int]:
    known = select(DeviceKey.device_id).where(
        DeviceKey.dealer_id == dealer_id, DeviceKey.device_id.in_(set(devices)), DeviceKey.key.startswith("serial:")
    )
    return set(connection.scalars(known))


def _newest(arrivals: Sequence[Arrival]) -> dict[int, Arrival]:
    """The newest read of each device, by the device's number, in the order of these."""
    newest: dict[int, Arrival] = {}
    for arrival in sorted(arrivals, key=_time):
        newest[arrival.figures.device_id] = arrival
    return dict(sorted(newest.items()))


def _time(arrival: Arrival) -> int:
    return arrival.figures.at


def _lock(connection: Connection, devices: Iterable[int]) -> dict[int, str]:
    """What the devices said before; and locks them, in the order given."""
    return dict(statements.lock_devices(connection.dialect).run(connection, {"ids": _json(list(devices))}))


def _write(
    connection: Connection,
    origin: Origin,
    newest: Mapping[int, Arrival],
    told: Mapping[int, str],
    arrivals: Sequence[Arrival],
) -> None:
    """Writes reads and devices: those that say something new in words get everything at once, the others their
    figures together with the reads."""
    facts = {
        "dealer": origin.dealer_id,
        "site": origin.site_id,
        "agent": origin.agent_id,
        "batch": origin.batch_id,
        "absurd": origin.received_at + ABSURD,
        "unowned": origin.received_at - OWNED_FOR,
    }
    news = []
    for device, arrival in newest.items():
        arrival.figures.newest = told[device] == arrival.told
        if not arrival.figures.newest:
            news.append({**asdict(arrival.figures), **asdict(arrival.said())})
    if news:
        statements.change_devices(connection.dialect).run(connection, {**facts, "devices": _json(news)})
    facts["reads"] = _json([arrival.figures for arrival in arrivals])
    for statement in statements.store(connection.dialect):
        statement.run(connection, facts)


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
