"""Alice's dealer has a seeded fleet; Bob is somebody else's customer; nobody is signed in."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flexprint_server.database import Database
from flexprint_server.settings import read_settings
from flexprint_server.tenants.sign_in import sign_in
from services.pages import ALICE, BOB, NOW, Clock, Visit, serving
from services.seeded import PASSWORD, bare_dealer, fill


@dataclass(frozen=True)
class Seeded:
    """A database file, and the tokens of sessions that are open in it."""

    path: Path
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def seeded(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    path = tmp_path_factory.mktemp("seeded") / "flexprint.db"
    shutil.copyfile(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}")
    with database.transaction() as session:
        fill(session, NOW)
        bare_dealer(session, NOW, "Elsewhere Office", BOB)
    tokens = {
        email: sign_in(database, email=email, password=PASSWORD, address="", browser=None, now=NOW)
        for email in (ALICE, BOB)
    }
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return Seeded(path, tokens)


@pytest.fixture
def fleet(seeded: Seeded, tmp_path: Path) -> Iterator[Database]:
    """A seeded database of this test's own."""
    path = tmp_path / "seeded.db"
    shutil.copyfile(seeded.path, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def url(fleet: Database, clock: Clock, tmp_path: Path) -> Iterator[str]:
    with serving(read_settings({}, data=tmp_path), fleet, clock) as url:
        yield url


@pytest.fixture
def nobody(url: str) -> Iterator[Visit]:
    visit = Visit(url)
    yield visit
    visit.close()


@pytest.fixture
def alice(url: str, seeded: Seeded) -> Iterator[Visit]:
    visit = Visit(url, seeded.tokens[ALICE])
    yield visit
    visit.close()


@pytest.fixture
def bob(url: str, seeded: Seeded) -> Iterator[Visit]:
    visit = Visit(url, seeded.tokens[BOB])
    yield visit
    visit.close()
