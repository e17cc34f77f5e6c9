"""One's own account; and the way back in for somebody who has forgotten the password."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard.door import Door, Form, RowId, client_address, redirect, too_many
from flexprint_server.dashboard.pages import BY_LINK, error_page, page
from flexprint_server.mail.outbox import Outbox
from flexprint_server.tenants import account, resets, second_factor
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.passwords import LONGEST, SHORTEST, PasswordUnfit
from flexprint_server.tenants.resets import ResetGone
from flexprint_server.tenants.sign_in import Visitor, WrongCredentials
from flexprint_shared.text import clean

_GONE: Final = ("This link holds no longer", "It was used or replaced, or it is older than an hour. Ask for a new one.")
_WRONG: Final = "That is not your present password."


def add(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    """`public_url` is where people reach the collector: links to a new password lead there."""
    _account(pages, door, outbox)
    _forgotten(pages, door, outbox, public_url)


def _account(pages: APIRouter, door: Door, outbox: Outbox) -> None:
    anybody = Annotated[Visitor, Depends(door.visitor)]

    def account_page(visitor: Visitor, *, problem: str = "", done: bool = False, status: int = 200) -> Response:
        now = door.clock()
        return page(
            "account.html",
            status=status,
            visitor=visitor,
            now=now,
            sessions=account.sessions(door.database, visitor, now),
            has_second_factor=second_factor.codes_left(door.database, visitor) is not None,
            problem=problem,
            done=done,
            shortest=SHORTEST,
            longest=LONGEST,
        )

    @pages.get("/account")
    def own_account(request: Request, visitor: anybody) -> Response:
        return account_page(visitor, done=request.query_params.get("done") == "password")

    @pages.post("/account/password")
    def change_password(request: Request, form: Form, visitor: anybody) -> Response:
        door.check_form(request, form, visitor)
        try:
            account.change_password(
                door.database,
                visitor,
                outbox,
                old=form.get("old", ""),
                new=form.get("new", ""),
                now=door.clock(),
            )
        except WrongCredentials:
            return account_page(visitor, problem=_WRONG, status=403)
        except PasswordUnfit as error:
            return account_page(visitor, problem=str(error), status=422)
        except TooManyAttempts as refused:
            return account_page(visitor, problem=too_many(refused)[0], status=429)
        return redirect("/account?done=password")

    @pages.post("/account/sessions/{sign_in_id}/end")
    def end_session(request: Request, sign_in_id: RowId, form: Form, visitor: anybody) -> Response:
        door.check_form(request, form, visitor)
        if not account.end_session(door.database, visitor, sign_in_id, door.clock()):
            raise HTTPException(404)
        return redirect("/account")

    @pages.post("/account/sign-out-everywhere")
    def sign_out_everywhere(request: Request, form: Form, visitor: anybody) -> Response:
        door.check_form(request, form, visitor)
        account.end_all_sessions(door.database, visitor, door.clock())
        response = redirect("/sign-in")
        door.let_out(request, response)
        return response


def _forgotten(pages: APIRouter, door: Door, outbox: Outbox, public_url: str) -> None:
    def with_form_token(request: Request, template: str, **values: Any) -> Response:
        token = door.form_token(request)
        response = page(template, visitor=None, token=token, **values)
        door.keep_form_token(response, token)
        return response

    @pages.get("/forgot")
    def forgot(request: Request) -> Response:
        return with_form_token(request, "forgot.html", asked=False, email="", problem="")

    @pages.post("/forgot")
    def ask(request: Request, form: Form) -> Response:
        door.check_form(request, form)
        email = clean(form.get("email", ""), 254)
        try:
            resets.ask(
                door.database,
                outbox,
                email=email,
                address=client_address(request),
                public_url=public_url,
                now=door.clock(),
            )
        except TooManyAttempts as refused:
            problem, headers = too_many(refused)
            more = {"status": 429, "headers": headers}
            return with_form_token(request, "forgot.html", asked=False, email=email, problem=problem, **more)
        return with_form_token(request, "forgot.html", asked=True, email=email, problem="")

    def reset_page(request: Request, token: str, *, problem: str = "", status: int = 200) -> Response:
        email = resets.account_of(door.database, token, door.clock())
        if email is None:
            return error_page(404, said=_GONE)
        values = {"email": email, "problem": problem, "shortest": SHORTEST, "longest": LONGEST, "status": status}
        return with_form_token(request, "reset.html", headers=BY_LINK, **values)

    @pages.get("/resets/{token}")
    def reset(request: Request, token: str) -> Response:
        return reset_page(request, token)

    @pages.post("/resets/{token}")
    def use(request: Request, token: str, form: Form) -> Response:
        door.check_form(request, form)
        try:
            email = resets.use(door.database, outbox, token, form.get("password", ""), door.clock())
        except PasswordUnfit as error:
            return reset_page(request, token, problem=str(error), status=422)
        except ResetGone:
            return reset_page(request, token)
        response = redirect("/sign-in?done=password")
        door.let_out(request, response)
        door.know(response, email)
        return response
