"""Reads on their way into the database: few statements, whatever their number.

Devices and reads travel as one JSON parameter each; that stores a batch of fifty nearly as fast as COPY would.
Everybody locks in the same order (layouts by hash, the dealer where a device is new, devices by number), so
agents that see the same devices at the same time wait for each other and never deadlock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from flexprint_server.fleet import statements
from flexprint_server.fleet.identity import Match, conflict_note, match
from flexprint_server.fleet.models import Device, DeviceKey, Supplies
from flexprint_server.tenants.models import Dealer

OWNED_FOR: Final = timedelta(days=7)
"""How long a device stays with the agent that read it first, after that agent's last read of it, when another
agent reads it too."""

ABSURD: Final = timedelta(days=1)
"""A read so far ahead of its arrival comes from a clock that was wrong. It is stored as it came, but does not
keep later ones from showing as the newest."""


class Figures(msgspec.Struct):
    """A read as it is stored: row `row` of its batch. Its device is known last."""

    row: int
    layout_id: int
    read_at: str
    uptime_s: int | None
    total: int | None
    meters: Sequence[int]
    levels: Sequence[int | None]
    percents: Sequence[int | None]
    device_id: int = 0


class Shown(msgspec.Struct):
    """What a device showed at the instant of a read. `meters` are the JSON of {name: [value, unit]}, `supplies` of
    rows in the order of Supplies.KEYS; `alerts` are (severity, code, text)."""

    read_at: str
    address: str
    total: int | None
    supply_left: int | None
    supply_low: bool
    state: str
    errors: Sequence[str]
    console: Sequence[str]
    alerts: Sequence[Any]
    warnings: list[str]
    meters: msgspec.Raw
    supplies: msgspec.Raw
    id: int = 0


class Said(msgspec.Struct):
    """What a device says of itself, which seldom changes. None leaves what it said before."""

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
    search_text: str
    said: str
    read_at: str
    id: int = 0


@dataclass(slots=True)
class Arrival:
    """One read, and the keys its device is matched by. `told` is a hash of all that the device says of itself;
    `said` works it out where that is news."""

    read_at: datetime
    keys: Sequence[str]
    told: str
    said: Callable[[], Said]
    shown: Shown
    figures: Figures


@dataclass(slots=True, frozen=True)
class Origin:
    """Who brought the reads, in which batch, and when that arrived."""

    dealer_id: int
    site_id: int
    agent_id: UUID
    batch_id: int
    received_at: datetime


_Row = TypeVar("_Row", Said, Shown)


@dataclass(slots=True, frozen=True)
class _Place:
    """The device a read belongs to, and those of its keys that name another one."""

    device: int
    conflicts: Sequence[tuple[str, int]]


def store(session: Session, origin: Origin, arrivals: Sequence[Arrival]) -> None:
    """Stores every read, and each device as its newest read shows it."""
    if not arrivals:
        return
    places, told = _places(session, origin, arrivals)
    for arrival, place in zip(arrivals, places, strict=True):
        arrival.figures.device_id = place.device
        arrival.shown.warnings += [conflict_note(key, other) for key, other in place.conflicts]
    newest = _newest(arrivals)
    if told is None:
        told = _lock(session, newest)
    _update_identities(session, origin, newest, told)
    _write(session, origin, newest, arrivals)


def _places(
    session: Session, origin: Origin, arrivals: Sequence[Arrival]
) -> tuple[list[_Place], dict[int, str] | None]:
    """The device of every read; and, where all of them were known by all their keys, what each has said of itself.
    These are locked; where that is None, none is."""
    keys = {key for arrival in arrivals for key in arrival.keys}
    known = _known(session, origin.dealer_id, keys)
    if len(known) == len(keys):
        names = {key: device for key, device, _ in known}
        told = {device: said for _, device, said in known}
        return [_place(session, origin, arrival, names, set()) for arrival in arrivals], told
    # Somebody else may be making the same devices at this moment.
    session.execute(select(Dealer.id).where(Dealer.id == origin.dealer_id).with_for_update(key_share=True))
    names = {key: device for key, device, _ in _known(session, origin.dealer_id, keys)}
    with_serial = _with_serial(session, origin.dealer_id, names.values())
    return [_place(session, origin, arrival, names, with_serial) for arrival in arrivals], None


def _place(session: Session, origin: Origin, arrival: Arrival, names: dict[str, int], with_serial: set[int]) -> _Place:
    found = match(arrival.keys, names, with_serial)
    device = found.device or _new_device(session, origin, arrival)
    if found.new_keys:
        _name(session, origin.dealer_id, device, found)
        names.update(dict.fromkeys(found.new_keys, device))
        with_serial |= {device for key in found.new_keys if key.startswith("serial:")}
    return _Place(device, [(key, names[key]) for key in found.conflicts])


def _name(session: Session, dealer_id: int, device: int, found: Match) -> None:
    session.execute(
        insert(DeviceKey), [{"dealer_id": dealer_id, "key": key, "device_id": device} for key in found.new_keys]
    )


def _new_device(session: Session, origin: Origin, arrival: Arrival) -> int:
    columns = {**msgspec.structs.asdict(arrival.shown), **msgspec.structs.asdict(arrival.said())}
    supplies = msgspec.json.decode(arrival.shown.supplies)
    columns["supplies"] = [dict(zip(Supplies.KEYS, supply, strict=True)) for supply in supplies]
    columns["meters"] = msgspec.json.decode(arrival.shown.meters)
    columns["macs"] = columns["macs"] or []
    del columns["id"], columns["read_at"]
    statement = insert(Device).values(
        dealer_id=origin.dealer_id,
        site_id=origin.site_id,
        agent_id=origin.agent_id,
        first_seen_at=arrival.read_at,
        last_read_at=arrival.read_at,
        owner_read_at=arrival.read_at,
        **columns,
    )
    return int(session.execute(statement.returning(Device.id)).scalar_one())


def _known(session: Session, dealer_id: int, keys: Iterable[str]) -> Sequence[tuple[str, int, str]]:
    """(key, device, what that said of itself) of those that name a device."""
    connection = session.connection()
    facts = {"dealer": dealer_id, "keys": _json(list(keys))}
    found = statements.known_keys(connection.dialect).run(connection, facts)
    return [(row.key, row.device_id, row.said) for row in found]


def _with_serial(session: Session, dealer_id: int, devices: Iterable[int]) -> set[int]:
    known = select(DeviceKey.device_id).where(
        DeviceKey.dealer_id == dealer_id, DeviceKey.device_id.in_(set(devices)), DeviceKey.key.startswith("serial:")
    )
    return set(session.scalars(known))


def _newest(arrivals: Sequence[Arrival]) -> dict[int, Arrival]:
    """The newest read of each device, by the device's number, in the order of these."""
    newest: dict[int, Arrival] = {}
    for arrival in sorted(arrivals, key=_time):
        newest[arrival.figures.device_id] = arrival
    return dict(sorted(newest.items()))


def _time(arrival: Arrival) -> datetime:
    return arrival.read_at


def _lock(session: Session, newest: Mapping[int, Arrival]) -> dict[int, str]:
    """What the devices said of themselves before, and locks them."""
    locked = session.execute(statements.lock_devices(_dialect(session)), {"ids": _json(list(newest))})
    return {row.id: row.said for row in locked}


def _update_identities(
    session: Session, origin: Origin, newest: Mapping[int, Arrival], told: Mapping[int, str]
) -> None:
    """Changes those that say something else of themselves than what they have `told`."""
    news = [_of(device, arrival.said()) for device, arrival in newest.items() if told.get(device) != arrival.told]
    if news:
        facts = {"ids": _json([said.id for said in news]), "devices": _json(news)}
        statement = statements.change_identities(_dialect(session))
        session.execute(statement, {"absurd": origin.received_at + ABSURD, **facts})


def _of(device: int, row: _Row) -> _Row:
    row.id = device
    return row


def _write(session: Session, origin: Origin, newest: Mapping[int, Arrival], arrivals: Sequence[Arrival]) -> None:
    facts = {
        "dealer": origin.dealer_id,
        "site": origin.site_id,
        "agent": origin.agent_id,
        "batch": origin.batch_id,
        "absurd": origin.received_at + ABSURD,
        "unowned": origin.received_at - OWNED_FOR,
        "ids": _json(list(newest)),
        "devices": _json([_of(device, arrival.shown) for device, arrival in newest.items()]),
        "reads": _json([arrival.figures for arrival in arrivals]),
    }
    connection = session.connection()
    for statement in statements.store(connection.dialect):
        statement.run(connection, facts)


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
