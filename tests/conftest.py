"""Real services for every test that asks for them; each test process has its own."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from flexprint_server.database import Database
from lab.branch import Branch
from lab.network import unavailable
from services.postgres import Postgres
from services.smtp import Sink
from services.valkey import Valkey
from services.windows import Windows

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("flexprint", deadline=None)
hypothesis.settings.load_profile("flexprint")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A running PostgreSQL. `postgres.create()` gives the URL of an empty database."""
    folder = tmp_path_factory.mktemp("postgres")
    given = os.environ.get("FLEXPRINT_TEST_DATABASE_URL")
    server = Postgres.named(given, folder) if given else Postgres(folder)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A running Redis-protocol server: `valkey.url`."""
    folder = tmp_path_factory.mktemp("valkey")
    given = os.environ.get("FLEXPRINT_TEST_REDIS_URL")
    server = Valkey.named(given, folder) if given else Valkey(folder)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file brought up to date once; tests copy it."""
    from flexprint_server.migrations import upgrade

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    path = tmp_path / "flexprint.db"
    shutil.copyfile(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    from flexprint_server.migrations import upgrade

    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own: the test runs once for each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same as an open `Database`."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[Sink]:
    """A mail server that keeps what it is given: `smtp.url`, `smtp.ca_file`, `smtp.mails`."""
    sink = Sink(tmp_path).start()
    yield sink
    sink.stop()


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    """A customer's branch as a network of its own, with routers, LANs and printers; see tests/lab/README.md."""
    reason = unavailable("snmpd")
    if reason:
        pytest.skip(reason)
    with Branch(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def windows() -> Windows:
    """Programs for Windows, run under wine: `windows.agent("status")`. Tests that use it carry the `system` marker."""
    from services import windows as rig

    reason = rig.missing()
    if reason:
        pytest.skip(reason)
    return rig.start()
