"""By which clock the days of a site begin."""

from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from flexprint_server.tenants.settings import Spread, spread

ASKED_AGAIN: Final = timedelta(minutes=1)
"""What somebody settles holds for batches that arrive so much later, at the latest."""


def zone_of_site(session: Session | Connection, dealer_id: int, site_id: int) -> ZoneInfo:
    """The clock that somebody settled for the site, its customer or the dealer; UTC where nobody did."""
    return _zone(_told(session, dealer_id), site_id)


def _told(session: Session | Connection, dealer_id: int) -> Spread:
    return spread(session, ("time_zone",), dealer_id)["time_zone"]


def _zone(told: Spread, site_id: int) -> ZoneInfo:
    return ZoneInfo(told.of_sites.get(site_id, told.usual))


class Zones:
    """zone_of_site() that remembers for a while: batches come all the time, and time zones hardly change."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[datetime, Spread]] = {}

    def of_site(self, connection: Connection, dealer_id: int, site_id: int, now: datetime) -> tzinfo:
        asked_at, told = self._known.get(dealer_id, (None, None))
        if told is None or asked_at is None or abs(now - asked_at) > ASKED_AGAIN:
            told = _told(connection, dealer_id)
            self._known[dealer_id] = now, told
        return _zone(told, site_id)
