"""The dashboard on a real port, and a browser's part of a conversation with it."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape

import httpx
import uvicorn
from fastapi import FastAPI

from flexprint_server.dashboard.routes import router
from flexprint_server.database import Database
from flexprint_server.settings import Settings
from services.seeded import PASSWORD

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ALICE = "alice@northwind.example"
BOB = "bob@elsewhere.example"
COMING_AND_GOING = ("session.opened", "session.closed")
"""What the audit log says besides of what people do."""


class Clock:
    """The time, as a test wants it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def serving(settings: Settings, database: Database, clock: Clock) -> Iterator[str]:
    """The address of a running dashboard."""
    app = FastAPI(openapi_url=None)
    app.include_router(router(settings, database, clock))
    with running(app) as url:
        yield url


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The address of an application on a real port."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the dashboard did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


class Visit:
    """One browser: cookies, and forms filled in as their pages gave them. `token` is of a session open already."""

    def __init__(self, url: str, token: str | None = None) -> None:
        # A context of its own spares reading the certificates of the world for plain HTTP.
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=no_tls)
        if token:
            self.client.cookies.set("flexprint", token, domain="127.0.0.1")

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.client.get(path, **more)

    def post(self, path: str, form: dict[str, str], **more: object) -> httpx.Response:
        return self.client.post(path, data=form, **more)

    def sign_in(self, email: str, password: str = PASSWORD, target: str | None = None) -> httpx.Response:
        page = self.get("/sign-in" + (f"?next={target}" if target else ""))
        return self.post("/sign-in", {**fields(page.text), "email": email, "password": password})

    def close(self) -> None:
        self.client.close()


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the forms in a page."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}
