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


@pytest.fixture(scope="session")
def _sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    sink = Sink(tmp_path_factory.mktemp("relay")).start()
    yield sink
    sink.stop()


def _with_a_dealer(url: str) -> None:
    upgrade(url)
    database = Database(url)
    with database.transaction() as session:
        add_dealer(session, DEALER, "owner@northwind.example", "correct horse battery", datetime.now(UTC))
    database.close()


@pytest.fixture(scope="session")
def _running(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, valkey: Valkey, _sink: Sink
) -> Iterator[Collector]:
    """Starting one takes longer than most journeys, so they share it."""
    url = postgres.create(template=postgres.template("flexprint_dealer", _with_a_dealer))
    smtp_url = f"{_sink.url}&ca={_sink.ca_file}"
    folder = tmp_path_factory.mktemp("collector")
    with Collector(folder, database_url=url, redis_url=valkey.url, smtp_url=smtp_url) as running:
        yield running
    postgres.drop(url)


@pytest.fixture
def relay(_sink: Sink) -> Sink:
    """A mail relay with STARTTLS and a password, polite and without mails."""
    _sink.forget()
    return _sink


@pytest.fixture
def collector(_running: Collector, relay: Sink) -> Iterator[Collector]:
    """API, worker and scheduler, running, with no agent and nothing that came from one."""
    _running.complete()
    yield _running
    _running.forget()


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "agent")
