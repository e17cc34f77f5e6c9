"""Who comes in: cookies, forms, and the pages that somebody gets who may not.

Forms are protected by a token that only our own pages know: of the session once there is one, of a cookie
before (the sign-in form). Browsers that tell where a request comes from are believed on top of that.
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote

from fastapi import Depends, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException as StarletteHTTPException

from flexprint_server.dashboard import browsers
from flexprint_server.dashboard.address_line import LARGEST_ID
from flexprint_server.dashboard.pages import HEADERS, NOT_YOURS, error_page
from flexprint_server.database import Database
from flexprint_server.settings import Settings
from flexprint_server.tenants import oidc, sign_in
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.roles import Permission
from flexprint_server.tenants.sign_in import Origin, Visitor
from flexprint_shared.text import clean

_log = logging.getLogger(__name__)

LARGEST_FORM: Final = 16 << 10
"""Octets of a form at most."""

_BROWSER_KNOWN_FOR: Final = timedelta(days=365)
_BEFORE_THE_SECOND_FACTOR: Final = ("/account/second-factor", "/sign-out")
_TRUSTED_ORIGINS: Final = (None, "same-origin", "none")


class NotSignedIn(Exception):
    """The page is for people who are signed in."""


class SecondFactorFirst(Exception):
    """The visitor's company asks for a second factor, and there is none yet."""


class NotAllowed(Exception):
    """The page is for people of another role."""


class Door:
    """The sign-in state of browsers, as kept in cookies. `clock` gives the time in UTC."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.clock = clock
        self.https = settings.public_url.startswith("https://")
        self._secret_key = str(settings.secret_key)
        # Browsers take a __Host- cookie only over HTTPS and from this very host: no sibling can plant one.
        prefix = "__Host-" if self.https else ""
        self._session, self._form, self._browser, self._company, self._attempt = (
            prefix + name
            for name in ("flexprint", "flexprint-form", "flexprint-browser", "flexprint-company", "flexprint-attempt")
        )

    def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises NotSignedIn. A session in use is renewed now and then."""
        seen = self.visitor_if_any(request)
        if seen is None:
            raise NotSignedIn
        if seen.must_turn_on and request.url.path not in _BEFORE_THE_SECOND_FACTOR:
            raise SecondFactorFirst
        until = sign_in.renewed(seen.created_at, seen.expires_at, self.clock())
        if until:
            with self.database.transaction() as session:
                sign_in.renew(session, seen, until)
        return seen

    def now(self, visitor: Visitor) -> datetime:
        """The time by the clock of whoever looks: its day is the visitor's today."""
        return self.clock().astimezone(visitor.time_zone)

    def allowed(self, permission: Permission) -> Callable[[Request], Visitor]:
        """Like `visitor`, for a page that not everybody may use. It raises NotAllowed."""

        def who(request: Request) -> Visitor:
            seen = self.visitor(request)
            if not seen.may(permission):
                raise NotAllowed
            return seen

        return who

    def visitor_if_any(self, request: Request) -> Visitor | None:
        token = request.cookies.get(self._session)
        if not token:
            return None
        with self.database.reading() as session:
            return sign_in.visitor(session, token, self.clock())

    def session_token(self, request: Request) -> str:
        """The token that the browser shows, whatever it is worth."""
        return request.cookies.get(self._session) or ""

    def wait_for_code(self, request: Request, response: Response, token: str) -> None:
        """Gives the browser a session that opens nothing yet, and ends the one it may have had."""
        self.end_session(request)
        self._keep(response, self._session, token, sign_in.WAITS_FOR)

    def known_browser(self, request: Request, email: str) -> bytes | None:
        return sign_in.known_browser(self._secret_key, email, self.browser_mark(request))

    def browser_mark(self, request: Request) -> str | None:
        """What the browser says it is known by, whatever that is worth."""
        return request.cookies.get(self._browser)

    def let_in(self, request: Request, response: Response, *, email: str, token: str) -> None:
        """Gives the browser its session, and ends the one it may have had."""
        self.end_session(request)
        self._keep(response, self._session, token, sign_in.LONGEST)
        self.know(response, email)
        self._drop(response, self._form)

    def know(self, response: Response, email: str) -> None:
        """Marks the browser of somebody who has shown to be the owner of an account: who guesses at it elsewhere makes
        this browser wait no more."""
        self._keep(response, self._browser, sign_in.browser_mark(self._secret_key, email), _BROWSER_KNOWN_FOR)

    def let_out(self, request: Request, response: Response) -> None:
        self.end_session(request)
        self._drop(response, self._session)

    def end_session(self, request: Request) -> None:
        token = request.cookies.get(self._session)
        if token:
            with self.database.transaction() as session:
                sign_in.sign_out(session, token, self.clock())

    def form_token(self, request: Request) -> str:
        """The token of the sign-in form: the one this browser has, or a new one."""
        return request.cookies.get(self._form) or secrets.token_urlsafe(32)

    def keep_form_token(self, response: Response, token: str) -> None:
        self._keep(response, self._form, token, None)

    def company(self, request: Request) -> str:
        """The link of the company's own sign-in that this browser came by before; "" for none."""
        return clean(request.cookies.get(self._company) or "", 20)

    def send_to_company(self, response: Response, link: str, kept: str) -> None:
        """The browser keeps where it was sent, and what it has to show when it comes back."""
        self._keep(response, self._company, link, _BROWSER_KNOWN_FOR)
        self._keep(response, self._attempt, kept, oidc.TAKES)

    def attempt(self, request: Request) -> str:
        return request.cookies.get(self._attempt) or ""

    def end_attempt(self, response: Response) -> None:
        self._drop(response, self._attempt)

    def check_form(self, request: Request, form: dict[str, str], visitor: Visitor | None = None) -> None:
        """Raises HTTPException 403 for a form that does not come from our own page."""
        expected = visitor.csrf_token if visitor else request.cookies.get(self._form)
        given = form.get("token", "")
        ours = bool(expected) and hmac.compare_digest((expected or "").encode(), given.encode(errors="replace"))
        if not ours or request.headers.get("sec-fetch-site") not in _TRUSTED_ORIGINS:
            raise HTTPException(403)

    def _keep(self, response: Response, name: str, value: str, longest: timedelta | None) -> None:
        seconds = int(longest.total_seconds()) if longest else None
        response.set_cookie(name, value, seconds, path="/", secure=self.https, httponly=True, samesite="lax")

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self.https, httponly=True, samesite="lax")


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, of LARGEST_FORM octets at most. Raises HTTPException 400 or 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(413)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(400)
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=120))
    except ValueError as error:
        raise HTTPException(400) from error


Form = Annotated[dict[str, str], Depends(form)]
RowId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


def redirect(target: str) -> RedirectResponse:
    """On to another page of ours, by GET."""
    return RedirectResponse(target, 303, {**HEADERS, "Cache-Control": "no-store"})


def client_address(request: Request) -> str:
    return request.client.host if request.client else ""


def origin(request: Request) -> Origin:
    """Where somebody signs in from."""
    return Origin(client_address(request), browsers.named(request.headers.get("user-agent", "")))


def too_many(refused: TooManyAttempts) -> tuple[str, dict[str, str]]:
    """What somebody is told who has to wait, and the header that says so."""
    seconds = max(1, round(refused.wait.total_seconds()))
    words = f"Too many attempts. Try again in {seconds} second{'s' if seconds > 1 else ''}."
    return words, {"Retry-After": str(seconds)}


def page_route(*, https: bool) -> type[APIRoute]:
    """The kind of route that answers people: a page for whatever goes wrong, never a JSON text."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def answer_people(request: Request) -> Response:
                response = await _answered(request, answer)
                if https:
                    response.headers["Strict-Transport-Security"] = "max-age=31536000"
                return response

            return answer_people

    return PageRoute


async def _answered(request: Request, answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        return await answer(request)
    except NotSignedIn:
        return redirect(_sign_in_first(request))
    except SecondFactorFirst:
        return redirect("/account/second-factor")
    except NotAllowed:
        return error_page(403, said=NOT_YOURS)
    except StarletteHTTPException as error:
        return error_page(error.status_code, error.headers)
    except RequestValidationError:  # an id in the path that is none
        return error_page(404)
    except OperationalError:
        _log.exception("the database cannot be reached for %s %s", request.method, request.url.path)
        return error_page(503, {"Retry-After": "10"})


def _sign_in_first(request: Request) -> str:
    """The sign-in page, which leads back to where somebody wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if request.method != "GET" or wanted == "/" else f"/sign-in?next={quote(wanted, safe='/')}"


def now_utc() -> datetime:
    return datetime.now(UTC)
