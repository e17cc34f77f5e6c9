"""Who did what, and when."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line
from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor


def add(pages: APIRouter, door: Door) -> None:
    @pages.get("/audit")
    def audit_page(request: Request, visitor: Annotated[Visitor, Depends(door.allowed("people"))]) -> Response:
        before = address_line.number(request.query_params.get("before"))
        with door.database.reading(visitor.scope) as session:
            found = audit.entries(visitor.dealer_id, session, before)
        return page(
            "audit.html",
            visitor=visitor,
            now=door.clock(),
            entries=found[: audit.PAGE],
            next_page=f"/audit?before={found[audit.PAGE - 1].id}" if len(found) > audit.PAGE else None,
            is_first=before is None,
        )
