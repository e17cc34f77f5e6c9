"""The list of devices, and the page of one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports, words
from flexprint_server.dashboard.chart import chart
from flexprint_server.dashboard.device_care import care_of
from flexprint_server.dashboard.door import Door, RowId
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.pages import in_order, page
from flexprint_server.fleet import queries as fleet
from flexprint_server.fleet.queries import ListedDevice
from flexprint_server.fleet.summary import is_stale, scarcest
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.meters import title

METERS: Final = ("total", "total.mono", "total.color", "print", "copy", "scan", "fax")
"""Those that have a column in the file of all devices."""

HISTORY: Final = timedelta(days=90)
"""How far back a device's drawing goes."""


def _meter(name: str) -> Callable[[ListedDevice], int | None]:
    return lambda device: device.meters[name][0] if name in device.meters else None


def _scarcest(device: ListedDevice) -> str | None:
    supply = scarcest(device.supplies)
    return f"{words.said(supply['name'], 100)}: {words.level(supply)}" if supply else None


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
        Field("Status", lambda device: words.status(device.state, device.errors), 28),
        Field("Last read (UTC)", lambda device: device.last_read_at, 18, INSTANT),
        Field("First seen (UTC)", lambda device: device.first_seen_at, 18, INSTANT),
        Field("Device", lambda device: device.id, 10, NUMBER),
    ),
    lambda session, visitor, query, now: fleet.every_device(
        visitor.dealer_id, session, address_line.wanted(query), now
    ),
)


def add(pages: APIRouter, door: Door) -> None:
    exports.add(pages, door, "/devices", EXPORT)

    @pages.get("/devices")
    def devices_page(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        wanted, now = address_line.wanted(request.query_params), door.clock()
        with door.database.reading(visitor.scope) as session:
            return page(
                "devices.html",
                visitor=visitor,
                now=now,
                wanted=wanted,
                found=fleet.devices(visitor.dealer_id, session, wanted, now),
                choices=fleet.choices(visitor.dealer_id, session, wanted, of_customer=visitor.customer_id is not None),
                line=address_line.fleet_query(replace(wanted, page=1)),
                page_size=fleet.PAGE,
                scarcest=scarcest,
                is_stale=is_stale,
            )

    @pages.get("/devices/{device_id}")
    def device_page(request: Request, device_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        now, before = door.clock(), address_line.before(request.query_params)
        with door.database.reading(visitor.scope) as session:
            device = fleet.device(visitor.dealer_id, session, device_id)
            if device is None:
                raise HTTPException(404)
            reads = fleet.reads(visitor.dealer_id, session, device_id, before)
            history = fleet.history(visitor.dealer_id, session, device_id, now - HISTORY, now)
            return page(
                "device.html",
                visitor=visitor,
                now=now,
                device=device,
                agent=fleet.agent_of(visitor.dealer_id, session, device),
                newest=fleet.newest_read(visitor.dealer_id, session, device),
                reads=reads[: fleet.READS_PAGE],
                columns=in_order({name for read in reads for name in read.values()}),
                next_page=_next_reads(device_id, reads),
                is_first=before is None,
                chart=chart(history),
                is_new=device.id in fleet.new(visitor.dealer_id, session, [device.id], now),
                is_stale=is_stale(device.last_read_at, now),
                care=care_of(session, visitor, device, now),
            )


def _next_reads(device_id: int, reads: list[fleet.StoredRead]) -> str | None:
    if len(reads) <= fleet.READS_PAGE:
        return None
    last = reads[fleet.READS_PAGE - 1]
    return f"/devices/{device_id}?before={quote(address_line.position(last.read_at, last.id))}#reads"
