"""Where a recipient without an account downloads a workbook that was too large for the mail; and ending such a link."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard.door import Door, Form, RowId, client_address, redirect, too_many
from flexprint_server.dashboard.downloads import XLSX, in_parts
from flexprint_server.dashboard.pages import BY_LINK, error_page, page
from flexprint_server.database import Scope
from flexprint_server.reports import links, parts
from flexprint_server.reports.links import LinkGone
from flexprint_server.reports.mail import TooLarge
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.sign_in import Visitor

_GONE: Final = (
    "This link opens nothing any more",
    f"It was ended or replaced, or is older than {links.HOLDS_FOR.days} days. Ask for the report to be sent again.",
)
_WAIT: Final = "Not just now"


def add(pages: APIRouter, door: Door) -> None:
    _by_link(pages, door)

    @pages.post("/reports/{report_id}/links/{delivery_id}/end")
    def end(
        request: Request,
        report_id: RowId,
        delivery_id: RowId,
        form: Form,
        visitor: Annotated[Visitor, Depends(door.allowed("reports"))],
    ) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            if not links.end(session, visitor, report_id, delivery_id, door.clock()):
                raise HTTPException(404)
        return redirect(f"/reports/{report_id}")


def _by_link(pages: APIRouter, door: Door) -> None:
    """No sign-in and no form token: whoever has the link may. Only looking, which mail servers do too, downloads
    nothing and writes nothing down."""

    @pages.get("/workbooks/{token}")
    def look(token: str) -> Response:
        linked = links.find(door.database, token, door.clock())
        if linked is None:
            return error_page(404, said=_GONE)
        return page(
            "link.html", visitor=None, linked=linked, size=TooLarge(linked.workbook.size).words, headers=BY_LINK
        )

    @pages.post("/workbooks/{token}")
    def download(request: Request, token: str) -> Response:
        try:
            linked = links.take(door.database, token, client_address(request), door.clock())
        except LinkGone:
            return error_page(404, said=_GONE)
        except TooManyAttempts as refused:
            words, headers = too_many(refused)
            return error_page(429, headers, said=(_WAIT, words))
        every = parts.every_part(door.database, Scope(linked.dealer_id), linked.workbook)
        answer = in_parts(every, linked.workbook.size, linked.workbook.name, XLSX)
        answer.headers.update(BY_LINK)
        return answer
