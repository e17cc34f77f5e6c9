"""A site's devices as the rows of a workbook, a few at a time, all as they were at one instant."""

from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, cast, func, select, true
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device
from flexprint_server.reports.workbook import About, DeviceRow
from flexprint_server.tenants.models import Customer, Site

_AT_ONCE: Final = 500


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
    return About(customer, site, now, _meters(session, dealer_id, site_id))


def _meters(session: Session, dealer_id: int, site_id: int) -> list[tuple[str, str]]:
    """The (name, unit) pairs that occur on the site."""
    each: Any
    unit: ColumnElement[Any]
    if session.get_bind().dialect.name == "postgresql":
        each = func.json_each(cast(Device.meters, JSON)).table_valued("key", "value")
        unit = each.c.value.op("->>")(1)
    else:
        each = func.json_each(Device.meters).table_valued("key", "value")
        unit = func.json_extract(each.c.value, "$[1]")
    pairs = session.execute(
        select(each.c.key, unit)
        .distinct()
        .select_from(Device)
        .join(each, true())
        .where(Device.dealer_id == dealer_id, Device.site_id == site_id)
    )
    return [(name, unit) for name, unit in pairs]


def device_rows(session: Session, dealer_id: int, site_id: int) -> Generator[DeviceRow]:
    """The site's devices by maker, model and serial, read through a cursor of the server's: close it."""
    asked = (
        select(
            Customer.name,
            Site.name,
            Device.manufacturer,
            Device.model,
            Device.serial,
            Device.asset,
            Device.address,
            Device.name,
            Device.location,
            Device.meters,
            Device.supplies,
            Device.state,
            Device.errors,
            Device.first_seen_at,
            Device.last_read_at,
        )
        .join(Site, Site.id == Device.site_id)
        .join(Customer, Customer.id == Site.customer_id)
        .where(Device.dealer_id == dealer_id, Device.site_id == site_id)
        .order_by(
            func.coalesce(Device.manufacturer, ""),
            func.coalesce(Device.model, ""),
            func.coalesce(Device.serial, ""),
            Device.id,
        )
    )
    with session.execute(asked, execution_options={"yield_per": _AT_ONCE}) as rows:
        for row in rows:
            yield DeviceRow(*row)
