"""Devices that are called otherwise, or answer elsewhere, than their newest read said: kept in their history."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select

from flexprint_server.fleet.models import Device, DeviceEvent
from flexprint_server.fleet.origin import ABSURD, Origin
from flexprint_shared.times import from_milliseconds

_WHAT: Final = {"name": "renamed", "address": "readdressed"}


class Shown(NamedTuple):
    """What a read says of a device, `at` milliseconds after 1970 began. No name: it did not say one."""

    device_id: int
    at: int
    name: str | None
    address: str


def note(connection: Connection, origin: Origin, reads: Sequence[Shown]) -> None:
    """Before the devices are changed by their newest reads. Only the agent that owns a device tells: two that see it
    from two networks would have it move with every read. A read older than the newest one says nothing new."""
    asked = select(Device.id, Device.name, Device.address, Device.last_read_at).where(
        Device.id.in_([read.device_id for read in reads]), Device.agent_id == origin.agent_id
    )
    before = {row.id: row for row in connection.execute(asked)}
    events = [
        event for read in reads if read.device_id in before for event in _events(origin, before[read.device_id], read)
    ]
    if events:
        connection.execute(insert(DeviceEvent), events)


def _events(origin: Origin, before: Any, read: Shown) -> list[Mapping[str, Any]]:
    at = from_milliseconds(read.at)
    if at < before.last_read_at or at > origin.received_at + ABSURD:
        return []
    of_device = {"dealer_id": origin.dealer_id, "device_id": read.device_id, "at": at}
    return [
        {**of_device, "what": what, "before": was, "after": became}
        for name, what in _WHAT.items()
        if (became := getattr(read, name)) and (was := getattr(before, name)) and became != was
    ]
