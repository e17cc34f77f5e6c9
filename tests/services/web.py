"""The collector's web application in this process: the real server on a real port, to be asked by a real client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from flexprint_server.app import create_app
from flexprint_server.database import Database
from flexprint_server.settings import Settings, read_settings
from services.agents import SECRET_KEY
from services.process import free_port, wait_until


def settings_for(database_url: str, data: Path, redis_url: str | None = None) -> Settings:
    given = {"FLEXPRINT_DATABASE_URL": database_url, "FLEXPRINT_SECRET_KEY": SECRET_KEY}
    return read_settings({**given, **({"FLEXPRINT_REDIS_URL": redis_url} if redis_url else {})}, data=data)


@contextmanager
def collector(settings: Settings, database: Database) -> Iterator[httpx.Client]:
    """A client of the running application."""
    port = free_port()
    app = create_app(settings, database)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, server_header=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the start of the web application")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
