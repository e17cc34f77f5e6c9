"""The first page after signing in: how the fleet is, and what wants attention."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.pages import page
from flexprint_server.fleet import queries as fleet
from flexprint_server.fleet.queries import Wanted
from flexprint_server.reports import queries as reports
from flexprint_server.tenants import agents
from flexprint_server.tenants.sign_in import Visitor

LISTED: Final = 6
"""Rows of each short list."""


def add(pages: APIRouter, door: Door) -> None:
    @pages.get("/")
    def overview(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        now = door.clock()
        with door.database.reading(visitor.scope) as session:
            new = fleet.devices(visitor.dealer_id, session, Wanted(show="new", sort="read", descending=True), now)
            return page(
                "overview.html",
                visitor=visitor,
                now=now,
                totals=new.totals,
                new_devices=new.devices[:LISTED],
                silent=[one for one in agents.agents(visitor.dealer_id, session) if one.is_silent(now)][:LISTED],
                reports=reports.reports(visitor.dealer_id, session)[:LISTED],
            )
