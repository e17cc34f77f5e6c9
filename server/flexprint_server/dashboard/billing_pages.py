"""Pages of each device and meter between two dates, epoch by epoch."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.reports.fleet_rows import device_rows, volume_rows
from flexprint_server.reports.wanted import Covers, period
from flexprint_server.reports.workbook.rows import VolumeRow
from flexprint_server.reports.workbook.volume import volume_note
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.meters import title

PAGE: Final = 50
"""Devices on one page."""

LONGEST: Final = timedelta(days=400)
"""Days that are asked for at a time at most."""

_DAY: Final = timedelta(days=1)


def between(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """The days that an address asks for, both counted, as instants of the clock
    that `now` goes by; the last calendar month where it names none
    that make sense."""
    usual = period("month", now, now)
    assert usual
    try:
        first, last = (date.fromisoformat(query.get(name, "")[:10]) for name in ("from", "to"))
        since, until = (datetime.combine(day, time(), now.tzinfo) for day in (first, last + _DAY))
    except (ValueError, OverflowError):
        return usual
    return (since, until) if _DAY <= until - since <= LONGEST and since.year > 1970 else usual


def _volumes(
    session: Session, visitor: Visitor, query: Mapping[str, str], now: datetime, number: int | None = None
) -> Iterator[VolumeRow]:
    """Of all devices that were read since the first of the days, or of those on page `number` and one more."""
    since, until = between(query, now.astimezone(visitor.time_zone))
    at = None if number is None else ((number - 1) * PAGE, PAGE + 1)
    devices = device_rows(session, visitor.dealer_id, Covers("all"), now, read_since=since, at=at)
    return volume_rows(session, devices, since, until)


EXPORT: Final[Export[VolumeRow]] = Export(
    "Volume",
    (
        Field("Customer", lambda row: row.device.customer, 28),
        Field("Site", lambda row: row.device.site, 24),
        Field("Manufacturer", lambda row: row.device.manufacturer),
        Field("Model", lambda row: row.device.model, 28),
        Field("Serial", lambda row: row.device.serial),
        Field("Asset", lambda row: row.device.asset, 14),
        Field("Meter", lambda row: row.meter[0], 18),
        Field("Unit", lambda row: row.meter[1], 14),
        Field("From (UTC)", lambda row: row.volume.start.at, 18, INSTANT),
        Field("From value", lambda row: row.volume.start.value, 14, NUMBER),
        Field("From quality", lambda row: row.volume.start.quality, 14),
        Field("To (UTC)", lambda row: row.volume.end.at, 18, INSTANT),
        Field("To value", lambda row: row.volume.end.value, 14, NUMBER),
        Field("To quality", lambda row: row.volume.end.quality, 14),
        Field("Pages", lambda row: row.volume.pages, 12, NUMBER),
        Field("Note", volume_note, 60),
    ),
    _volumes,
)


def add(pages: APIRouter, door: Door) -> None:
    exports.add(pages, door, "/billing", EXPORT, "billing")

    @pages.get("/billing")
    def billing(request: Request, visitor: Annotated[Visitor, Depends(door.allowed("billing"))]) -> Response:
        now, query = door.now(visitor), request.query_params
        number = address_line.number(query.get("page"), 1_000_000) or 1
        since, until = between(query, now)
        with door.database.reading(visitor.scope) as session:
            rows = list(_volumes(session, visitor, query, now, number))
        devices = [(device, list(some)) for device, some in groupby(rows, lambda row: row.device)]
        first, last = since.date(), (until - _DAY).date()
        return page(
            "billing.html",
            visitor=visitor,
            now=now,
            devices=devices[:PAGE],
            has_next=len(devices) > PAGE,
            number=number,
            first=first,
            last=last,
            line=f"from={first}&to={last}",
            title=title,
            note=volume_note,
        )
