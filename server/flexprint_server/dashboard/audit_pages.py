"""Who did what, and when."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports, words
from flexprint_server.dashboard.door import Door
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import AuditEntry
from flexprint_server.tenants.sign_in import Visitor


def _changes(entry: AuditEntry) -> str:
    changes = words.changes(entry)
    return "; ".join(f"{name}: {was or 'nothing'} → {became or 'nothing'}" for name, was, became in changes)


EXPORT: Final[Export[AuditEntry]] = Export(
    "Audit",
    (
        Field("When (UTC)", lambda entry: entry.at, 18, INSTANT),
        Field("Who", lambda entry: entry.who, 32),
        Field("What", lambda entry: words.deed(entry.what), 32),
        Field("To what", lambda entry: entry.target, 32),
        Field("Before and after", _changes, 60),
    ),
    lambda session, visitor, _query, _now: audit.every_entry(visitor.dealer_id, session),
)


def add(pages: APIRouter, door: Door) -> None:
    exports.add(pages, door, "/audit", EXPORT, "people")

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
