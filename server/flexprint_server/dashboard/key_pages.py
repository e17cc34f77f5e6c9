"""Keys of programs: made, listed and withdrawn."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import api_keys
from flexprint_server.tenants.models import ApiKey
from flexprint_server.tenants.service import TenantsError
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

EXPORT: Final[Export[ApiKey]] = Export(
    "API keys",
    (
        Field("Name", lambda one: one.name, 28),
        Field("May", lambda one: ", ".join(one.scopes), 32),
        Field("Made by", lambda one: one.made_by, 28),
        Field("Made (UTC)", lambda one: one.created_at, 18, INSTANT),
        Field("Ends (UTC)", lambda one: one.expires_at, 18, INSTANT),
        Field("Last used (UTC)", lambda one: one.last_used_at, 18, INSTANT),
    ),
    lambda session, visitor, _query, now: api_keys.keys(visitor.dealer_id, session, now),
)


def add(pages: APIRouter, door: Door, public_url: str) -> None:
    """`public_url` is where programs reach the collector."""
    owner = Annotated[Visitor, Depends(door.allowed("people"))]
    exports.add(pages, door, "/keys", EXPORT, "people")

    def keys_page(visitor: Visitor, *, status: int = 200, **more: Any) -> Response:
        now = door.clock()
        with door.database.reading(visitor.scope) as session:
            found = api_keys.keys(visitor.dealer_id, session, now)
            left_behind = api_keys.left_behind(session, found)
        values = {"problem": "", "name": "", "key": "", "chosen": (), "days": api_keys.USUAL.days, **more}
        return page(
            "keys.html",
            status=status,
            visitor=visitor,
            now=now,
            keys=found,
            left_behind=left_behind,
            scopes=api_keys.SCOPES,
            longest=api_keys.LONGEST.days,
            public_url=public_url,
            **values,
        )

    @pages.get("/keys")
    def all_keys(visitor: owner) -> Response:
        return keys_page(visitor)

    @pages.post("/keys")
    def new_key(request: Request, form: Form, visitor: owner) -> Response:
        """The key is on this answer and nowhere else."""
        door.check_form(request, form, visitor)
        name = clean(form.get("name", ""), 200)
        chosen = [scope for scope in api_keys.SCOPES if form.get(f"scope-{scope}")]
        days = address_line.number(form.get("days"), 100_000) or 0
        try:
            with door.database.transaction(visitor.scope) as session:
                key = api_keys.make(session, visitor, name, chosen, timedelta(days=days), door.clock())
        except TenantsError as error:
            return keys_page(visitor, status=422, problem=str(error), name=name, chosen=chosen, days=days or "")
        return keys_page(visitor, key=key)

    @pages.post("/keys/{key_id}/withdraw")
    def withdraw(request: Request, key_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            if not api_keys.withdraw(session, visitor, key_id, door.clock()):
                raise HTTPException(404)
        return redirect("/keys")
