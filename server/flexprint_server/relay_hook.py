"""Where a mail relay, or a program beside it, tells of returned mails: one small signed JSON document."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from flexprint_server.database import Database
from flexprint_server.mail.addresses import mail_domain
from flexprint_server.mail.bounces import bounce_from, envelope_id
from flexprint_server.reports.bounced import note_bounce
from flexprint_server.settings import Settings

PATH: Final = "/mail/v1/bounces"
SIGNATURE: Final = "X-FlexPrint-Signature"
LARGEST: Final = 256 << 10
HOLDS_FOR: Final = 300
"""Seconds for which a signed document is taken: a copy of it is of no use later."""

_log: Final = logging.getLogger(__name__)


class Event(msgspec.Struct):
    """One mail: `message_id` is its Message-ID header, `action` failed or delayed, `status` like 5.1.1."""

    message_id: str
    action: str
    status: str = ""
    diagnostic: str = ""


class Events(msgspec.Struct):
    events: list[Event]


def signed(body: bytes, key: str, at: int) -> str:
    """The header's value for a body that is sent `at`, in seconds since 1970."""
    return f"t={at},v1={hmac.new(key.encode(), b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def is_signed(value: str, body: bytes, key: str, now: float) -> bool:
    stated = value.partition("t=")[2].partition(",")[0]
    if not (stated.isascii() and stated.isdigit() and len(stated) < 12 and abs(now - int(stated)) <= HOLDS_FOR):
        return False
    return hmac.compare_digest(value.encode(), signed(body, key, int(stated)).encode())


def router(settings: Settings, database: Database, clock: Callable[[], float] = time.time) -> APIRouter:
    """The one route, where FLEXPRINT_BOUNCE_KEY is set; none otherwise."""
    routes = APIRouter()
    key = settings.bounce_key
    if not key:
        return routes
    domain = mail_domain(settings.mail_from)

    def note(events: list[Event]) -> int:
        known = 0
        for event in events:
            bounce = bounce_from(envelope_id(event.message_id), event.action, event.status, event.diagnostic)
            if bounce:
                with database.transaction() as session:
                    known += note_bounce(session, bounce, domain, datetime.now(UTC))
        return known

    async def bounces(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return _refused(413, f"The document is larger than {LARGEST} octets. Send fewer events at a time.")
        if not is_signed(request.headers.get(SIGNATURE, ""), bytes(body), key, clock()):
            return _refused(
                401, f"{SIGNATURE} is missing, wrong or older than {HOLDS_FOR} s. Check FLEXPRINT_BOUNCE_KEY."
            )
        try:
            events = msgspec.json.decode(bytes(body), type=Events).events
        except msgspec.DecodeError as error:
            return _refused(422, f"The document cannot be read: {error}.")
        known = await run_in_threadpool(note, events)
        return JSONResponse({"events": len(events), "known": known})

    routes.add_route(PATH, bounces, methods=["POST"])
    return routes


def _refused(status: int, detail: str) -> JSONResponse:
    _log.info("a report of returned mails was refused: %s", detail)
    slug = {401: "not-signed", 413: "too-large", 422: "unreadable-document"}[status]
    document = {"type": f"urn:flexprint:problem:{slug}", "title": "Not taken", "status": status, "detail": detail}
    return JSONResponse(document, status, media_type="application/problem+json")
