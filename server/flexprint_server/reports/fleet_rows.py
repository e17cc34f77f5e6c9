"""A site's devices as the rows of a workbook, a few at a time, all as they were at one instant."""

from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, not_, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.figures import meters_of, supplies_of
from flexprint_server.fleet.models import Device, Layout
from flexprint_server.fleet.summary import DROPPED_AFTER, NEW_FOR
from flexprint_server.reports.workbook import About, DeviceRow
from flexprint_server.tenants.models import Customer, Site

_AT_ONCE: Final = 500
_FIGURES: Final = (Device.layout_id, Device.meter_values, Device.levels, Device.percents, Device.states)


def one_snapshot(session: Session) -> None:
    """Everything this session reads shows one instant, although the devices are walked twice. SQLite does so by
    itself; PostgreSQL wants to be told before the first question."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def about(session: Session, dealer_id: int, site_id: int, now: datetime) -> About:
    """What the site's workbook is about. Raises sqlalchemy.exc.NoResultFound when the site is gone."""
    customer, site = session.execute(
        select(Customer.name, Site.name)
        .join(Customer, Customer.id == Site.customer_id)
        .where(Site.dealer_id == dealer_id, Site.id == site_id)
    ).one()
    pairs = {
        (name, unit) for layout in _layouts(session, dealer_id, site_id).values() for name, unit, *_ in layout["meters"]
    }
    left_out = select(func.count()).select_from(Device).where(*_of_site(dealer_id, site_id), not_(_is_told_of(now)))
    return About(customer, site, now, sorted(pairs), session.scalar(left_out) or 0)


def _of_site(dealer_id: int, site_id: int) -> tuple[ColumnElement[bool], ...]:
    return Device.dealer_id == dealer_id, Device.site_id == site_id, Device.in_fleet.is_(True)


def _is_told_of(now: datetime) -> ColumnElement[bool]:
    """The device stands in a workbook made `now`: it was read within the last month."""
    return Device.last_read_at > now - DROPPED_AFTER


def _layouts(session: Session, dealer_id: int, site_id: int) -> dict[int, dict[str, Any]]:
    """What the site's devices have in common, by number."""
    of_site = select(Device.layout_id).where(Device.dealer_id == dealer_id, Device.site_id == site_id)
    asked = select(Layout.id, Layout.content).where(Layout.dealer_id == dealer_id, Layout.id.in_(of_site))
    return {row.id: row.content for row in session.execute(asked)}


def device_rows(session: Session, dealer_id: int, site_id: int, now: datetime) -> Generator[DeviceRow]:
    """The site's devices that were read within the last month, the new ones first, then by maker, model and serial;
    read through a cursor of the server's: close it."""
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
            *_FIGURES,
        )
        .join(Site, Site.id == Device.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(*_of_site(dealer_id, site_id), _is_told_of(now))
        .order_by(
            case((Device.first_seen_at > now - NEW_FOR, 0), else_=1),
            func.coalesce(Device.manufacturer, ""),
            func.coalesce(Device.model, ""),
            func.coalesce(Device.serial, ""),
            Device.id,
        )
    )
    layouts = _layouts(session, dealer_id, site_id)
    with session.execute(asked, execution_options={"yield_per": _AT_ONCE}) as rows:
        for row in rows:
            layout = layouts[row.layout_id]
            meters = meters_of(layout, row.meter_values)
            supplies = supplies_of(layout, row.levels, row.percents, row.states)
            yield DeviceRow._make((*row[: -len(_FIGURES)], meters, supplies))
