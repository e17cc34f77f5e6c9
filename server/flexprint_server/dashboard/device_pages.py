"""The list of devices, and the page of one."""

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line
from flexprint_server.dashboard.chart import chart
from flexprint_server.dashboard.device_care import care_of
from flexprint_server.dashboard.door import Door, RowId
from flexprint_server.dashboard.pages import in_order, page
from flexprint_server.fleet import queries as fleet
from flexprint_server.fleet.summary import is_stale, scarcest
from flexprint_server.tenants.sign_in import Visitor

HISTORY: Final = timedelta(days=90)
"""How far back a device's drawing goes."""


def add(pages: APIRouter, door: Door) -> None:
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
                choices=fleet.choices(visitor.dealer_id, session, wanted),
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
