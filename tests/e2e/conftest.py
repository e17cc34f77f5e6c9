"""A collector on PostgreSQL with a queue and a relay, for journeys."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e.journey import DEALER, Agent, Collector
from flexprint_server.database import Database
from flexprint_server.migrations import upgrade
from flexprint_server.tenants.service import add_dealer
from services.postgres import Postgres
from services.smtp import Sink
from services.valkey import Valkey


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Sink]:
    """A mail relay with STARTTLS and a password."""
    sink = Sink(tmp_path).start()
    yield sink
    sink.stop()


def _with_a_dealer(url: str) -> None:
    upgrade(url)
    database = Database(url)
    with database.transaction() as session:
        add_dealer(session, DEALER, "owner@northwind.example", "correct horse battery", datetime.now(UTC))
    database.close()


@pytest.fixture
def collector(tmp_path: Path, postgres: Postgres, valkey: Valkey, relay: Sink) -> Iterator[Collector]:
    valkey.flush()
    url = postgres.create(template=postgres.template("flexprint_dealer", _with_a_dealer))
    folder = tmp_path / "collector"
    folder.mkdir()
    with Collector(
        folder, database_url=url, redis_url=valkey.url, smtp_url=f"{relay.url}&ca={relay.ca_file}"
    ) as running:
        yield running
    postgres.drop(url)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "agent")
