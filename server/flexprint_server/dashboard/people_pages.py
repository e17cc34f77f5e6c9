"""Users and invitations; and the page where somebody invited becomes a user."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line, exports, words
from flexprint_server.dashboard.door import Door, Form, RowId, origin, redirect
from flexprint_server.dashboard.exports import INSTANT, Export, Field
from flexprint_server.dashboard.pages import BY_LINK, error_page, page
from flexprint_server.mail.outbox import Outbox
from flexprint_server.tenants import audit, people, sign_in
from flexprint_server.tenants.passwords import LONGEST, SHORTEST, PasswordUnfit
from flexprint_server.tenants.people import InvitationGone, Person
from flexprint_server.tenants.roles import ROLES
from flexprint_server.tenants.service import AlreadyThere, TenantsError
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

_MOST_PAGES: Final = 10_000

EXPORT: Final[Export[Person]] = Export(
    "People",
    (
        Field("User", lambda one: one.email, 36),
        Field("Role", lambda one: words.role(one.role), 16),
        Field("Customer", lambda one: one.customer, 28),
        Field("Second factor", lambda one: "yes" if one.has_second_factor else "no", 14),
        Field("Last sign-in (UTC)", lambda one: one.last_sign_in_at, 18, INSTANT),
        Field("Since (UTC)", lambda one: one.created_at, 18, INSTANT),
    ),
    lambda session, visitor, _query, _now: people.every_user(visitor.dealer_id, session),
)

_GONE: Final = (
    "This invitation holds no longer",
    f"It was used, withdrawn or replaced, or it is older than {people.HOLDS_FOR.days} days. Ask for a new one.",
)


def add(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    """`public_url` is where people reach the collector: invitations lead there."""
    _list(pages, door, outbox, public_url)
    _invited(pages, door)


def _list(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    owner = Annotated[Visitor, Depends(door.allowed("people"))]

    def people_page(visitor: Visitor, number: int = 1, *, status: int = 200, **more: Any) -> Response:
        now = door.clock()
        with door.database.reading(visitor.scope) as session:
            found = people.users(visitor.dealer_id, session, (number - 1) * people.PAGE)
            waiting = people.invitations(visitor.dealer_id, session, now)
            customers = people.customers(visitor.dealer_id, session)
            wanted = people.wants_second_factor(visitor.dealer_id, session)
        values = {"problem": "", "email": "", "role": "", "customer": "", **more}
        return page(
            "people.html",
            status=status,
            visitor=visitor,
            now=now,
            users=found[: people.PAGE],
            number=number,
            has_next=len(found) > people.PAGE,
            invitations=waiting,
            customers=customers,
            second_factor_is_wanted=wanted,
            roles=tuple(ROLES),
            **values,
        )

    exports.add(pages, door, "/people", EXPORT, "people")

    @pages.get("/people")
    def all_people(request: Request, visitor: owner) -> Response:
        return people_page(visitor, address_line.number(request.query_params.get("page"), _MOST_PAGES) or 1)

    @pages.post("/people/invitations")
    def invite(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        email, role = clean(form.get("email", ""), 254), clean(form.get("role", ""), 20)
        customer = clean(form.get("customer", ""), 200)
        try:
            with door.database.transaction(visitor.scope) as session:
                people.invite(
                    session,
                    visitor,
                    outbox,
                    email=email,
                    role=role,
                    customer=customer,
                    only_sites=address_line.ids(form.get("sites")),
                    public_url=public_url,
                    now=door.clock(),
                )
        except TenantsError as error:
            typed: dict[str, Any] = {"email": email, "role": role, "customer": customer}
            return people_page(visitor, problem=str(error), status=422, **typed)
        return redirect("/people")

    @pages.post("/people/invitations/{invitation_id}/withdraw")
    def withdraw(request: Request, invitation_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            email = people.withdraw(visitor.dealer_id, session, invitation_id)
            if email is None:
                raise HTTPException(404)
            audit.note(session, visitor, "invitation.withdrawn", email, door.clock())
        return redirect("/people")

    @pages.post("/people/{user_id}/role")
    def change_role(request: Request, user_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        role, customer = form.get("role", ""), form.get("customer", "")
        try:
            with door.database.transaction(visitor.scope) as session:
                found = people.change_role(session, visitor, user_id, role, customer, door.clock())
        except TenantsError as error:
            return people_page(visitor, problem=str(error), status=422)
        return _done(found)

    @pages.post("/people/{user_id}/remove")
    def remove(request: Request, user_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                found = people.remove(session, visitor, user_id, door.clock())
        except TenantsError as error:
            return people_page(visitor, problem=str(error), status=422)
        return _done(found)


def _done(found: bool) -> Response:
    if not found:
        raise HTTPException(404)
    return redirect("/people")


def _invited(pages: APIRouter, door: Door) -> None:
    def offer_page(request: Request, token: str, *, problem: str = "", status: int = 200) -> Response:
        offer = people.offer(door.database, token, door.clock())
        if offer is None:
            return error_page(404, said=_GONE)
        form_token = door.form_token(request)
        values: dict[str, Any] = {"offer": offer, "problem": problem, "shortest": SHORTEST, "longest": LONGEST}
        response = page("invitation.html", status=status, visitor=None, token=form_token, headers=BY_LINK, **values)
        door.keep_form_token(response, form_token)
        return response

    @pages.get("/invitations/{token}")
    def invitation(request: Request, token: str) -> Response:
        return offer_page(request, token)

    @pages.post("/invitations/{token}")
    def take_up(request: Request, token: str, form: Form) -> Response:
        door.check_form(request, form)
        try:
            user = people.take_up(door.database, token, form.get("password", ""), door.clock())
        except PasswordUnfit as error:
            return offer_page(request, token, problem=str(error), status=422)
        except (InvitationGone, AlreadyThere):
            return offer_page(request, token)
        response = redirect("/")
        email, session_token = sign_in.open_session(door.database, user, origin(request), door.clock())
        door.let_in(request, response, email=email, token=session_token)
        return response
