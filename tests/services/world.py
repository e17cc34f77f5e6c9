"""An inbox, an agent, and what the database shows after it brought something."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from flexprint_server.database import Database, Model
from flexprint_server.fleet.models import Device, Read
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared import readings
from services import agents
from services.reads import NOON


class World:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.inbox = Inbox(database, lambda: agents.keyring(database), "example.com")
        self.agent = agents.an_agent(database)

    def bring(self, *reads: readings.Read, agent: agents.Agent | None = None, arrived: datetime | None = None) -> None:
        newest = max(read.read_at for read in reads)
        self.inbox.receive((agent or self.agent).batch(*reads), arrived or newest + timedelta(hours=1))

    def devices(self) -> list[Device]:
        with self.database.reading() as session:
            return list(session.scalars(select(Device).order_by(Device.id)))

    def device(self) -> Device:
        (only,) = self.devices()
        return only

    def rows(self, model: type[Model]) -> list[Any]:
        with self.database.reading() as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key)))

    def reads(self) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Read)) or 0

    def visitor(self) -> Visitor:
        """The dealer's owner."""
        dealer = self.devices()[0].dealer_id
        later = NOON + timedelta(hours=1)
        return Visitor(1, 1, dealer, agents.DEALER, "alice@northwind.example", "owner", None, "", NOON, later)
