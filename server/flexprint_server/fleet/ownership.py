"""Two agents that see one device: one owns it, which says at which site it stands; the other one is on stand-by.

The owner changes when it had not read the device for OWNED_FOR when the other one did, and then the new owner keeps it
in the same way: whatever the two do, a device changes hands once in that time at most. Reads are compared by the times
that they tell, for batches may come late and clocks be wrong; a time that lies ahead of the arrival counts as that.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Select, func, insert, select, update
from sqlalchemy.orm import Session

from flexprint_server.fleet import statements
from flexprint_server.fleet.models import BATCH, Device, DeviceEvent, Read
from flexprint_server.fleet.origin import ABSURD, OWNED_FOR, Origin
from flexprint_server.tenants.models import Agent, Customer, Site
from flexprint_shared.times import from_milliseconds

SEEN_WITHIN: Final = 4 * OWNED_FOR
"""An agent that has not read a device for longer than this is no source of it any more."""


@dataclass(slots=True, frozen=True)
class Source:
    """An agent that reads a device, and its last read of it."""

    agent_id: UUID
    host: str
    customer: str
    site: str
    is_owner: bool
    last_read_at: datetime


@contextmanager
def watched(
    connection: Connection, origin: Origin, devices: Sequence[int], newest: Mapping[int, int]
) -> Iterator[None]:
    """Around the storing of reads of `devices` that more than one agent reads; `newest` are the milliseconds of their
    newest reads. An owner's read counts for it although another agent has read the device since; a device that goes
    over to another site has that written down, and is back where somebody had retired it."""
    rows = [{"device_id": device, "at": newest[device]} for device in devices]
    facts = {
        "devices": msgspec.json.encode(rows).decode(),
        "agent": origin.agent_id,
        "absurd": origin.received_at + ABSURD,
    }
    statements.owners_read(connection.dialect).run(connection, facts)
    before = _places(connection, devices)
    yield
    after = _places(connection, devices)
    moved = [device for device in devices if before[device] != after[device]]
    if moved:
        words = _words(connection, {*before.values(), *after.values()})
        events = [
            {
                **_event(origin, device, newest),
                "what": "moved",
                "before": words[before[device]],
                "after": words[after[device]],
            }
            for device in moved
        ]
        back = _brought_back(connection, moved, newest)
        events += [{**_event(origin, device, newest), "what": "back", "before": None, "after": None} for device in back]
        connection.execute(insert(DeviceEvent), events)


def _event(origin: Origin, device: int, newest: Mapping[int, int]) -> dict[str, Any]:
    return {"dealer_id": origin.dealer_id, "device_id": device, "at": from_milliseconds(newest[device])}


def _brought_back(connection: Connection, moved: Sequence[int], newest: Mapping[int, int]) -> Sequence[int]:
    """Those of the devices that somebody had retired before they were read at another site: there they are at work
    again, and without this they would be counted nowhere."""
    retired = Device.id.in_(moved), Device.retired_at.is_not(None), Device.merged_into_id.is_(None)
    rows = connection.execute(select(Device.id, Device.retired_at).where(*retired))
    back = [row.id for row in rows if from_milliseconds(newest[row.id]) > row.retired_at]
    if back:
        connection.execute(update(Device).where(Device.id.in_(back)).values(retired_at=None, in_fleet=True))
    return back


def _places(connection: Connection, devices: Sequence[int]) -> dict[int, int]:
    """{device: site}."""
    rows = connection.execute(select(Device.id, Device.site_id).where(Device.id.in_(devices)))
    return {row[0]: row[1] for row in rows}


def _words(connection: Connection, sites: set[int]) -> dict[int, str]:
    asked = select(Site.id, Customer.name, Site.name).join(Customer, Customer.id == Site.customer_id)
    return {row[0]: f"{row[1]}, {row[2]}"[:600] for row in connection.execute(asked.where(Site.id.in_(sites)))}


def sources(dealer_id: int, session: Session, device: Device, now: datetime) -> list[Source]:
    """The agents that read the device lately, its owner first. They are found from its reads: nothing is stored about
    them with each."""
    last = (
        select(BATCH.c.agent_id, func.max(Read.read_at).label("last_read_at"))
        .join(BATCH, BATCH.c.id == Read.batch_id)
        .where(
            Read.dealer_id == dealer_id,
            Read.device_id == device.id,
            Read.read_at > now - SEEN_WITHIN,
            Read.read_at <= now + ABSURD,
        )
        .group_by(BATCH.c.agent_id)
        .subquery()
    )
    asked: Select[*tuple[Any, ...]] = (
        select(Agent.id, Agent.host, Customer.name, Site.name, Agent.id == device.agent_id, last.c.last_read_at)
        .join(last, last.c.agent_id == Agent.id)
        .join(Site, Site.id == Agent.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(Agent.dealer_id == dealer_id)
    )
    found = [Source(*row) for row in session.execute(asked)]
    return sorted(found, key=lambda source: (not source.is_owner, -source.last_read_at.timestamp()))
