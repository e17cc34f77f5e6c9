"""Workbooks that were asked for: what became of them, and the files themselves."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports, words
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.downloads import XLSX, in_parts
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.reports import parts
from flexprint_server.reports import queries as reports
from flexprint_server.reports.again import Busy, resend
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor

EXPORT: Final[Export[tuple[Report, Delivery | None]]] = Export(
    "Reports",
    (
        Field("Customer", lambda row: row[0].site.customer.name if row[0].site else None, 28),
        Field("Site", lambda row: row[0].site.name if row[0].site else None, 24),
        Field("Requested (UTC)", lambda row: row[0].requested_at, 18, INSTANT),
        Field("State", lambda row: words.report(row[0].state)[0]),
        Field("Devices", lambda row: row[0].devices, 10, NUMBER),
        Field("File", lambda row: row[0].file_name, 36),
        Field("Recipient", lambda row: row[1].recipient if row[1] else None, 36),
        Field("Delivery", lambda row: words.delivery(row[1].state)[0] if row[1] else None),
        Field("Answer", lambda row: row[1].answer if row[1] else row[0].error, 50),
        Field("Report", lambda row: row[0].title, 36),
    ),
    lambda session, visitor, _query, _now: reports.every_delivery(visitor.dealer_id, session),
)


def add(pages: APIRouter, door: Door, mail_domain: str, *, mails_are_kept: bool) -> None:
    exports.add(pages, door, "/reports", EXPORT)

    @pages.get("/reports")
    def reports_page(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        before = address_line.number(request.query_params.get("before"))
        with door.database.reading(visitor.scope) as session:
            found = reports.reports(visitor.dealer_id, session, before)
        return page(
            "reports.html",
            visitor=visitor,
            now=door.clock(),
            reports=found[: reports.PAGE],
            next_page=f"/reports?before={found[reports.PAGE - 1].id}" if len(found) > reports.PAGE else None,
            is_first=before is None,
            mails_are_kept=mails_are_kept,
        )

    @pages.get("/reports/{report_id}.xlsx")
    def workbook(report_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        with door.database.reading(visitor.scope) as session:
            found = parts.find(visitor.dealer_id, session, report_id)
        if found is None:
            raise HTTPException(404)
        every = parts.every_part(door.database, visitor.scope, found)
        return in_parts(every, found.size, found.name, XLSX)

    # After the workbook's route, whose path begins the same.
    _one(pages, door, mail_domain, mails_are_kept=mails_are_kept)


def _one(pages: APIRouter, door: Door, mail_domain: str, *, mails_are_kept: bool) -> None:
    """One report, what became of it for each recipient, and sending it again."""

    def shown(visitor: Visitor, report_id: int, *, status: int = 200, problem: str = "") -> Response:
        with door.database.reading(visitor.scope) as session:
            report = reports.report(visitor.dealer_id, session, report_id)
        if report is None:
            raise HTTPException(404)
        return page(
            "report.html",
            status=status,
            visitor=visitor,
            now=door.clock(),
            report=report,
            problem=problem,
            mails_are_kept=mails_are_kept,
        )

    @pages.get("/reports/{report_id}")
    def one(report_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        return shown(visitor, report_id)

    @pages.post("/reports/{report_id}/resend")
    def resend_it(
        request: Request, report_id: RowId, form: Form, visitor: Annotated[Visitor, Depends(door.allowed("reports"))]
    ) -> Response:
        door.check_form(request, form, visitor)
        now, delivery = door.clock(), address_line.number(form.get("delivery"))
        try:
            with door.database.transaction(visitor.scope) as session:
                report = reports.report(visitor.dealer_id, session, report_id)
                if report is None:
                    raise HTTPException(404)
                to = resend(session, report, now, mail_domain, delivery)
                audit.note(session, visitor, "report.resent", f"report {report_id}", now, after={"to": ", ".join(to)})
        except Busy as error:
            return shown(visitor, report_id, status=409, problem=f"Not sent again: {error}.")
        return redirect(f"/reports/{report_id}")
