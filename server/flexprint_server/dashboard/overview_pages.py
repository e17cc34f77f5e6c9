"""The first page after signing in: how the fleet is, and what wants attention."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from flexprint_server.dashboard.chart import bars
from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.pages import page
from flexprint_server.fleet import overview as figures
from flexprint_server.fleet import queries as fleet
from flexprint_server.fleet.rules import rules_of
from flexprint_server.reports import queries as reports
from flexprint_server.tenants import agents
from flexprint_server.tenants.sign_in import Visitor

LISTED: Final = 6
"""Rows of each short list."""


def add(pages: APIRouter, door: Door) -> None:
    @pages.get("/")
    def overview(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        dealer_id, now = visitor.dealer_id, door.now(visitor)
        with door.database.reading(visitor.scope) as session:
            rules = rules_of(session, dealer_id)
            counted = figures.pages(dealer_id, session, now)
            silent, silent_count = agents.silent(dealer_id, session, LISTED)
            return page(
                "overview.html",
                visitor=visitor,
                now=now,
                rules=rules,
                totals=fleet.totals(dealer_id, session, rules, now),
                pages=counted,
                chart=bars(counted.days),
                new_devices=figures.newest(dealer_id, session, rules, now, LISTED),
                silent=silent,
                silent_count=silent_count,
                reports=reports.newest(dealer_id, session, LISTED),
                listed=LISTED,
            )
