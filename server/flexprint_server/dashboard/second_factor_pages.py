"""The code after the password: asked for at the door, turned on and off in one's own account, insisted on by owners."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from flexprint_server.dashboard import address_line
from flexprint_server.dashboard.door import Door, Form, RowId, origin, redirect, too_many
from flexprint_server.dashboard.pages import page
from flexprint_server.tenants import people, second_factor, totp
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.second_factor import CodeExpected, WrongCode
from flexprint_server.tenants.sign_in import Visitor, WrongCredentials

_ISSUER: Final = "FlexPrint Tracker"
_WRONG_CODE: Final = "That is not the code of now. Wait for the next one, and check the phone's clock."
_NOT_YOURS: Final = "That is not your present password."


def add(pages: APIRouter, door: Door, secret_key: str) -> None:
    _at_the_door(pages, door, secret_key)
    _own(pages, door, secret_key)
    _owners(pages, door)


def _at_the_door(pages: APIRouter, door: Door, secret_key: str) -> None:
    def code_page(request: Request, target: str, problem: str = "", status: int = 200) -> Response:
        if not second_factor.is_expected(door.database, door.session_token(request), door.clock()):
            return redirect("/sign-in")
        token = door.form_token(request)
        values = {"token": token, "target": target, "problem": problem, "visitor": None}
        response = page("code.html", status=status, headers=None, **values)
        door.keep_form_token(response, token)
        return response

    @pages.get("/sign-in/code")
    def ask(request: Request) -> Response:
        return code_page(request, address_line.safe_next(request.query_params.get("next")))

    @pages.post("/sign-in/code")
    def give(request: Request, form: Form) -> Response:
        door.check_form(request, form)
        target = address_line.safe_next(form.get("next"))
        try:
            email, token = second_factor.give(
                door.database,
                secret_key,
                token=door.session_token(request),
                typed=form.get("code", ""),
                origin=origin(request),
                mark=door.browser_mark(request),
                now=door.clock(),
            )
        except CodeExpected:
            return redirect("/sign-in")
        except WrongCode:
            return code_page(request, target, _WRONG_CODE, 403)
        except TooManyAttempts as refused:
            return code_page(request, target, too_many(refused)[0], 429)
        response = redirect(target)
        door.let_in(request, response, email=email, token=token)
        return response


def _own(pages: APIRouter, door: Door, secret_key: str) -> None:
    anybody = Annotated[Visitor, Depends(door.visitor)]

    def setting_page(visitor: Visitor, secret: bytes, problem: str = "", status: int = 200) -> Response:
        return page(
            "second_factor.html",
            status=status,
            visitor=visitor,
            left=second_factor.codes_left(door.database, visitor),
            codes=(),
            secret=totp.written(secret),
            groups=totp.in_groups(secret),
            uri=totp.uri(secret, _ISSUER, visitor.email),
            problem=problem,
        )

    @pages.get("/account/second-factor")
    def setting(visitor: anybody) -> Response:
        return setting_page(visitor, second_factor.new_secret())

    @pages.post("/account/second-factor")
    def turn_on(request: Request, form: Form, visitor: anybody) -> Response:
        """The recovery codes are on this answer and nowhere else."""
        door.check_form(request, form, visitor)
        secret = totp.read(form.get("secret", ""))
        if secret is None:
            raise HTTPException(400)
        try:
            codes = second_factor.turn_on(
                door.database,
                visitor,
                secret_key,
                secret=secret,
                typed=form.get("code", ""),
                password=form.get("password", ""),
                now=door.clock(),
            )
        except WrongCode:
            return setting_page(visitor, secret, _WRONG_CODE, 422)
        except WrongCredentials:
            return setting_page(visitor, secret, _NOT_YOURS, 403)
        except TooManyAttempts as refused:
            return setting_page(visitor, secret, too_many(refused)[0], 429)
        return page("second_factor.html", visitor=visitor, codes=codes, problem="")

    @pages.post("/account/second-factor/off")
    def turn_off(request: Request, form: Form, visitor: anybody) -> Response:
        door.check_form(request, form, visitor)
        try:
            second_factor.turn_off(door.database, visitor, password=form.get("password", ""), now=door.clock())
        except WrongCredentials:
            return setting_page(visitor, second_factor.new_secret(), _NOT_YOURS, 403)
        except TooManyAttempts as refused:
            return setting_page(visitor, second_factor.new_secret(), too_many(refused)[0], 429)
        return redirect("/account/second-factor")


def _owners(pages: APIRouter, door: Door) -> None:
    owner = Annotated[Visitor, Depends(door.allowed("people"))]

    @pages.post("/people/second-factor")
    def insist(request: Request, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            people.want_second_factor(session, visitor, wanted=form.get("wanted") == "yes", now=door.clock())
        return redirect("/people")

    @pages.post("/people/{user_id}/second-factor/off")
    def take_away(request: Request, user_id: RowId, form: Form, visitor: owner) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            found = second_factor.take_away(session, visitor, user_id, door.clock())
        if not found:
            raise HTTPException(404)
        return redirect("/people")
