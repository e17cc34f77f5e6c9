"""Alerts, and the devices that will have no read at the next cut-off."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.alerts import queries
from flexprint_server.alerts.missing import PAGE as MISSING_PAGE
from flexprint_server.alerts.missing import STEPS, missing, next_cutoff
from flexprint_server.alerts.rules import KINDS, RULES
from flexprint_server.dashboard import address_line
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants.sign_in import Visitor

_MOST_PAGES: Final = 100_000


def add(pages: APIRouter, door: Door) -> None:
    anybody = Annotated[Visitor, Depends(door.visitor)]

    @pages.get("/alerts")
    def alerts_page(request: Request, visitor: anybody) -> Response:
        query = request.query_params
        kind = next((kind for kind in KINDS if kind == query.get("kind")), None)
        over = query.get("show") == "over"
        before = address_line.number(query.get("before"))
        with door.database.reading(visitor.scope) as session:
            found = queries.page(visitor.dealer_id, session, kind=kind, over=over, before=before)
            counts = queries.counts(visitor.dealer_id, session)
        return page(
            "alerts.html",
            visitor=visitor,
            now=door.clock(),
            rules=RULES,
            counts=counts,
            kind=kind,
            over=over,
            alerts=found[: queries.PAGE],
            is_first=before is None,
            after=found[queries.PAGE - 1].alert.id if len(found) > queries.PAGE else None,
        )

    @pages.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(
        request: Request, alert_id: RowId, form: Form, visitor: Annotated[Visitor, Depends(door.allowed("label"))]
    ) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            if not queries.acknowledge(session, visitor, alert_id, form.get("note", ""), door.clock()):
                raise HTTPException(404)
        kind = form.get("kind", "")
        return redirect(f"/alerts?kind={kind}" if kind in RULES else "/alerts")

    @pages.get("/missing")
    def missing_page(request: Request, visitor: anybody) -> Response:
        now = door.clock()
        reason = next((reason for reason in STEPS if reason == request.query_params.get("reason")), None)
        number = address_line.number(request.query_params.get("page"), _MOST_PAGES) or 1
        with door.database.reading(visitor.scope) as session:
            found = missing(visitor.dealer_id, session, now, reason=reason, number=number)
            return page(
                "missing.html",
                visitor=visitor,
                now=now,
                steps=STEPS,
                found=found,
                reason=reason,
                page_size=MISSING_PAGE,
                cutoff=next_cutoff(now),
            )
