"""An inbox on each kind of database."""

import pytest

from flexprint_server.database import Database
from flexprint_server.ingest.service import Inbox
from services import agents


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database, lambda: agents.keyring(database), "example.com")


@pytest.fixture
def agent(database: Database) -> agents.Agent:
    return agents.an_agent(database)
