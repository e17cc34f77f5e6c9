"""Devices as the rows of a workbook, a few at a time, all as they were at one instant."""

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.figures import supplies_of
from flexprint_server.fleet.models import Device, Layout
from flexprint_server.fleet.paging import window
from flexprint_server.fleet.rules import Rules, rules_of
from flexprint_server.fleet.volumes import AT_ONCE, volumes
from flexprint_server.reports.covered import devices_covered, names, settled
from flexprint_server.reports.wanted import Covers
from flexprint_server.reports.workbook.rows import About, DeviceRow, VolumeRow
from flexprint_server.tenants.models import Customer, Site
from flexprint_shared import meters as vocabulary

Conditions = tuple[ColumnElement[bool], ...]

_BESIDE: Final = (Device.id, Customer.id, Site.id, Device.agent_id, Device.retired_at)
_FIGURES: Final = (Device.layout_id, Device.meter_values, Device.levels, Device.percents, Device.states)


def about(session: Session, dealer_id: int, covers: Covers, now: datetime) -> About:
    """What the workbook of these devices is about. Raises covered.NothingCovered."""
    customer, site = names(session, dealer_id, covers)
    covered = devices_covered(dealer_id, settled(session, dealer_id, covers))
    rules = _rules(session, dealer_id, covered)
    dropped = rules.dropped_ones(now)
    counted = select(Device.layout_id, func.count()).where(*covered, not_(dropped)).group_by(Device.layout_id)
    devices: dict[int, int] = {row[0]: row[1] for row in session.execute(counted)}
    meters = {number: layout["meters"] for number, layout in _layouts(session, dealer_id, covered).items()}
    pairs = {(name, unit) for number in devices for name, unit, *_ in meters[number]}
    left_out = session.scalar(select(func.count()).select_from(Device).where(*covered, dropped))
    figures = sum(count * len(meters[number]) for number, count in devices.items())
    return About(customer, site, now, sorted(pairs), left_out or 0, figures, sum(devices.values()), rules=rules)


def _rules(session: Session, dealer_id: int, covered: Conditions) -> Rules:
    """Those of the sites and agents where these devices are."""
    rules = rules_of(session, dealer_id)
    if not rules.differ:
        return rules
    places = session.execute(select(Device.site_id, Device.agent_id).where(*covered).distinct())
    return rules.among([(row[0], row[1]) for row in places])


def _layouts(session: Session, dealer_id: int, covered: Conditions) -> dict[int, dict[str, Any]]:
    """What these devices have in common, by number."""
    asked = select(Layout.id, Layout.content).where(
        Layout.dealer_id == dealer_id, Layout.id.in_(select(Device.layout_id).where(*covered))
    )
    return {row.id: row.content for row in session.execute(asked)}


def device_rows(
    session: Session,
    dealer_id: int,
    covers: Covers,
    now: datetime,
    *,
    read_since: datetime | None = None,
    at: tuple[int, int] | None = None,
) -> Generator[DeviceRow]:
    """The devices that workbooks do not leave out, or those read since `read_since`, and then those retired meanwhile,
    too; the new ones first, then by customer, site, maker, model and serial; `at` is how many to pass over and how many
    to give then. Without it they come through a cursor of the server's: close it."""
    covers = settled(session, dealer_id, covers)
    covered = devices_covered(dealer_id, covers, retired=read_since is not None)
    rules = _rules(session, dealer_id, covered)
    is_new = rules.new_ones(now)
    wanted = (*covered, Device.last_read_at >= read_since if read_since else not_(rules.dropped_ones(now)))
    asked = (
        select(
            Customer.name,
            Site.name,
            Device.manufacturer,
            Device.model,
            Device.serial,
            func.coalesce(Device.typed_asset, Device.asset),
            Device.address,
            func.coalesce(Device.typed_name, Device.name),
            func.coalesce(Device.typed_location, Device.location),
            Device.state,
            Device.errors,
            Device.first_seen_at,
            Device.last_read_at,
            *_BESIDE,
            *_FIGURES,
        )
        .join(Site, Site.id == Device.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(*wanted)
        .order_by(
            case((is_new, 0), else_=1),
            Customer.name,
            Site.name,
            func.coalesce(Device.manufacturer, ""),
            func.coalesce(Device.model, ""),
            func.coalesce(Device.serial, ""),
            Device.id,
        )
    )
    if at:
        sites, skipped = _sites_of_page(session, dealer_id, wanted, is_new, at)
        page = asked.with_only_columns(Device.id, maintain_column_froms=True).where(sites)
        ids = session.scalars(page.offset(skipped).limit(at[1])).all()
        covered = (*covered, Device.id.in_(ids))
        asked = asked.where(Device.id.in_(ids))
    layouts = _layouts(session, dealer_id, covered)
    # A cursor of the server's would have it look for a plan that gives the first rows early, which is a slow one.
    with session.execute(asked, execution_options={} if at else {"yield_per": AT_ONCE}) as rows:
        for row in rows:
            *said, layout_id, values, levels, percents, states = row
            layout = layouts[layout_id]
            meters = {
                name: (value, unit, source)
                for (name, unit, _, source), value in zip(layout["meters"], values, strict=True)
            }
            facts, beside = said[: -len(_BESIDE)], said[-len(_BESIDE) :]
            yield DeviceRow._make((*facts, meters, supplies_of(layout, levels, percents, states), *beside))


def _sites_of_page(
    session: Session, dealer_id: int, wanted: Conditions, is_new: ColumnElement[bool], at: tuple[int, int]
) -> tuple[ColumnElement[bool], int]:
    """Where the devices of a page are, so that only those few need be sorted: the new or the other ones of some sites,
    and how many of them come before the page. Of all the others it is enough to count them."""
    counted = select(Device.site_id, func.count(), func.count().filter(is_new)).where(*wanted).group_by(Device.site_id)
    counts = {site_id: (new, everything - new) for site_id, everything, new in session.execute(counted)}
    in_order = select(Site.id).join(Customer, Customer.id == Site.customer_id).where(Site.dealer_id == dealer_id)
    sites = session.scalars(in_order.order_by(Customer.name, Site.name)).all()
    groups = [((old, site), counts[site][old]) for old in (0, 1) for site in sites if site in counts]
    shown, skipped = window(groups, *at)
    of_new, of_old = ([site for old, site in shown if old == which] for which in (0, 1))
    return or_(and_(Device.site_id.in_(of_new), is_new), and_(Device.site_id.in_(of_old), not_(is_new))), skipped


def volume_rows(
    session: Session, devices: Iterable[DeviceRow], since: datetime, until: datetime
) -> Iterator[VolumeRow]:
    """The volume of each meter of the devices, in the order of the vocabulary. That of a retired one ends with its last
    read: nobody prints on it any more, and nothing is estimated beyond."""
    waiting = iter(devices)
    while some := list(islice(waiting, AT_ONCE)):
        found = volumes(session, [device.device_id for device in some if not device.retired_at], since, until)
        for device in some:
            if device.retired_at:
                found |= volumes(session, [device.device_id], since, min(until, device.last_read_at))
        for device in some:
            for meter, volume in sorted(found.get(device.device_id, {}).items(), key=lambda item: place(item[0])):
                yield VolumeRow(device, meter, volume)


def place(meter: tuple[str, str]) -> tuple[int, str, str]:
    """Where (name, unit) stands among the meters of a device."""
    name, unit = meter
    return (vocabulary.position(name) if vocabulary.is_meter_name(name) else 1 << 16, name, unit)
