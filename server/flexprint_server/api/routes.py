"""What billing systems call. Each call of the table becomes a route; a problem document for whatever goes wrong."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flexprint_server import problems
from flexprint_server.api import openapi, questions
from flexprint_server.api.calls import CALLS, Asked, Call, NotThere, Page
from flexprint_server.api.door import Door
from flexprint_server.database import Database
from flexprint_server.problems import Problem
from flexprint_server.reports.parts import Stored, every_part
from flexprint_server.settings import Settings
from flexprint_shared.text import clean

PREFIX: Final = "/api/v1"
_RETRY_AFTER: Final = "15"
_log: Final = logging.getLogger(__name__)


class Busy(Problem):
    slug, status, title = "busy", 503, "Not now"


def router(
    settings: Settings, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> APIRouter:
    """The routes under /api/v1. `clock` gives the time in UTC."""
    door = Door(database, clock)
    routes = APIRouter()
    for call in CALLS:
        routes.add_route(PREFIX + call.path, _answering(call, door, database, clock), methods=["GET"])
    described = msgspec.json.encode(openapi.document(settings.public_url + PREFIX))
    routes.add_route(
        f"{PREFIX}/openapi.json", lambda request: _same_or(request, described, "application/json"), methods=["GET"]
    )
    return routes


def _answering(
    call: Call, door: Door, database: Database, clock: Callable[[], datetime]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            caller = door.caller(request, call.scope)
            path = {name: _number(text) for name, text in request.path_params.items()}
            query = questions.read(request.query_params.multi_items(), call.takes)
            with database.reading(caller.scope) as session:
                given = call.answers(Asked(caller.dealer_id, session, clock(), path, query))
            if isinstance(given, Stored):
                return _file(request, given, partial(every_part, database, caller.scope, given))
        except Problem as problem:
            return problems.answer(problem)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            _log.error("The database did not answer: %s.", type(error.__cause__ or error).__name__)
            return problems.answer(Busy(f"Try again in {_RETRY_AFTER} s.", headers={"Retry-After": _RETRY_AFTER}))
        return _written(request, given)

    return answer


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= questions.LARGEST_ID):
        raise NotThere("The number in the path is none.")
    return int(text)


def _file(request: Request, stored: Stored, parts: Callable[[], Iterator[bytes]]) -> Response:
    """Read twice, for its ETag first: it may be too large to be held."""
    hashed = sha256()
    for part in parts():
        hashed.update(part)
    headers = {
        **_tag(hashed.hexdigest()),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(clean(stored.name, 150), safe='')}",
    }
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return StreamingResponse(parts(), media_type=openapi.XLSX, headers={**headers, "Content-Length": str(stored.size)})


def _written(request: Request, given: Page | dict[str, Any]) -> Response:
    document = {"items": given.items, "next": given.next} if isinstance(given, Page) else given
    return _same_or(request, msgspec.json.encode(document), "application/json")


def _same_or(request: Request, body: bytes, media_type: str) -> Response:
    """The body with its ETag; 304 without it where the program has the same already (RFC 9110, section 13.1.2)."""
    headers = _tag(sha256(body).hexdigest())
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _tag(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest[:32]}"', "Cache-Control": "private, no-cache"}


def _has(request: Request, etag: str) -> bool:
    had = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return etag in had or had == ["*"]
