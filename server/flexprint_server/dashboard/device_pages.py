"""The list of devices, and the page of one."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports, words
from flexprint_server.dashboard.chart import Calendar, calendar, chart
from flexprint_server.dashboard.device_care import care_of
from flexprint_server.dashboard.door import Door, RowId
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.pages import in_order, page
from flexprint_server.fleet import days_left, device_queries, evidence
from flexprint_server.fleet import queries as fleet
from flexprint_server.fleet.device_queries import Lately
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.queries import ListedDevice
from flexprint_server.fleet.rules import rules_of
from flexprint_server.fleet.summary import scarcest
from flexprint_server.reports.workbook.devices import TONES
from flexprint_server.tenants.keys import open_keyring
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.meters import title
from flexprint_shared.times import on_clock

METERS: Final = ("total", "total.mono", "total.color", "print", "copy", "scan", "fax")
"""Those that have a column in the file of all devices."""

RANGES: Final[Mapping[str, tuple[str, timedelta]]] = {
    "30": ("30 days", timedelta(days=30)),
    "90": ("90 days", timedelta(days=90)),
    "365": ("a year", timedelta(days=365)),
    "all": ("all", timedelta(days=36500)),
}
"""How far back a device's drawing goes, by what the address says."""

LATELY: Final = timedelta(days=91)
"""How far back the calendar of reads goes, and what tells how long a supply lasts."""


def _meter(name: str) -> Callable[[ListedDevice], int | None]:
    return lambda device: device.meters[name][0] if name in device.meters else None


def _scarcest(device: ListedDevice) -> str | None:
    supply = scarcest(device.supplies)
    return f"{words.said(supply['name'], 100)}: {words.level(supply)}" if supply else None


def _marks(device: ListedDevice) -> list[str]:
    """As on the page: the first one gives its row of a workbook the colour."""
    return [word for word, holds in (("stale", device.is_stale), ("new", device.is_new)) if holds]


EXPORT: Final[Export[ListedDevice]] = Export(
    "Devices",
    (
        Field("Customer", lambda device: device.customer, 28),
        Field("Site", lambda device: device.site, 24),
        Field("Manufacturer", lambda device: device.manufacturer, 18),
        Field("Model", lambda device: device.model, 28),
        Field("Serial", lambda device: device.serial),
        Field("Asset", lambda device: device.asset, 16),
        Field("Name", lambda device: device.name),
        Field("Location", lambda device: device.location, 24),
        Field("IP address", lambda device: device.address, 16),
        Field("Firmware", lambda device: device.firmware, 16),
        *(Field(title(name), _meter(name), 12, NUMBER) for name in METERS),
        Field("Lowest supply", _scarcest, 32),
        Field("Marked", lambda device: ", ".join(_marks(device)) or None, 12),
        Field("Status", lambda device: words.status(device.state, device.errors), 28),
        Field("Last read (UTC)", lambda device: device.last_read_at, 18, INSTANT),
        Field("First seen (UTC)", lambda device: device.first_seen_at, 18, INSTANT),
        Field("Device", lambda device: device.id, 10, NUMBER),
    ),
    lambda session, visitor, query, now: fleet.every_device(
        visitor.dealer_id, session, address_line.wanted(query), now
    ),
    lambda device: next(iter(_marks(device)), "plain"),
    TONES,
)


def add(pages: APIRouter, door: Door, secret_key: str) -> None:
    exports.add(pages, door, "/devices", EXPORT)

    @pages.get("/devices")
    def devices_page(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        wanted, now = address_line.wanted(request.query_params), door.now(visitor)
        with door.database.reading(visitor.scope) as session:
            choices = fleet.choices(visitor.dealer_id, session, wanted, of_customer=visitor.customer_id is not None)
            return page(
                "devices.html",
                visitor=visitor,
                now=now,
                wanted=wanted,
                found=fleet.devices(visitor.dealer_id, session, wanted, now),
                choices=choices,
                makers=[(name, name) for name in choices.makers],
                here=address_line.fleet(wanted),
                page_size=fleet.PAGE,
                scarcest=scarcest,
            )

    @pages.get("/devices/{device_id}")
    def device_page(request: Request, device_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        now, query = door.now(visitor), request.query_params
        before, reach = address_line.before(query), query.get("range", "")
        reach = reach if reach in RANGES else "90"
        with door.database.reading(visitor.scope) as session:
            device = device_queries.device(visitor.dealer_id, session, device_id)
            if device is None:
                raise HTTPException(404)
            reads = device_queries.reads(visitor.dealer_id, session, device_id, before)
            lately = device_queries.lately(visitor.dealer_id, session, device_id, now - LATELY, now)
            meter = query.get("meter", "")
            meter = meter if meter in device.meters else "total"
            since = now - RANGES[reach][1]
            history = device_queries.meter_history(visitor.dealer_id, session, device_id, meter, since, now)
            return page(
                "device.html",
                visitor=visitor,
                now=now,
                device=device,
                agent=device_queries.agent_of(visitor.dealer_id, session, device),
                newest=device_queries.newest_read(visitor.dealer_id, session, device),
                reads=reads[: device_queries.READS_PAGE],
                columns=in_order({name for read in reads for name in read.values()}),
                next_page=_next_reads(device_id, reads),
                is_first=before is None,
                chart=chart([(read_at.astimezone(now.tzinfo), value) for read_at, value in history]),
                meter=meter,
                reach=reach,
                ranges=RANGES,
                calendar=_calendar(lately, device, now),
                left=days_left.of_supplies(_levels(lately, device), device.supplies),
                parts=device.layout.content.get("parts") or [None] * len(device.supplies),
                rules=rules_of(session, visitor.dealer_id).among([(device.site_id, device.agent_id)]),
                care=care_of(session, visitor, device, now),
            )

    _evidence_page(pages, door, secret_key)


def _evidence_page(pages: APIRouter, door: Door, secret_key: str) -> None:
    @pages.get("/devices/{device_id}/reads/{read_id}")
    def read_page(
        request: Request, device_id: RowId, read_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]
    ) -> Response:
        now = door.clock()
        keyring = open_keyring(door.database, secret_key, now)
        with door.database.reading(visitor.scope) as session:
            device = device_queries.device(visitor.dealer_id, session, device_id)
            proof = evidence.proof(visitor.dealer_id, session, keyring, device_id, read_id)
            if device is None or proof is None:
                raise HTTPException(404)
            return page("read.html", visitor=visitor, now=now, device=device, proof=proof)


def _calendar(lately: Sequence[Lately], device: Device, now: datetime) -> Calendar:
    """By the days of the clock that `now` goes by."""
    zone = now.tzinfo
    reads = Counter(on_clock(read.read_at, zone).date() for read in lately)
    return calendar(reads, on_clock(device.first_seen_at, zone).date(), now.date())


def _levels(lately: Sequence[Lately], device: Device) -> list[tuple[datetime, Sequence[int | None]]]:
    """What was read while the device had the supplies that it has now."""
    return [(read.read_at, read.percents) for read in lately if read.layout_id == device.layout_id]


def _next_reads(device_id: int, reads: list[device_queries.StoredRead]) -> str | None:
    if len(reads) <= device_queries.READS_PAGE:
        return None
    last = reads[device_queries.READS_PAGE - 1]
    return f"/devices/{device_id}?before={quote(address_line.position(last.read_at, last.id))}#reads"
