"""What goes into a workbook, and what it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from flexprint_server.fleet.rules import USUAL, Rules
from flexprint_server.fleet.summary import SupplyFacts
from flexprint_server.reports.wanted import UTC_ZONE
from flexprint_shared.usage import Volume


class DeviceRow(NamedTuple):
    """A device as its newest read shows it. `meters` are {name: (value, unit, source)}, `supplies` those of
    fleet.models.Device."""

    customer: str
    site: str
    manufacturer: str | None
    model: str | None
    serial: str | None
    asset: str | None
    address: str
    name: str | None
    location: str | None
    state: str
    errors: Sequence[str]
    first_seen_at: datetime
    last_read_at: datetime
    meters: Mapping[str, Sequence[Any]]
    supplies: Sequence[SupplyFacts]
    device_id: int = 0
    customer_id: int = 0
    site_id: int = 0
    agent_id: UUID = UUID(int=0)
    retired_at: datetime | None = None


class VolumeRow(NamedTuple):
    """The volume of one meter, (name, unit), of a device."""

    device: DeviceRow
    meter: tuple[str, str]
    volume: Volume


@dataclass(slots=True, frozen=True)
class About:
    """What a workbook is about. `meters` are the (name, unit) pairs that occur, `devices` are so many, and have
    `figures` meters together; `left_out` counts the devices that were not read for so long that it is made without
    them. Volume is told from `since` to `until`. People's sheets show instants on the clock of
    `zone`."""

    customer: str
    site: str
    made_at: datetime
    meters: Sequence[tuple[str, str]]
    left_out: int = 0
    figures: int = 0
    devices: int = 0
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    zone: ZoneInfo = UTC_ZONE
    rules: Rules = USUAL

    @property
    def title(self) -> str:
        return self.name or f"{self.customer}, {self.site}"


@dataclass(slots=True)
class Summary:
    """What the rows came to, counted while they were written."""

    devices: int = 0
    new: int = 0
    stale: int = 0
    low: int = 0
    supplies: int = 0
    stale_after: str = USUAL.stale.words
    zone: str = "UTC"
    low_supplies: list[str] = field(default_factory=list)
    stale_devices: list[str] = field(default_factory=list)
