"""For how long a device is new, when it is stale, and when workbooks leave it out: as it is settled for the agent that
owns it, or for its site.

One small question brings what is settled (tenants.settings.spread). Where all agents and sites have the same days, and
mostly they have, a condition compares with one instant, as if the days were a constant; otherwise with that of the
device's own agent or site.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, case, literal
from sqlalchemy.orm import InstrumentedAttribute, Session

from flexprint_server.database import written_out
from flexprint_server.fleet.models import Device
from flexprint_server.tenants.setting_facts import BY_NAME
from flexprint_server.tenants.settings import Spread, spread

RuleName = Literal["stale_days", "new_days", "drop_days"]


class Placed(Protocol):
    """A device as far as its days depend on it."""

    @property
    def site_id(self) -> int: ...
    @property
    def agent_id(self) -> UUID: ...
    @property
    def first_seen_at(self) -> datetime: ...
    @property
    def last_read_at(self) -> datetime: ...


@dataclass(slots=True, frozen=True)
class Days:
    """So many days: `usual` ones, and other ones at some dealers, at some sites, which come before dealers, and of some
    agents, which come before sites."""

    usual: int
    of_dealers: Mapping[int, int] = field(default_factory=dict)
    of_sites: Mapping[int, int] = field(default_factory=dict)
    of_agents: Mapping[UUID, int] = field(default_factory=dict)

    def at(self, site_id: int, agent_id: UUID) -> int:
        """Those of an agent at a site, where the question named one dealer."""
        return self.of_agents.get(agent_id, self.of_sites.get(site_id, self.usual))

    def of(self, device: Placed) -> timedelta:
        return timedelta(days=self.at(device.site_id, device.agent_id))

    def before(self, now: datetime) -> ColumnElement[datetime]:
        """The instant that lies so many days of 24 hours before `now`, for a row of devices."""
        now = now.astimezone(UTC)  # a zone's own clock would count an hour more or less where it is put back
        whens = [
            (column.in_(written_out(numbers)), _instant(now - timedelta(days=days)))
            for column, of in self._nearest_first()
            for days, numbers in _by_days(of).items()
        ]
        usual = _instant(now - timedelta(days=self.usual))
        return case(*whens, else_=usual) if whens else usual

    def _nearest_first(self) -> Sequence[tuple[InstrumentedAttribute[Any], Mapping[Any, int]]]:
        return (
            (Device.agent_id, self.of_agents),
            (Device.site_id, self.of_sites),
            (Device.dealer_id, self.of_dealers),
        )

    def among(self, places: Collection[tuple[int, UUID]]) -> "Days":
        """The same where devices are at no others than `places`, (site, agent): one number where they do not
        differ."""
        found = {self.at(site, agent) for site, agent in places}
        return Days(found.pop()) if len(found) == 1 else self

    @property
    def differ(self) -> bool:
        """Whether some sites or agents have others than their dealer."""
        return bool(self.of_sites or self.of_agents)

    @property
    def words(self) -> str:
        """`7 days`, or `7 to 14 days` where they differ."""
        least, most = (pick((self.usual, *self.of_sites.values(), *self.of_agents.values())) for pick in (min, max))
        if least != most:
            return f"{least} to {most} days"
        return "1 day" if most == 1 else f"{most} days"


@dataclass(slots=True, frozen=True)
class Rules:
    """A device that was not read for longer than `stale` is stale. For `new` after it was first seen it counts as new.
    One that was not read for longer than `drop` is left out of workbooks, which say how many they left out; it is never
    deleted, and stands in them again with its next read."""

    stale: Days
    new: Days
    drop: Days

    @property
    def differ(self) -> bool:
        return self.stale.differ or self.new.differ or self.drop.differ

    def is_stale(self, device: Placed, now: datetime) -> bool:
        return now.astimezone(UTC) - device.last_read_at > self.stale.of(device)

    def is_new(self, device: Placed, now: datetime) -> bool:
        return now.astimezone(UTC) - device.first_seen_at < self.new.of(device)

    def among(self, places: Collection[tuple[int, UUID]]) -> "Rules":
        """Days.among() of each."""
        return Rules(self.stale.among(places), self.new.among(places), self.drop.among(places))

    def stale_ones(self, now: datetime) -> ColumnElement[bool]:
        """is_stale() as a condition of devices; the same of the two below."""
        return Device.last_read_at < self.stale.before(now)

    def new_ones(self, now: datetime) -> ColumnElement[bool]:
        return Device.first_seen_at > self.new.before(now)

    def dropped_ones(self, now: datetime) -> ColumnElement[bool]:
        """Those that a workbook made `now` leaves out."""
        return Device.last_read_at < self.drop.before(now)


_NAMES: Final[tuple[RuleName, ...]] = ("stale_days", "new_days", "drop_days")


def rules_of(session: Session, dealer_id: int | None) -> Rules:
    """What holds for the devices of a dealer; of all dealers for None."""
    found = spread(session, _NAMES, dealer_id)
    return Rules(*(_days(found[name]) for name in _NAMES))


def _days(told: Spread) -> Days:
    return Days(told.usual, told.of_dealers, told.of_sites, told.of_agents)


USUAL: Final = Rules(*(Days(int(BY_NAME[name].default)) for name in _NAMES))
"""What holds where nobody settled anything."""


def _by_days(of: Mapping[Any, int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, days in of.items():
        found.setdefault(days, []).append(number)
    return found


def _instant(at: datetime) -> ColumnElement[datetime]:
    column: InstrumentedAttribute[datetime] = Device.last_read_at
    return literal(at, column.type)
