"""The printers this site knows, each followed by what identifies it and not by its address."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address
from itertools import islice
from typing import Any, Final

from flexprint_agent.keep.database import Database, Row
from flexprint_shared.identity import identity_keys
from flexprint_shared.readings import Identity, Read
from flexprint_shared.times import from_milliseconds, to_milliseconds


@dataclass(slots=True, frozen=True)
class Held:
    """A supply as a list of printers shows it; see flexprint_shared.readings.Supply."""

    name: str
    kind: str
    color: str | None
    percent: int | None
    state: str


@dataclass(slots=True, frozen=True)
class Standing:
    """How a printer stood at its last read. `state` is hrPrinterStatus as a word, `errors` are set bits of
    hrPrinterDetectedErrorState."""

    supplies: tuple[Held, ...] = ()
    state: str = "unknown"
    errors: tuple[str, ...] = ()


@dataclass(slots=True, frozen=True)
class Device:
    """`address` is None while another device answers where this one was. `meters` are those of the last read.
    `granted_by` is the finder by whose grant it is asked; None where a target must cover it. `known_as` is the target
    with a name that led to it last, `was_at` its last address where it has none now, `sought_at` when it was last
    looked for because it was silent."""

    id: int
    address: str | None
    port: int
    identity: Identity
    meters: Mapping[str, int]
    first_seen_at: datetime
    last_read_at: datetime | None
    silent_since: datetime | None
    granted_by: str | None
    known_as: str | None
    was_at: str | None
    sought_at: datetime | None
    standing: Standing = Standing()

    @property
    def is_local(self) -> bool:
        """True for a printer on a cable of this computer, whose `address` names its print queue (`usb:NAME`)."""
        return self.port == 0


def same_device(keys: Sequence[str], holders: Mapping[str, int], with_serial: frozenset[int]) -> int | None:
    """Which known device `keys` (the strongest first) name, given who holds each key; None for a new one.

    A MAC address names a device only while no serial contradicts it: a network card, or a print server, moves
    from one printer to another and takes its MAC address along.
    """
    has_serial = any(key.startswith("serial:") for key in keys)
    for key in keys:
        holder = holders.get(key)
        if holder is not None and not (key.startswith("mac:") and has_serial and holder in with_serial):
            return holder
    return None


class Devices:
    """Everything that writes expects to be called inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Device]:
        rows = self._database.rows("SELECT * FROM devices ORDER BY address IS NULL, address, port, id")
        return sorted(map(_device, rows), key=_by_address)

    def count(self) -> int:
        return int(self._database.value("SELECT count(*) FROM devices"))

    def at(self, address: str, port: int) -> Device | None:
        row = self._database.row("SELECT * FROM devices WHERE address = ? AND port = ?", address, port)
        return None if row is None else _device(row)

    def known_as(self, identity: Identity) -> Device | None:
        """The known device that this identity names; None where it names none."""
        keys = identity_keys(identity)
        known = self._known(keys, identity, "", 0) if keys else None
        row = None if known is None else self._database.row("SELECT * FROM devices WHERE id = ?", known)
        return None if row is None else _device(row)

    def found(self, identity: Identity, address: str, port: int, at: datetime) -> tuple[int, bool]:
        """The device that answered at this place, and whether it is new. It is followed to its new place."""
        keys = identity_keys(identity)
        known = self._known(keys, identity, address, port)
        # The one that was here is somewhere else now, or gone: until it is found again it is silent.
        self._database.write(
            "UPDATE devices SET address = NULL, was_at = ?, silent_since = coalesce(silent_since, ?) "
            "WHERE address = ? AND port = ? AND id IS NOT ?",
            *(address, to_milliseconds(at), address, port, known),
        )
        if known is None:
            device = self._database.insert(
                "INSERT INTO devices (address, port, identity, meters, knowledge, first_seen_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                address,
                port,
                _dump(asdict(identity)),
                "{}",
                "{}",
                to_milliseconds(at),
            )
        else:
            device = known
            earlier = json.loads(self._database.value("SELECT identity FROM devices WHERE id = ?", device))
            merged = earlier | {name: value for name, value in asdict(identity).items() if value}
            self._database.write(
                "UPDATE devices SET address = ?, port = ?, identity = ?, was_at = NULL WHERE id = ?",
                address,
                port,
                _dump(merged),
                device,
            )
        for key in keys:
            self._database.write(
                "INSERT INTO device_keys VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET device = excluded.device",
                key,
                device,
            )
        self._forget_nameless()
        return device, known is None

    def _known(self, keys: Sequence[str], identity: Identity, address: str, port: int) -> int | None:
        if not keys:
            # Nothing identifies it. At the same place and of the same model it is taken for the one that was there.
            here = self.at(address, port)
            same_model = here is not None and here.identity.model in (None, identity.model)
            return here.id if here is not None and same_model else None
        marks = ", ".join("?" * len(keys))
        rows = self._database.rows(f"SELECT key, device FROM device_keys WHERE key IN ({marks})", *keys)  # noqa: S608 - question marks only
        holders = {row["key"]: row["device"] for row in rows}
        return same_device(
            keys, holders, frozenset(device for device in set(holders.values()) if self._has_serial(device))
        )

    def _has_serial(self, device: int) -> bool:
        query = "SELECT count(*) FROM device_keys WHERE device = ? AND key LIKE 'serial:%'"
        return bool(self._database.value(query, device))

    def _forget_nameless(self) -> None:
        """A device without a place and without a key could never be found again."""
        self._database.write(
            "DELETE FROM devices WHERE address IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM device_keys WHERE device_keys.device = devices.id)"
        )

    def knowledge(self, device: int) -> dict[str, Any]:
        """What reading this device taught, as the caller of `has_read` put it."""
        kept = self._database.value("SELECT knowledge FROM devices WHERE id = ?", device)
        return {} if kept is None else dict(json.loads(kept))

    def grant(self, device: int, finder: str | None) -> None:
        """Notes by whose grant the device is asked at the place where it is now."""
        self._database.write("UPDATE devices SET granted_by = ? WHERE id = ?", finder, device)

    def name(self, device: int, target: str | None) -> None:
        """Notes which target with a name led to the place where the device is now."""
        self._database.write(
            "UPDATE devices SET known_as = ? WHERE id = ? AND known_as IS NOT ?", target, device, target
        )

    def sought(self, devices: Iterable[int], at: datetime) -> None:
        """Notes that these silent devices were looked for."""
        for device in devices:
            self._database.write("UPDATE devices SET sought_at = ? WHERE id = ?", to_milliseconds(at), device)

    def has_read(self, device: int, read: Read, knowledge: Mapping[str, Any] | None) -> None:
        """`knowledge` None: nothing new was learned. (It is the bulk of a row, so it is not written in vain.)"""
        self._database.write(
            "UPDATE devices SET meters = ?, standing = ?, knowledge = coalesce(?, knowledge), last_read_at = ?, "
            "silent_since = NULL WHERE id = ?",
            _dump({meter.name: meter.value for meter in read.meters}),
            _dump(_standing_of(read)),
            None if knowledge is None else _dump(knowledge),
            to_milliseconds(read.read_at),
            device,
        )

    def was_silent(self, device: int, at: datetime) -> None:
        self._database.write(
            "UPDATE devices SET silent_since = coalesce(silent_since, ?) WHERE id = ?", to_milliseconds(at), device
        )


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


def _device(row: Row) -> Device:
    identity = json.loads(row["identity"])
    return Device(
        id=row["id"],
        address=row["address"],
        port=row["port"],
        identity=Identity(**(identity | {"macs": tuple(identity["macs"])})),
        meters=json.loads(row["meters"]),
        first_seen_at=from_milliseconds(row["first_seen_at"]),
        last_read_at=_instant(row["last_read_at"]),
        silent_since=_instant(row["silent_since"]),
        granted_by=row["granted_by"],
        known_as=row["known_as"],
        was_at=row["was_at"],
        sought_at=_instant(row["sought_at"]),
        standing=_standing(row["standing"]),
    )


_MOST_SUPPLIES: Final = 24


def _standing_of(read: Read) -> dict[str, Any]:
    supplies = [
        [one.name, one.kind, one.color, one.percent, one.state] for one in islice(read.supplies, _MOST_SUPPLIES)
    ]
    return {"supplies": supplies, "state": read.status.state, "errors": read.status.errors}


def _standing(kept: str | None) -> Standing:
    if kept is None:
        return Standing()  # it was last read before this was kept
    told = json.loads(kept)
    return Standing(tuple(Held(*one) for one in told["supplies"]), told["state"], tuple(told["errors"]))


def _by_address(device: Device) -> tuple[bool, bool, int, int, str, int]:
    """By address, IPv4 first, then the printers on cables by their queue, then those that are nowhere."""
    if device.address is None or device.is_local:
        return device.address is None, device.is_local, 0, 0, device.address or "", device.port
    address = ip_address(device.address)
    return False, False, address.version, int(address), device.address, device.port
