"""Customers and sites: lists in figures, and a page for each where it is renamed, moved, settled and removed."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.install_lines import install_lines
from flexprint_server.dashboard.pages import page
from flexprint_server.fleet import moving
from flexprint_server.fleet import places as fleet
from flexprint_server.mail.outbox import Outbox
from flexprint_server.tenants import agents, people, places
from flexprint_server.tenants.models import Customer, Site
from flexprint_server.tenants.roles import CUSTOMER
from flexprint_server.tenants.service import VALID_FOR, TenantsError
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

MOST_CHOICES: Final = 100
"""Sites of a customer that are offered to choose from for a user."""

_MOST_NAMES: Final = 2000
"""Customers that are offered while somebody types where a site goes."""


def _figures(figures: Callable[[Any], fleet.Figures]) -> tuple[Field[Any], ...]:
    return (
        Field("Agents", lambda one: figures(one).agents, 10, NUMBER),
        Field("Devices", lambda one: figures(one).printers, 10, NUMBER),
        Field("Newest read (UTC)", lambda one: figures(one).last_read_at, 18, INSTANT),
        Field("Agent heard of (UTC)", lambda one: figures(one).last_seen_at, 18, INSTANT),
    )


CUSTOMERS: Final[Export[fleet.PlaceRow]] = Export(
    "Customers",
    (
        Field("Customer", lambda one: one.name, 32),
        Field("Sites", lambda one: one.figures.sites, 10, NUMBER),
        *_figures(lambda one: one.figures),
    ),
    lambda session, visitor, query, _now: fleet.every_customer(
        visitor.dealer_id, session, address_line.wanted_places(query)
    ),
)
SITES: Final[Export[tuple[str, fleet.PlaceRow]]] = Export(
    "Sites",
    (
        Field("Customer", lambda one: one[0], 32),
        Field("Site", lambda one: one[1].name, 32),
        *_figures(lambda one: one[1].figures),
    ),
    lambda session, visitor, _query, _now: fleet.every_site(visitor.dealer_id, session),
)


def add(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    """`public_url` is where agents and people reach the collector."""
    exports.add(pages, door, "/customers", CUSTOMERS)
    exports.add(pages, door, "/sites", SITES)
    _customers(pages, door)
    _customer(pages, door)
    _customers_users(pages, door, outbox, public_url)
    _site(pages, door, public_url)


def _customers(pages: APIRouter, door: Door) -> None:
    def list_page(visitor: Visitor, query: Mapping[str, str], *, status: int = 200, **more: Any) -> Response:
        wanted = address_line.wanted_places(query)
        with door.database.reading(visitor.scope) as session:
            found = fleet.customers(visitor.dealer_id, session, wanted)
        values = {"problem": "", "name": "", **more}
        return page(
            "customers.html",
            status=status,
            visitor=visitor,
            now=door.clock(),
            wanted=wanted,
            found=found,
            page_size=fleet.PAGE,
            here=address_line.places("/customers", wanted),
            **values,
        )

    @pages.get("/customers")
    def customers(request: Request, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        return list_page(visitor, request.query_params)

    @pages.post("/customers")
    def add_customer(
        request: Request, form: Form, visitor: Annotated[Visitor, Depends(door.allowed("agents"))]
    ) -> Response:
        door.check_form(request, form, visitor)
        name = form.get("name", "")
        try:
            with door.database.transaction(visitor.scope) as session:
                made = places.add_customer(session, visitor, name, door.clock()).id
        except TenantsError as error:
            return list_page(visitor, {}, status=422, problem=str(error), name=clean(name, 200))
        return redirect(f"/customers/{made}")


def _customer(pages: APIRouter, door: Door) -> None:
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]

    @pages.get("/customers/{customer_id}")
    def customer(request: Request, customer_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        return customer_page(door, visitor, customer_id, request.query_params)

    def changed(
        request: Request,
        customer_id: int,
        form: dict[str, str],
        visitor: Visitor,
        deed: Callable[[Session, Customer], str],
    ) -> Response:
        """Does something to the customer and leads where `deed` says."""
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                found = places.customer(session, visitor, customer_id)
                if found is None:
                    raise HTTPException(404)
                target = deed(session, found)
        except TenantsError as error:
            return customer_page(door, visitor, customer_id, {}, status=422, problem=str(error))
        return redirect(target)

    @pages.post("/customers/{customer_id}/rename")
    def rename(request: Request, customer_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Customer) -> str:
            places.rename_customer(session, visitor, found, form.get("name", ""), door.clock())
            return f"/customers/{customer_id}"

        return changed(request, customer_id, form, visitor, deed)

    @pages.post("/customers/{customer_id}/remove")
    def remove(request: Request, customer_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Customer) -> str:
            places.remove_customer(session, visitor, found, door.clock())
            return "/customers"

        return changed(request, customer_id, form, visitor, deed)

    @pages.post("/customers/{customer_id}/sites")
    def add_site(request: Request, customer_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Customer) -> str:
            return f"/sites/{places.add_site(session, visitor, found, form.get('name', ''), door.clock()).id}"

        return changed(request, customer_id, form, visitor, deed)


def customer_page(
    door: Door,
    visitor: Visitor,
    customer_id: int,
    query: Mapping[str, str],
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    """Raises HTTPException 404."""
    wanted, now = address_line.wanted_places(query), door.clock()
    with door.database.reading(visitor.scope) as session:
        found = places.customer(session, visitor, customer_id)
        if found is None:
            raise HTTPException(404)
        sites = fleet.sites(visitor.dealer_id, session, customer_id, wanted)
        users = people.users(visitor.dealer_id, session, 0, customer_id) if visitor.may("people") else []
        invited = people.invitations(visitor.dealer_id, session, now) if visitor.may("people") else []
        choices = places.site_names(session, visitor, customer_id, MOST_CHOICES + 1) if visitor.may("people") else []
    return page(
        "customer.html",
        status=status,
        visitor=visitor,
        now=now,
        customer=found,
        wanted=wanted,
        here=address_line.places(f"/customers/{customer_id}", wanted),
        found=sites,
        page_size=fleet.PAGE,
        users=users,
        invitations=[one for one in invited if one.customer == found.name],
        choices=choices if len(choices) <= MOST_CHOICES else [],
        problem=problem,
    )


def _customers_users(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    owner = Annotated[Visitor, Depends(door.allowed("people"))]

    @pages.post("/customers/{customer_id}/invitations")
    def invite(request: Request, customer_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                found = places.customer(session, visitor, customer_id)
                if found is None:
                    raise HTTPException(404)
                people.invite(
                    session,
                    visitor,
                    outbox,
                    email=form.get("email", ""),
                    role=CUSTOMER,
                    customer=found.name,
                    only_sites=chosen_sites(form),
                    public_url=public_url,
                    now=door.clock(),
                )
        except TenantsError as error:
            return customer_page(door, visitor, customer_id, {}, status=422, problem=str(error))
        return redirect(f"/customers/{customer_id}#users")

    @pages.post("/customers/{customer_id}/users/{user_id}/sites")
    def choose(request: Request, customer_id: RowId, user_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            if not people.choose_sites(session, visitor, user_id, chosen_sites(form), door.clock()):
                raise HTTPException(404)
        return redirect(f"/customers/{customer_id}#users")


def chosen_sites(form: Mapping[str, str]) -> list[int] | None:
    """The sites whose boxes are ticked; None, which is all of them, for no box at all."""
    ticked = [address_line.number(name.removeprefix("site-")) for name in form if name.startswith("site-")]
    return [site_id for site_id in ticked if site_id is not None] or None


def _site(pages: APIRouter, door: Door, public_url: str) -> None:
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]

    def site_page(visitor: Visitor, site_id: int, *, status: int = 200, problem: str = "", key: str = "") -> Response:
        now = door.clock()
        with door.database.reading(visitor.scope) as session:
            found = places.site(session, visitor, site_id)
            if found is None:
                raise HTTPException(404)
            customer = found.customer
            figures = fleet.site_figures(visitor.dealer_id, session, [site_id]).get(site_id, fleet.Figures())
            here = agents.agents(visitor.dealer_id, session, site_id=site_id)
            may = visitor.may("agents")
            keys = agents.open_keys(visitor.dealer_id, session, now, site_id) if may else []
            customers = places.customer_names(session, visitor, _MOST_NAMES) if may else []
        return page(
            "site.html",
            status=status,
            visitor=visitor,
            now=now,
            site=found,
            customer=customer,
            figures=figures,
            agents=here[: agents.PAGE],
            keys=keys,
            customers=customers,
            lines=install_lines(public_url, key) if key else (),
            valid_for=VALID_FOR,
            problem=problem,
        )

    @pages.get("/sites/{site_id}")
    def site(site_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        return site_page(visitor, site_id)

    def changed(
        request: Request, site_id: int, form: dict[str, str], visitor: Visitor, deed: Callable[[Session, Site], str]
    ) -> Response:
        """Does something to the site and leads where `deed` says."""
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                found = places.site(session, visitor, site_id)
                if found is None:
                    raise HTTPException(404)
                target = deed(session, found)
        except TenantsError as error:
            return site_page(visitor, site_id, status=422, problem=str(error))
        return redirect(target)

    @pages.post("/sites/{site_id}/rename")
    def rename(request: Request, site_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Site) -> str:
            places.rename_site(session, visitor, found, form.get("name", ""), door.clock())
            return f"/sites/{site_id}"

        return changed(request, site_id, form, visitor, deed)

    @pages.post("/sites/{site_id}/move")
    def move(request: Request, site_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Site) -> str:
            moving.move_site(session, visitor, found, form.get("customer", ""), door.clock())
            return f"/sites/{site_id}"

        return changed(request, site_id, form, visitor, deed)

    @pages.post("/sites/{site_id}/remove")
    def remove(request: Request, site_id: RowId, form: Form, visitor: installer) -> Response:
        def deed(session: Session, found: Site) -> str:
            customer_id = found.customer_id
            places.remove_site(session, visitor, found, door.clock())
            return f"/customers/{customer_id}"

        return changed(request, site_id, form, visitor, deed)

    @pages.post("/sites/{site_id}/keys")
    def new_key(request: Request, site_id: RowId, form: Form, visitor: installer) -> Response:
        """The key is on this answer and nowhere else."""
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            found = places.site(session, visitor, site_id)
            if found is None:
                raise HTTPException(404)
            key = places.make_key(session, visitor, found, door.clock())
        return site_page(visitor, site_id, key=key)
