"""For how long a device is new, when it is stale, and when workbooks leave it out: as it is settled for its site.

One small question brings what is settled (tenants.settings.spread). Where all sites have the same days, and mostly they
have, a condition compares with one instant, as if the days were a constant; otherwise with the instant of the site.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, literal
from sqlalchemy.orm import InstrumentedAttribute, Session

from flexprint_server.fleet.models import Device
from flexprint_server.tenants.setting_facts import BY_NAME
from flexprint_server.tenants.settings import Spread, spread

RuleName = Literal["stale_days", "new_days", "drop_days"]


@dataclass(slots=True, frozen=True)
class Days:
    """So many days: `usual` ones, and other ones at some dealers and at some sites, which come before dealers."""

    usual: int
    of_dealers: Mapping[int, int] = field(default_factory=dict)
    of_sites: Mapping[int, int] = field(default_factory=dict)

    def at(self, site_id: int) -> timedelta:
        """Those of a site, where the question named one dealer."""
        return timedelta(days=self.of_sites.get(site_id, self.usual))

    def before(self, now: datetime) -> ColumnElement[datetime]:
        """The instant that lies so many days of 24 hours before `now`, for a row of devices."""
        now = now.astimezone(UTC)  # a zone's own clock would count an hour more or less where it is put back
        whens = [
            (column.in_(_written_out(numbers)), _instant(now - timedelta(days=days)))
            for column, of in ((Device.site_id, self.of_sites), (Device.dealer_id, self.of_dealers))
            for days, numbers in _by_days(of).items()
        ]
        usual = _instant(now - timedelta(days=self.usual))
        return case(*whens, else_=usual) if whens else usual

    def among(self, sites: Collection[int]) -> "Days":
        """The same where there are no other sites: one number where they do not differ."""
        found = {self.of_sites.get(site, self.usual) for site in sites}
        return Days(found.pop()) if len(found) == 1 else self

    @property
    def words(self) -> str:
        """`7 days`, or `7 to 14 days` where sites differ."""
        least, most = (pick((self.usual, *self.of_sites.values())) for pick in (min, max))
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

    def is_stale(self, site_id: int, last_read_at: datetime, now: datetime) -> bool:
        return now.astimezone(UTC) - last_read_at > self.stale.at(site_id)

    def is_new(self, site_id: int, first_seen_at: datetime, now: datetime) -> bool:
        return now.astimezone(UTC) - first_seen_at < self.new.at(site_id)

    def among(self, sites: Collection[int]) -> "Rules":
        return Rules(self.stale.among(sites), self.new.among(sites), self.drop.among(sites))

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
    return Days(told.usual, told.of_dealers, told.of_sites)


USUAL: Final = Rules(*(Days(int(BY_NAME[name].default)) for name in _NAMES))
"""What holds where nobody settled anything."""


def _by_days(of: Mapping[int, int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, days in of.items():
        found.setdefault(days, []).append(number)
    return found


def _instant(at: datetime) -> ColumnElement[datetime]:
    column: InstrumentedAttribute[datetime] = Device.last_read_at
    return literal(at, column.type)


def _written_out(ids: list[int]) -> BindParameter[list[int]]:
    """Numbers that stand in the statement itself: there may be more of them than a statement has parameters."""
    return bindparam(None, ids, expanding=True, literal_execute=True)
