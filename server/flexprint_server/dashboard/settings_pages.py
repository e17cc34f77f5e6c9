"""What is settled for a dealer, a customer, a site or an agent: one form for all four."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import settings
from flexprint_server.tenants.settings import Place, UnfitSettings
from flexprint_server.tenants.sign_in import Visitor

_Find = Callable[[Session], Place | None]

_SECTIONS: Final = (("What agents do", True), ("What the collector does", False))


def address(place: Place) -> str:
    """Where the settings of a place are looked at and changed."""
    return "/settings" if place.level == "dealer" else f"/{place.level}s/{place.id}/settings"


def add(pages: APIRouter, door: Door) -> None:
    owner = Annotated[Visitor, Depends(door.allowed("people"))]
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]

    @pages.get("/settings")
    def of_dealer(visitor: owner) -> Response:
        return _shown(door, visitor, lambda session: settings.dealer_place(visitor.dealer_id, session))

    @pages.post("/settings")
    def change_dealer(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        return _changed(door, visitor, form, lambda session: settings.dealer_place(visitor.dealer_id, session))

    @pages.get("/customers/{customer_id}/settings")
    def of_customer(customer_id: RowId, visitor: installer) -> Response:
        return _shown(door, visitor, lambda session: settings.customer_place(visitor.dealer_id, session, customer_id))

    @pages.post("/customers/{customer_id}/settings")
    def change_customer(request: Request, customer_id: RowId, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        return _changed(
            door, visitor, form, lambda session: settings.customer_place(visitor.dealer_id, session, customer_id)
        )

    @pages.get("/sites/{site_id}/settings")
    def of_site(site_id: RowId, visitor: installer) -> Response:
        return _shown(door, visitor, lambda session: settings.site_place(visitor.dealer_id, session, site_id))

    @pages.post("/sites/{site_id}/settings")
    def change_site(request: Request, site_id: RowId, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        return _changed(door, visitor, form, lambda session: settings.site_place(visitor.dealer_id, session, site_id))

    @pages.get("/agents/{agent_id}/settings")
    def of_agent(agent_id: UUID, visitor: installer) -> Response:
        return _shown(door, visitor, lambda session: settings.agent_place(visitor.dealer_id, session, agent_id))

    @pages.post("/agents/{agent_id}/settings")
    def change_agent(request: Request, agent_id: UUID, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        return _changed(door, visitor, form, lambda session: settings.agent_place(visitor.dealer_id, session, agent_id))


def _shown(
    door: Door,
    visitor: Visitor,
    find: _Find,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """The form; with what was `typed` and the `problems` of it after it was refused."""
    with door.database.reading(visitor.scope) as session:
        place = find(session)
        if place is None:
            raise HTTPException(404)
        rows = settings.shown(session, place)
    return page(
        "settings.html",
        status=422 if problems else 200,
        visitor=visitor,
        place=place,
        address=address,
        sections=[(title, [row for row in rows if row.setting.for_agents == agents]) for title, agents in _SECTIONS],
        typed=typed or {},
        problems=problems or {},
    )


def _changed(door: Door, visitor: Visitor, form: Mapping[str, str], find: _Find) -> Response:
    """The button `reset` names one setting that is to inherit again; it saves nothing else."""
    typed = {form["reset"]: ""} if "reset" in form else form
    try:
        with door.database.transaction(visitor.scope) as session:
            place = find(session)
            if place is None:
                raise HTTPException(404)
            settings.change(session, visitor, place, typed, door.clock())
    except UnfitSettings as error:
        return _shown(door, visitor, find, typed, error.problems)
    return redirect(address(place))
