"""Agents, and the keys that let new ones in."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.install_lines import install_lines
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import agents, audit
from flexprint_server.tenants.agents import Placed
from flexprint_server.tenants.service import VALID_FOR, TenantsError, install_key
from flexprint_server.tenants.sign_in import Visitor

_MOST_PAGES: Final = 10_000

EXPORT: Final[Export[Placed]] = Export(
    "Agents",
    (
        Field("Customer", lambda one: one.customer, 28),
        Field("Site", lambda one: one.site, 24),
        Field("Computer", lambda one: one.host),
        Field("Platform", lambda one: one.platform, 24),
        Field("Version", lambda one: one.version, 12),
        Field("Enrolled (UTC)", lambda one: one.enrolled_at, 18, INSTANT),
        Field("Last heard of (UTC)", lambda one: one.last_seen_at, 18, INSTANT),
        Field("Next wake (UTC)", lambda one: one.next_wake_at, 18, INSTANT),
        Field("Retired", lambda one: "yes" if one.is_retired else None, 10),
        Field("Silent since (UTC)", lambda one: one.silent_since, 18, INSTANT),
        Field("Agent", lambda one: str(one.id), 38),
    ),
    lambda session, visitor, query, _now: agents.every_agent(
        visitor.dealer_id, session, address_line.wanted_agents(query)
    ),
)


def add(pages: APIRouter, door: Door, public_url: str) -> None:
    """`public_url` is where agents reach the collector: it stands in the command that enrols one."""
    anybody = Annotated[Visitor, Depends(door.visitor)]
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]

    def agents_page(visitor: Visitor, query: Mapping[str, str], **more: Any) -> Response:
        now, wanted = door.clock(), address_line.wanted_agents(query)
        number = address_line.number(query.get("page"), _MOST_PAGES) or 1
        with door.database.reading(visitor.scope) as session:
            found = agents.agents(visitor.dealer_id, session, (number - 1) * agents.PAGE, wanted=wanted)
            keys = agents.open_keys(visitor.dealer_id, session, now) if visitor.may("agents") else []
            customers, sites = agents.places(visitor.dealer_id, session)
        values = {"key": None, "problem": "", "customer": "", "site": "", **more}
        return page(
            "agents.html",
            visitor=visitor,
            now=now,
            agents=found[: agents.PAGE],
            wanted=wanted,
            here=address_line.agents(wanted),
            number=number,
            has_next=len(found) > agents.PAGE,
            keys=keys,
            customers=customers,
            sites=sites,
            lines=install_lines(public_url, values["key"]) if values["key"] else (),
            valid_for=VALID_FOR,
            **values,
        )

    exports.add(pages, door, "/agents", EXPORT)

    @pages.get("/agents")
    def all_agents(request: Request, visitor: anybody) -> Response:
        return agents_page(visitor, request.query_params)

    @pages.post("/agents/keys")
    def new_key(request: Request, form: Form, visitor: installer) -> Response:
        """The key is on this answer and nowhere else."""
        door.check_form(request, form, visitor)
        customer, site, now = form.get("customer", ""), form.get("site", ""), door.clock()
        try:
            with door.database.transaction(visitor.scope) as session:
                key = install_key(session, visitor.dealer, customer, site, now)
                audit.note(session, visitor, "install_key.made", f"{customer}, {site}"[:200], now)
        except TenantsError as error:
            return agents_page(visitor, {}, problem=str(error), customer=customer, site=site, status=422)
        return agents_page(visitor, {}, key=key, customer=customer, site=site)

    @pages.post("/agents/keys/{key_id}/withdraw")
    def withdraw(request: Request, key_id: RowId, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        now = door.clock()
        with door.database.transaction(visitor.scope) as session:
            key = agents.withdraw_key(visitor.dealer_id, session, key_id, now)
            if key is None:
                raise HTTPException(404)
            audit.note(session, visitor, "install_key.withdrawn", f"{key.customer}, {key.site}"[:200], now)
        return redirect("/agents")
