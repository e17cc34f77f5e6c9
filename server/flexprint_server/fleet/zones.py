"""By which clock the days of a site begin, and its times are told."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from flexprint_server.tenants.settings import Spread, spread
from flexprint_shared.times import on_clock

ASKED_AGAIN: Final = timedelta(minutes=1)
"""What somebody settles holds for batches that arrive so much later, at the latest."""


def minute(instant: datetime, zone: tzinfo) -> str:
    """`2026-11-22 09:00 Europe/Berlin`: an instant in a text that may be read anywhere."""
    return f"{on_clock(instant, zone):%Y-%m-%d %H:%M} {zone}"


def zone_of_site(session: Session | Connection, dealer_id: int, site_id: int) -> ZoneInfo:
    """The clock that somebody settled for the site, its customer or the dealer; UTC where nobody did."""
    return Clocks(_told(session, dealer_id)).at(dealer_id, site_id)


def clocks(session: Session) -> "Clocks":
    """Those of all sites that the session sees."""
    return Clocks(_told(session, None))


@dataclass(slots=True, frozen=True)
class Clocks:
    told: Spread

    def of(self, dealer_id: int) -> ZoneInfo:
        """The dealer's own."""
        return ZoneInfo(self.told.of_dealers.get(dealer_id, self.told.usual))

    @property
    def differ(self) -> bool:
        """Whether some sites have another clock than their dealer."""
        return bool(self.told.of_sites)

    def at(self, dealer_id: int, site_id: int) -> ZoneInfo:
        """The clock of a site of the dealer."""
        zone = self.told.of_sites.get(site_id)
        return ZoneInfo(zone) if zone else self.of(dealer_id)


def _told(session: Session | Connection, dealer_id: int | None) -> Spread:
    return spread(session, ("time_zone",), dealer_id)["time_zone"]


class Zones:
    """zone_of_site() that remembers for a while: batches come all the time, and time zones hardly change."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[datetime, Spread]] = {}

    def of_site(self, connection: Connection, dealer_id: int, site_id: int, now: datetime) -> tzinfo:
        asked_at, told = self._known.get(dealer_id, (None, None))
        if told is None or asked_at is None or abs(now - asked_at) > ASKED_AGAIN:
            told = _told(connection, dealer_id)
            self._known[dealer_id] = now, told
        return Clocks(told).at(dealer_id, site_id)
