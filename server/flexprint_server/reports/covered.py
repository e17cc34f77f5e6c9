"""What a report's Covers means in the database: which devices, and what to call them."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from flexprint_server.fleet.models import Device
from flexprint_server.reports.wanted import Covers
from flexprint_server.tenants.models import Customer, Site

_NAMED: Final = 1
# So many are called by their names; more are counted.


class NothingCovered(Exception):
    """The customers, sites or devices that a report was to be about have been removed."""


def devices_covered(dealer_id: int, covers: Covers) -> tuple[ColumnElement[bool], ...]:
    """Conditions under which a device of the fleet is covered."""
    which: dict[str, ColumnElement[bool]] = {
        "all": true(),
        "customers": Device.site_id.in_(select(Site.id).where(Site.customer_id.in_(covers.ids))),
        "sites": _among(Device.site_id, covers.ids),
        "devices": _among(Device.id, covers.ids),
    }
    return Device.dealer_id == dealer_id, Device.in_fleet.is_(True), which[covers.kind]


def _among(column: InstrumentedAttribute[int], ids: Collection[int]) -> ColumnElement[bool]:
    # One number is compared and not looked for in a list: that walks the index of sites.
    return column == next(iter(ids)) if len(ids) == 1 else column.in_(ids) if ids else false()


def names(session: Session, dealer_id: int, covers: Covers) -> tuple[str, str]:
    """Customer and site as people call what is covered: by name where there is one, else counted. Raises
    NothingCovered."""
    if covers.kind == "all":
        return "All customers", "all sites"
    if covers.kind == "customers":
        of_dealer = select(Customer.id, Customer.name).where(Customer.dealer_id == dealer_id)
        found = session.execute(of_dealer.where(Customer.id.in_(covers.ids)))
        return _called({row.id: row.name for row in found}, "customer"), "all sites"
    asked = select(Customer.id, Customer.name, Site.id, Site.name).join(Site, Site.customer_id == Customer.id)
    asked = asked.where(Site.dealer_id == dealer_id)
    if covers.kind == "sites":
        asked = asked.where(_among(Site.id, covers.ids))
    else:
        asked = asked.where(Site.id.in_(select(Device.site_id).where(*devices_covered(dealer_id, covers))))
    rows = session.execute(asked).all()
    return _called({row[0]: row[1] for row in rows}, "customer"), _called({row[2]: row[3] for row in rows}, "site")


def _called(found: dict[int, str], what: str) -> str:
    if not found:
        raise NothingCovered("what this report is about is not there any more")
    return next(iter(found.values())) if len(found) == _NAMED else f"{len(found)} {what}s"
