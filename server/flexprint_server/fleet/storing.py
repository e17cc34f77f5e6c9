"""Reads on their way into the database: few statements, whatever their number.

Devices and reads travel as one JSON parameter each; that stores a batch of fifty nearly as fast as COPY would.
Everybody locks in the same order (layouts by hash, the dealer where a device is new, devices by number), so
agents that see the same devices at the same time wait for each other and never deadlock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import lt
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, insert, select

from flexprint_server.fleet import deciding, epochs, ownership, renaming, statements
from flexprint_server.fleet.days import by_day
from flexprint_server.fleet.identity import Known, Seen, conflict_note, decide, plainly
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.origin import ABSURD, OWNED_FOR, Origin
from flexprint_server.tenants.models import Dealer
from flexprint_shared.times import from_milliseconds


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


class _Before(NamedTuple):
    """What a device was before this batch: the columns of statements.lock_devices()."""

    said: str
    plain: bool
    layout_id: int
    meter_values: str
    total: int | None
    name: str | None
    address: str


@dataclass(slots=True)
class _Known:
    """What the keys of a batch name. `before` has the devices where they are locked already, `devices` what deciding
    needs to know where it may come to that; `seen_as` is empty but where people have merged or split."""

    names: dict[str, int]
    seen_as: dict[str, int]
    before: dict[int, _Before] | None
    devices: dict[int, Known]


def store(connection: Connection, origin: Origin, arrivals: Sequence[Arrival]) -> None:
    """Stores every read, and each device as its newest read shows it."""
    if not arrivals:
        return
    known = _look_up(connection, origin, {key for arrival in arrivals for key in arrival.keys})
    for arrival in arrivals:
        device = plainly(arrival.keys, known.names)
        arrival.figures.device_id = device or _decided(connection, origin, arrival, known)
    newest = _newest(arrivals)
    before = known.before if known.before is not None else _lock(connection, origin, newest)
    shared = [device for device in newest if not before[device].plain]
    if shared and _merged(connection, shared):
        # Somebody merged it while this waited for its row: its keys name another device now.
        store(connection, origin, arrivals)
        return
    went_down = suspects(arrivals, before, one_each=len(newest) == len(arrivals))
    if went_down:
        epochs.note(connection, origin, went_down)
    if shared:
        times = {device: newest[device].figures.at for device in shared}
        with ownership.watched(connection, origin, shared, times):
            _write(connection, origin, newest, before, arrivals)
    else:
        _write(connection, origin, newest, before, arrivals)
    if known.seen_as:
        _note_seen_as(connection, origin, arrivals, known.seen_as)


def _look_up(connection: Connection, origin: Origin, keys: set[str]) -> _Known:
    rows = _rows_of(connection, origin, keys)
    if len(rows) == len(keys):
        before = {row[1]: _Before(*row[3:]) for row in rows}
        return _Known(_names(rows), _seen_as(rows), before, {})
    # Somebody else may be making the same devices at this moment.
    connection.execute(select(Dealer.id).where(Dealer.id == origin.dealer_id).with_for_update(key_share=True))
    rows = _rows_of(connection, origin, keys)
    names = _names(rows)
    return _Known(names, _seen_as(rows), None, deciding.known(connection, origin.dealer_id, set(names.values())))


def _merged(connection: Connection, devices: Sequence[int]) -> bool:
    merged = select(Device.id).where(Device.id.in_(devices), Device.merged_into_id.is_not(None)).limit(1)
    return connection.scalar(merged) is not None


def _rows_of(connection: Connection, origin: Origin, keys: Iterable[str]) -> list[Any]:
    facts = {"dealer": origin.dealer_id, "agent": origin.agent_id, "keys": _json(list(keys))}
    return statements.known_keys(connection.dialect).run(connection, facts)


def _names(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _seen_as(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[2] for row in rows if row[2] is not None}


def _decided(connection: Connection, origin: Origin, arrival: Arrival, known: _Known) -> int:
    """The device of a read whose keys do not all name the same one: somebody new, something swapped, or a doubt."""
    said = arrival.say()
    at = from_milliseconds(arrival.figures.at)
    kind = (said.manufacturer, said.model)
    seen = Seen(arrival.keys, kind, arrival.figures.total, at, said.serial, ", ".join(said.macs or ()))
    decision = decide(seen, known.names, known.devices)
    device = decision.device or _new_device(connection, origin, arrival)
    origin_of = next((known.seen_as[key] for key in arrival.keys if key in known.seen_as), None)
    if decision.new_keys:
        deciding.name(connection, origin.dealer_id, device, decision.new_keys, origin_of)
    conflicts = [(key, known.names[key]) for key in decision.conflicts]
    deciding.note(connection, origin.dealer_id, device, seen, decision, conflicts, known.devices)
    if conflicts:
        arrival.note_conflicts(conflicts)
    known.names.update(dict.fromkeys(decision.new_keys, device))
    if origin_of is not None:
        known.seen_as.update(dict.fromkeys(decision.new_keys, origin_of))
    known.devices[device] = deciding.as_seen(device, seen, known.devices.get(device))
    return device


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
        # No clock that runs ahead makes it new for longer.
        first_seen_at=min(read_at, origin.received_at),
        last_read_at=read_at,
        owner_read_at=read_at,
    )
    return int(connection.execute(statement.returning(Device.id)).scalar_one())


def _newest(arrivals: Sequence[Arrival]) -> dict[int, Arrival]:
    """The newest read of each device, by the device's number, in the order of these."""
    newest: dict[int, Arrival] = {}
    for arrival in sorted(arrivals, key=_time):
        newest[arrival.figures.device_id] = arrival
    return dict(sorted(newest.items()))


def _time(arrival: Arrival) -> int:
    return arrival.figures.at


def _lock(connection: Connection, origin: Origin, devices: Iterable[int]) -> dict[int, _Before]:
    """What the devices were before; and locks them, in the order given."""
    facts = {"ids": _json(list(devices)), "agent": origin.agent_id}
    rows = statements.lock_devices(connection.dialect).run(connection, facts)
    return {row[0]: _Before(*row[1:]) for row in rows}


def suspects(
    arrivals: Sequence[Arrival], before: Mapping[int, _Before], *, one_each: bool
) -> list[tuple[Figures, Figures | None]]:
    """Reads that may have a counter lower than the read before them, each with that read where this batch brought it.
    Nearly always none, so this looks at every read no closer than it has to. `one_each`: no device has two reads."""
    found: list[tuple[Figures, Figures | None]] = []
    last: dict[int, Figures] = {}
    for arrival in arrivals if one_each else sorted(arrivals, key=_time):
        figures = arrival.figures
        earlier = last.get(figures.device_id)
        if earlier is not None:
            layout, values = earlier.layout_id, earlier.meters
        else:
            known = before[figures.device_id]
            layout, values = known.layout_id, msgspec.json.decode(known.meter_values)
        if layout != figures.layout_id or any(map(lt, figures.meters, values)):
            found.append((figures, earlier))
        if not one_each:
            last[figures.device_id] = figures
    return found


def _note_seen_as(
    connection: Connection, origin: Origin, arrivals: Sequence[Arrival], seen_as: Mapping[str, int]
) -> None:
    """Keeps which device a read would have been stored for, had nobody merged or split."""
    rows = []
    for arrival in arrivals:
        device = next((seen_as[key] for key in arrival.keys if key in seen_as), None)
        if device is not None:
            figures = arrival.figures
            rows.append({"row": figures.row, "device_id": figures.device_id, "at": figures.at, "seen_as": device})
    facts = {"batch": origin.batch_id, "reads": _json(rows)}
    statements.note_seen_as(connection.dialect).run(connection, facts)


def _write(
    connection: Connection,
    origin: Origin,
    newest: Mapping[int, Arrival],
    before: Mapping[int, _Before],
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
    shown = []
    for device, arrival in newest.items():
        arrival.figures.newest = before[device].said == arrival.told
        if not arrival.figures.newest:
            said = arrival.said()
            news.append({**asdict(arrival.figures), **asdict(said)})
            if said.address != before[device].address or said.name not in (None, before[device].name):
                shown.append(renaming.Shown(device, arrival.figures.at, said.name, said.address))
    if shown:
        renaming.note(connection, origin, shown)
    if news:
        statements.change_devices(connection.dialect).run(connection, {**facts, "devices": _json(news)})
    facts["reads"] = _json([arrival.figures for arrival in arrivals])
    totals = {device: known.total for device, known in before.items()}
    facts["days"] = _json(by_day([arrival.figures for arrival in sorted(arrivals, key=_time)], totals, origin.zone))
    for statement in statements.store(connection.dialect):
        statement.run(connection, facts)


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
