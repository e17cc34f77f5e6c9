"""Alerts, and the devices that will have no read at the next cut-off."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.alerts import queries
from flexprint_server.alerts.missing import PAGE as MISSING_PAGE
from flexprint_server.alerts.missing import STEPS, Missed, Reason, every_missed, missing, next_cutoff
from flexprint_server.alerts.rules import KINDS, RULES, Kind
from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.fleet.rules import rules_of
from flexprint_server.fleet.zones import clocks
from flexprint_server.tenants.sign_in import Visitor

_MOST_PAGES: Final = 100_000


ALERTS: Final[Export[queries.Shown]] = Export(
    "Alerts",
    (
        Field("Alert", lambda one: RULES[one.alert.kind].one),
        Field("About", lambda one: one.title, 40),
        Field("Where", lambda one: one.place, 36),
        Field("What", lambda one: one.what, 50),
        Field("What to do", lambda one: one.do, 50),
        Field("Since (UTC)", lambda one: one.alert.opened_at, 18, INSTANT),
        Field("Over (UTC)", lambda one: one.alert.closed_at, 18, INSTANT),
        Field("Taken care of by", lambda one: one.alert.acknowledged_by, 28),
        Field("Note", lambda one: one.alert.note, 40),
    ),
    lambda session, visitor, query, _now: queries.every(
        visitor.dealer_id, session, visitor.time_zone, kind=_kind(query), over=query.get("show") == "over"
    ),
)
MISSING: Final[Export[Missed]] = Export(
    "Missing reads",
    (
        Field("Customer", lambda one: one.device.site.customer.name, 28),
        Field("Site", lambda one: one.device.site.name, 24),
        Field("Manufacturer", lambda one: one.device.manufacturer),
        Field("Model", lambda one: one.device.model, 32),
        Field("Serial", lambda one: one.device.serial),
        Field("Asset", lambda one: one.device.typed_asset or one.device.asset),
        Field("Address", lambda one: one.device.address, 18),
        Field("Last read (UTC)", lambda one: one.device.last_read_at, 18, INSTANT),
        Field("Reason", lambda one: one.step.title),
        Field("Why", lambda one: one.step.why, 44),
        Field("What to do", lambda one: one.step.do, 60),
        Field("Contact", lambda one: one.device.contact, 28),
    ),
    lambda session, visitor, query, now: every_missed(visitor.dealer_id, session, now, _reason(query)),
)


def _kind(query: Mapping[str, str]) -> Kind | None:
    return next((kind for kind in KINDS if kind == query.get("kind")), None)


def _reason(query: Mapping[str, str]) -> Reason | None:
    return next((reason for reason in STEPS if reason == query.get("reason")), None)


def add(pages: APIRouter, door: Door) -> None:
    anybody = Annotated[Visitor, Depends(door.visitor)]
    exports.add(pages, door, "/alerts", ALERTS)
    exports.add(pages, door, "/missing", MISSING)

    @pages.get("/alerts")
    def alerts_page(request: Request, visitor: anybody) -> Response:
        query = request.query_params
        kind = _kind(query)
        over = query.get("show") == "over"
        before = address_line.number(query.get("before"))
        with door.database.reading(visitor.scope) as session:
            zone = visitor.time_zone
            found = queries.page(visitor.dealer_id, session, zone, kind=kind, over=over, before=before)
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
        now = door.now(visitor)
        reason = _reason(request.query_params)
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
                rules=rules_of(session, visitor.dealer_id),
                clocks_differ=clocks(session).differ,
            )
