"""The pages. Each asks a few questions of the rooms below and fills in a template."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import (
    account_pages,
    address_line,
    address_pages,
    agent_page,
    agent_pages,
    alert_pages,
    audit_pages,
    billing_pages,
    carried_pages,
    company_pages,
    device_pages,
    identity_pages,
    key_pages,
    link_pages,
    overview_pages,
    people_pages,
    place_pages,
    report_pages,
    schedule_pages,
    second_factor_pages,
    settings_pages,
)
from flexprint_server.dashboard.door import (
    Door,
    Form,
    client_address,
    now_utc,
    origin,
    page_route,
    redirect,
    too_many,
)
from flexprint_server.dashboard.pages import page, static_answer
from flexprint_server.database import Database
from flexprint_server.ingest.service import Inbox
from flexprint_server.mail.addresses import mail_domain
from flexprint_server.mail.outbox import Outbox
from flexprint_server.outbound import Outbound
from flexprint_server.settings import Settings
from flexprint_server.tenants import second_factor, sign_in
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.oidc import Providers
from flexprint_server.tenants.sign_in import Visitor, WrongCredentials
from flexprint_shared.text import clean

_WRONG: Final = "No account has this e-mail address and password."


def router(settings: Settings, database: Database, clock: Callable[[], datetime] = now_utc) -> APIRouter:
    """All pages of the dashboard and the files they need. `clock` gives the time in UTC."""
    door = Door(settings, database, clock)
    pages = APIRouter(route_class=page_route(https=door.https), include_in_schema=False)
    _sign_in_pages(pages, door)
    overview_pages.add(pages, door)
    device_pages.add(pages, door, settings.secret_key)
    identity_pages.add(pages, door)
    alert_pages.add(pages, door)
    # Before the reports, whose numbers stand where `schedules` and `addresses` do.
    address_pages.add(pages, door, settings.secret_key)
    link_pages.add(pages, door)
    schedule_pages.add(pages, door, mail_domain(settings.mail_from))
    report_pages.add(pages, door, mail_domain(settings.mail_from), mails_are_kept=settings.smtp_url is None)
    billing_pages.add(pages, door)
    agent_pages.add(pages, door, settings.public_url)
    # Before the agents, whose numbers stand where `carried` does.
    carried_pages.add(pages, door, Inbox.of(settings, database))
    agent_page.add(pages, door)
    audit_pages.add(pages, door)
    outbox = Outbox(settings.secret_key, mail_domain(settings.mail_from))
    people_pages.add(pages, door, outbox, settings.public_url)
    place_pages.add(pages, door, outbox, settings.public_url)
    account_pages.add(pages, door, outbox, settings.public_url)
    second_factor_pages.add(pages, door, settings.secret_key)
    settings_pages.add(pages, door)
    key_pages.add(pages, door, settings.public_url)
    company_pages.add(pages, door, Providers(Outbound(settings.inside)), settings)

    @pages.get("/static/{name}")
    def static(name: str) -> Response:
        answer = static_answer(name)
        if answer is None:
            raise HTTPException(404)
        return answer

    return pages


def _sign_in_pages(pages: APIRouter, door: Door) -> None:
    def sign_in_page(
        request: Request, target: str, *, email: str = "", problem: str = "", status: int = 200, **more: Any
    ) -> Response:
        token = door.form_token(request)
        response = page(
            "sign_in.html",
            status=status,
            visitor=None,
            token=token,
            target=target,
            email=email,
            problem=problem,
            done=request.query_params.get("done") == "password",
            company=door.company(request),
            **more,
        )
        door.keep_form_token(response, token)
        return response

    @pages.get("/sign-in")
    def sign_in_form(request: Request) -> Response:
        target = address_line.safe_next(request.query_params.get("next"))
        return redirect(target) if door.visitor_if_any(request) else sign_in_page(request, target)

    @pages.post("/sign-in")
    def sign_in_now(request: Request, form: Form) -> Response:
        door.check_form(request, form)
        target = address_line.safe_next(form.get("next"))
        email = clean(form.get("email", ""), 254)
        try:
            token = sign_in.sign_in(
                door.database,
                email=email,
                password=form.get("password", ""),
                address=client_address(request),
                browser=door.known_browser(request, email),
                now=door.clock(),
                browser_name=origin(request).browser_name,
            )
        except WrongCredentials:
            return sign_in_page(request, target, email=email, problem=_WRONG, status=403)
        except TooManyAttempts as refused:
            problem, headers = too_many(refused)
            return sign_in_page(request, target, email=email, problem=problem, status=429, headers=headers)
        if second_factor.is_expected(door.database, token, door.clock()):
            response = redirect(f"/sign-in/code?next={quote(target, safe='/')}")
            door.wait_for_code(request, response, token)
            return response
        response = redirect(target)
        door.let_in(request, response, email=email, token=token)
        return response

    @pages.post("/sign-out")
    def sign_out(request: Request, form: Form, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        door.check_form(request, form, visitor)
        response = redirect("/sign-in")
        door.let_out(request, response)
        return response
