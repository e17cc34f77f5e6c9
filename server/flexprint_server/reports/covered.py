"""What a report's Covers means in the database: which devices, and what to call them."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from flexprint_server.fleet.models import Device
from flexprint_server.reports.wanted import MOST_COVERED, Covers, CoversKind
from flexprint_server.tenants.models import Customer, Site
from flexprint_server.tenants.settings import spread
from flexprint_shared.text import clean

_NAMED: Final = 1
# So many are called by their names; more are counted.


class NothingCovered(Exception):
    """The customers, sites or devices that a report was to be about have been removed."""


def settled(session: Session, dealer_id: int, covers: Covers) -> Covers:
    """Groups as the sites that are in them now; all else as it is."""
    if covers.kind != "groups":
        return covers
    wanted = set(map(str.casefold, covers.names))
    of_sites = spread(session, ("groups",), dealer_id)["groups"].of_sites
    return Covers("sites", tuple(site for site, names in of_sites.items() if wanted & set(map(str.casefold, names))))


def _groups(session: Session, dealer_id: int) -> dict[str, str]:
    """The names of the dealer's groups, by what they are told apart by."""
    of_sites = spread(session, ("groups",), dealer_id)["groups"].of_sites
    return {name.casefold(): name for names in of_sites.values() for name in names}


def devices_covered(dealer_id: int, covers: Covers, *, retired: bool = False) -> tuple[ColumnElement[bool], ...]:
    """Conditions under which a device of the fleet is covered, by settled(); with `retired` also one that was taken
    out of it."""
    which: dict[str, ColumnElement[bool]] = {
        "all": true(),
        "customers": Device.site_id.in_(select(Site.id).where(Site.customer_id.in_(covers.ids))),
        "sites": _among(Device.site_id, covers.ids),
        "devices": _among(Device.id, covers.ids),
    }
    # One that was merged has its reads with another device.
    is_there = Device.merged_into_id.is_(None) if retired else Device.in_fleet.is_(True)
    return Device.dealer_id == dealer_id, is_there, which[covers.kind]


def _among(column: InstrumentedAttribute[int], ids: Collection[int]) -> ColumnElement[bool]:
    # One number is compared and not looked for in a list: that walks the index of sites.
    return column == next(iter(ids)) if len(ids) == 1 else column.in_(ids) if ids else false()


def names(session: Session, dealer_id: int, covers: Covers) -> tuple[str, str]:
    """Customer and site as people call what is covered: by name where there is one, else counted. Raises
    NothingCovered."""
    (called,) = names_of_each(session, dealer_id, [covers])
    if called is None:
        raise NothingCovered("what this report is about is not there any more")
    return called


def names_of_each(session: Session, dealer_id: int, each: Sequence[Covers]) -> list[tuple[str, str] | None]:
    """names() of every one of them, None where nothing of it is left; as few questions for many as for one."""
    groups = {covers: settled(session, dealer_id, covers) for covers in each if covers.kind == "groups"}
    ids: dict[CoversKind, set[int]] = {"customers": set(), "sites": set(), "devices": set()}
    for covers in (groups.get(covers, covers) for covers in each):
        ids.get(covers.kind, set()).update(covers.ids)
    site_of = _sites_of_devices(session, dealer_id, ids["devices"])
    customers = _customer_names(session, dealer_id, ids["customers"])
    sites = _site_names(session, dealer_id, ids["sites"] | set(site_of.values()))

    def called(covers: Covers) -> tuple[str, str] | None:
        if covers.kind == "all":
            return "All customers", "all sites"
        if covers.kind == "customers":
            found = {number: customers[number] for number in covers.ids if number in customers}
            return (_called(found, "customer"), "all sites") if found else None
        if covers.kind == "groups":
            group = f"Group {covers.names[0]}" if len(covers.names) == _NAMED else f"{len(covers.names)} groups"
            count = sum(number in sites for number in groups[covers].ids)
            return (group, f"{count} site{'s' if count != 1 else ''}") if count else None
        at = covers.ids if covers.kind == "sites" else [site_of[number] for number in covers.ids if number in site_of]
        places = {number: sites[number] for number in at if number in sites}
        if not places:
            return None
        of_customers = {customer_id: name for customer_id, name, _ in places.values()}
        return _called(of_customers, "customer"), _called({number: row[2] for number, row in places.items()}, "site")

    return [called(covers) for covers in each]


def _sites_of_devices(session: Session, dealer_id: int, ids: Collection[int]) -> dict[int, int]:
    if not ids:
        return {}
    asked = select(Device.id, Device.site_id).where(*devices_covered(dealer_id, Covers("devices", tuple(ids))))
    return dict(session.execute(asked).all())


def _customer_names(session: Session, dealer_id: int, ids: Collection[int]) -> dict[int, str]:
    if not ids:
        return {}
    asked = select(Customer.id, Customer.name).where(Customer.dealer_id == dealer_id, Customer.id.in_(ids))
    return dict(session.execute(asked).all())


def _site_names(session: Session, dealer_id: int, ids: Collection[int]) -> dict[int, tuple[int, str, str]]:
    """By site: its customer and both names."""
    if not ids:
        return {}
    asked = select(Site.id, Customer.id, Customer.name, Site.name).join(Customer, Customer.id == Site.customer_id)
    rows = session.execute(asked.where(Site.dealer_id == dealer_id, Site.id.in_(ids)))
    return {site_id: (customer_id, customer, site) for site_id, customer_id, customer, site in rows}


def _called(found: dict[int, str], what: str) -> str:
    return next(iter(found.values())) if len(found) == _NAMED else f"{len(found)} {what}s"


# ---------------------------------------------------------------- as people type it


def covers_of(session: Session, dealer_id: int, kind: CoversKind, lines: Sequence[str]) -> tuple[Covers, list[str]]:
    """What the lines name, one customer, site, group or device each; and the lines that name none, or more than one.
    A site is written with its customer, `Harbour Dental / Main Street`, or alone where its name is the only one; a
    device by its serial or asset number."""
    if kind == "all":
        return Covers("all"), []
    if len(lines) > MOST_COVERED:
        return Covers(kind), [f"{len(lines):,} lines; {MOST_COVERED:,} is the most"]
    if kind == "groups":
        return _groups_of(session, dealer_id, lines)
    find = {"customers": _customers, "sites": _sites, "devices": _devices}[kind]
    ids: dict[int, None] = {}
    wrong = []
    for line in lines:
        found = set(session.scalars(find(dealer_id, line).limit(2)))
        if len(found) == 1:
            ids[found.pop()] = None
        else:
            wrong.append(f"{clean(line, 80)} names {'more than one' if found else 'none'} of your {kind}")
    return Covers(kind, tuple(ids)), wrong


def _groups_of(session: Session, dealer_id: int, lines: Sequence[str]) -> tuple[Covers, list[str]]:
    known = _groups(session, dealer_id)
    names = dict.fromkeys(known[line.casefold()] for line in lines if line.casefold() in known)
    there_are = f"there are {', '.join(sorted(known.values()))}"
    hint = there_are if known else "settle groups for customers and sites first"
    wrong = [f"{clean(line, 80)} names none of your groups; {hint}" for line in lines if line.casefold() not in known]
    return Covers("groups", names=tuple(names)), wrong


def lines_of(session: Session, dealer_id: int, covers: Covers) -> list[str]:
    """The lines that covers_of() would take for it; what is gone is not among them."""
    if covers.kind == "groups":
        return list(covers.names)
    if covers.kind == "customers":
        found = select(Customer.name).where(Customer.dealer_id == dealer_id, Customer.id.in_(covers.ids))
        return list(session.scalars(found.order_by(Customer.name)))
    if covers.kind == "sites":
        named = select(Customer.name, Site.name).join(Site, Site.customer_id == Customer.id)
        rows = session.execute(
            named.where(Site.dealer_id == dealer_id, Site.id.in_(covers.ids)).order_by(Customer.name, Site.name)
        )
        return [f"{customer} / {site}" for customer, site in rows]
    if covers.kind == "devices":
        asked = select(Device.serial, Device.typed_asset, Device.asset)
        devices = session.execute(asked.where(*devices_covered(dealer_id, covers)).order_by(Device.serial))
        return [next(filter(None, row), "") for row in devices]
    return []


def _customers(dealer_id: int, line: str) -> Select[int]:
    return select(Customer.id).where(Customer.dealer_id == dealer_id, func.lower(Customer.name) == line.lower())


def _sites(dealer_id: int, line: str) -> Select[int]:
    customer, slash, site = (part.strip() for part in line.partition(" / "))
    asked = select(Site.id).where(Site.dealer_id == dealer_id)
    if not slash:
        return asked.where(func.lower(Site.name) == line.lower())
    return asked.where(func.lower(Site.name) == site.lower(), Site.customer_id.in_(_customers(dealer_id, customer)))


def _devices(dealer_id: int, line: str) -> Select[int]:
    names = (Device.serial, Device.typed_asset, Device.asset)
    return select(Device.id).where(
        Device.dealer_id == dealer_id, Device.in_fleet.is_(True), or_(*(name == line for name in names))
    )
