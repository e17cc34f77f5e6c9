"""Signing in with the company's own accounts: set up by an owner, and used at the door."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from flexprint_server.dashboard import address_line
from flexprint_server.dashboard.door import Door, Form, origin, redirect, too_many
from flexprint_server.dashboard.pages import HEADERS, error_page, page
from flexprint_server.outbound import CannotReach
from flexprint_server.settings import Settings
from flexprint_server.tenants import oidc
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.oidc import Found, NoProvider, NotSignedIn, Providers
from flexprint_server.tenants.service import TenantsError
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

_NOT_IN: Final = "You are not signed in"


@dataclass(slots=True, frozen=True)
class _Said:
    """What the owner is told above the form: what went wrong, or what was found at the provider."""

    problem: str = ""
    found: Found | None = None


def add(pages: APIRouter, door: Door, providers: Providers, settings: Settings) -> None:
    _at_the_door(pages, door, providers, settings)
    _owners(pages, door, providers, settings)


def _at_the_door(pages: APIRouter, door: Door, providers: Providers, settings: Settings) -> None:
    secret_key = str(settings.secret_key)

    @pages.get("/sign-in/with/{link}")
    def go(request: Request, link: str) -> Response:
        target = address_line.safe_next(request.query_params.get("next"))
        try:
            attempt = oidc.begin(
                door.database,
                providers,
                secret_key,
                link=link,
                target=target,
                public_url=settings.public_url,
                now=door.clock(),
            )
        except NoProvider as error:
            return error_page(404, said=(_NOT_IN, str(error)))
        except CannotReach as error:
            return error_page(503, said=(_NOT_IN, f"Your company's sign-in does not work just now. {error}"))
        response = RedirectResponse(attempt.url, 303, {**HEADERS, "Cache-Control": "no-store"})
        door.send_to_company(response, link, attempt.kept)
        return response

    @pages.get(oidc.RETURN_PATH)
    def come_back(request: Request) -> Response:
        try:
            signed_in = oidc.finish(
                door.database,
                providers,
                secret_key,
                kept=door.attempt(request),
                answer=dict(request.query_params),
                origin=origin(request),
                public_url=settings.public_url,
                now=door.clock(),
            )
        except TooManyAttempts as refused:
            words, headers = too_many(refused)
            return error_page(429, headers, said=(_NOT_IN, words))
        except (NotSignedIn, CannotReach) as error:
            response: Response = error_page(403, said=(_NOT_IN, str(error)))
            door.end_attempt(response)
            return response
        target = address_line.safe_next(signed_in.target)
        if signed_in.waits_for_code:
            response = redirect(f"/sign-in/code?next={quote(target, safe='/')}")
            door.wait_for_code(request, response, signed_in.token)
        else:
            response = redirect(target)
            door.let_in(request, response, email=signed_in.email, token=signed_in.token)
        door.end_attempt(response)
        return response


def _owners(pages: APIRouter, door: Door, providers: Providers, settings: Settings) -> None:
    owner = Annotated[Visitor, Depends(door.allowed("people"))]
    nothing = _Said()

    def set_up_page(visitor: Visitor, said: _Said = nothing, form: dict[str, str] | None = None) -> Response:
        """With what was typed in the `form` that was refused."""
        with door.database.reading(visitor.scope) as session:
            found = oidc.provider(visitor.dealer_id, session)
        kept = {
            "issuer": found.issuer if found else "",
            "client_id": found.client_id if found else "",
            "domains": ", ".join(found.domains) if found else "",
        }
        values = {name: clean((form or kept).get(name, ""), 500) for name in kept}
        return page(
            "company.html",
            status=422 if said.problem else 200,
            visitor=visitor,
            provider=found,
            said=said,
            values=values,
            public_url=settings.public_url,
            return_path=oidc.RETURN_PATH,
        )

    @pages.get("/company-sign-in")
    def show(visitor: owner) -> Response:
        return set_up_page(visitor)

    @pages.post("/company-sign-in")
    def save(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                oidc.set_up(
                    session,
                    visitor,
                    str(settings.secret_key),
                    issuer=form.get("issuer", ""),
                    client_id=form.get("client_id", ""),
                    client_secret=form.get("client_secret", ""),
                    domains=form.get("domains", ""),
                    now=door.clock(),
                )
        except TenantsError as error:
            return set_up_page(visitor, _Said(str(error)), form)
        return redirect("/company-sign-in")

    @pages.post("/company-sign-in/try")
    def try_it(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.reading(visitor.scope) as session:
            found = oidc.provider(visitor.dealer_id, session)
        if found is None:
            return redirect("/company-sign-in")
        try:
            return set_up_page(visitor, _Said(found=oidc.look(providers, found.issuer, door.clock())))
        except CannotReach as error:
            return set_up_page(visitor, _Said(str(error)))

    @pages.post("/company-sign-in/remove")
    def remove(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            oidc.take_down(session, visitor, door.clock())
        return redirect("/company-sign-in")
