"""The collector's one web application: agents, pages and probes together."""

import gc
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flexprint_server import health, relay_hook, worker
from flexprint_server.api import routes as api
from flexprint_server.dashboard import routes as dashboard
from flexprint_server.dashboard.pages import error_page
from flexprint_server.database import Database
from flexprint_server.ingest import routes as ingest
from flexprint_server.settings import Settings
from flexprint_server.tenants.keys import open_keyring

_log: Final = logging.getLogger(__name__)

# For programs, whose every answer is a document; people get pages.
_PROGRAMS: Final = ("/agent/", "/mail/", "/api/", "/healthz", "/readyz", "/metrics")

# What every answer carries where its route has not said something of its own.
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

_COLLECT_AFTER: Final = (10_000, 10, 50)
"""New objects before the garbage collector looks through them; such looks before those that outlived one are looked
through, too; and such before everything is. None but the last, which is rare, takes more than some ten milliseconds."""

_STOPS_WITHIN: Final = 10
"""Seconds that calls under way have to end when the process is asked to stop."""


def create_app(settings: Settings, database: Database) -> FastAPI:
    """Everything under one roof. The database has to be migrated."""
    worker.configure(settings)
    registry = CollectorRegistry()
    app = FastAPI(title="FlexPrint Tracker", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(ingest.router(settings, database, worker.wake, registry))
    app.include_router(health.router(settings, database, registry))
    app.include_router(relay_hook.router(settings, database))
    app.include_router(api.router(settings, database))
    app.include_router(dashboard.router(settings, database))
    app.add_exception_handler(HTTPException, _went_wrong)
    app.add_exception_handler(Exception, _went_wrong)
    app.add_middleware(_Headers)
    return app


def serve(settings: Settings, host: str, port: int) -> None:
    """Answers until SIGTERM or SIGINT. Raises KeysLocked and WallDown before it listens."""
    database = Database(settings.database_url)
    try:
        database.insist_on_the_wall()
        _try_keys(settings, database)
        app = create_app(settings, database)
        # All that is here stays. Otherwise the garbage collector goes through it again and again while batches come,
        # which takes a quarter of the time that they do.
        gc.collect()
        gc.freeze()
        # A page makes some ten thousand objects and drops them at its end. Looked through every seven hundred, as is
        # usual, they count as old, and then all that is old is looked through in the midst of somebody's page.
        gc.set_threshold(*_COLLECT_AFTER)
        uvicorn.run(
            app,
            host=host,
            port=port,
            # Limits on guessing go by the client's address. A proxy's word for it (X-Forwarded-For) counts only from
            # the addresses in FORWARDED_ALLOW_IPS, by default this machine's own.
            proxy_headers=True,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_STOPS_WITHIN,
        )
    finally:
        database.close()


def _try_keys(settings: Settings, database: Database) -> None:
    try:
        open_keyring(database, settings.secret_key, datetime.now(UTC))
    except SQLAlchemyError as error:  # it may come up after us; until then /readyz says so
        _log.warning("the database does not answer yet: %s", getattr(error, "orig", error))


async def _went_wrong(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if not request.url.path.startswith(_PROGRAMS):
        return error_page(status, headers)
    title = HTTPStatus(status).phrase
    slug = title.lower().replace(" ", "-")
    document = {
        "type": f"urn:flexprint:problem:{slug}",
        "title": title,
        "status": status,
        "detail": _ADVICE[status // 100],
    }
    return JSONResponse(document, status, headers, media_type="application/problem+json")


_ADVICE: Final = {
    3: "Go where the Location header says.",
    4: "There is nothing here for this call. Check its address and method.",
    5: "The collector made a mistake and has written it in its log. Try again later.",
}


class _Headers:
    """Adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
