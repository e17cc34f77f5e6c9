"""What it takes to decide who a read is of, and what is kept of the decision. Only for reads whose keys do not all name
one device: a new one, something swapped, a doubt."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Insert, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from flexprint_server.fleet.identity import MAC, SERIAL, Decision, Known, Seen
from flexprint_server.fleet.models import Device, DeviceEvent, DeviceKey, Doubt

_MOST_ASKED: Final = 500


def known(connection: Connection, dealer_id: int, devices: Collection[int]) -> dict[int, Known]:
    """The devices as far as deciding needs to know them."""
    if not devices:
        return {}
    keys = select(DeviceKey.device_id, DeviceKey.key).where(
        DeviceKey.dealer_id == dealer_id, DeviceKey.device_id.in_(devices)
    )
    serials: set[int] = set()
    cards: set[int] = set()
    for device, key in connection.execute(keys):
        if key.startswith(SERIAL):
            serials.add(device)
        elif key.startswith(MAC):
            cards.add(device)
    rows = connection.execute(
        select(
            Device.id, Device.manufacturer, Device.model, Device.serial, Device.total, Device.last_read_at, Device.macs
        ).where(Device.id.in_(devices))
    )
    return {
        row.id: Known(
            row.id,
            row.id in serials,
            row.id in cards,
            (row.manufacturer, row.model),
            row.total,
            row.last_read_at,
            row.serial,
            ", ".join(row.macs),
        )
        for row in rows
    }


def as_seen(device: int, seen: Seen, before: Known | None) -> Known:
    """What the next read of the same batch has to know of the device."""
    serial = next((key for key in seen.keys if key.startswith(SERIAL)), None)
    return Known(
        device,
        bool(serial) or (before is not None and before.has_serial),
        any(key.startswith(MAC) for key in seen.keys) or (before is not None and before.has_card),
        seen.kind,
        seen.total,
        seen.at,
        seen.serial or (before.serial if before else None),
        seen.macs or (before.macs if before else ""),
    )


def name(connection: Connection, dealer_id: int, device: int, keys: Sequence[str], seen_as: int | None) -> None:
    """The keys name the device from now on."""
    connection.execute(
        insert(DeviceKey),
        [{"dealer_id": dealer_id, "key": key, "device_id": device, "seen_as": seen_as} for key in keys],
    )


def note(
    connection: Connection,
    dealer_id: int,
    device: int,
    seen: Seen,
    decision: Decision,
    conflicts: Sequence[tuple[str, int]],
    devices: Mapping[int, Known],
) -> None:
    """Keeps what happened to the device, and what remains in doubt."""
    of_device = {"dealer_id": dealer_id, "device_id": device}
    if decision.event:
        before = devices[device]
        told = (before.macs, seen.macs) if decision.event == "card_swapped" else (before.serial, seen.serial)
        was, became = (text and text[:600] for text in told)
        event = {**of_device, "at": seen.at, "what": decision.event, "before": was, "after": became}
        connection.execute(insert(DeviceEvent).values(event))
    if conflicts:
        doubts = [
            {**of_device, "other_id": other, "key": key, "reason": decision.reason, "seen_at": seen.at}
            for key, other in conflicts
        ]
        connection.execute(_unless_known(connection), doubts)


def _unless_known(connection: Connection) -> Insert:
    """A doubt is noted once, however often the same keys come."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return make(Doubt).on_conflict_do_nothing()
