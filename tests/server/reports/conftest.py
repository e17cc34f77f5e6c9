"""A site with printers, and the means to deliver its reports, with a clock that tests set."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from flexprint_server.database import Database
from flexprint_server.mail.means import LEASE, Means
from flexprint_server.mail.relay import Patience, SmtpPost
from flexprint_server.mail.relay_url import Relay
from flexprint_server.reports.delivery import deliver
from flexprint_server.reports.models import Report
from flexprint_server.tenants.models import Agent
from services.sites import add_device, add_site, ask

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PATIENCE = Patience(connect=5, command=5, block=5, last_answer=5)


@dataclass
class House:
    """One site of one dealer, and a clock."""

    database: Database
    agent: Agent
    now: datetime = START
    devices: list[int] = field(default_factory=list)

    def ask(self, *recipients: str) -> int:
        with self.database.transaction() as session:
            return ask(session, self.agent, self.now, *recipients)

    def means(self, post, lease: timedelta = LEASE) -> Means:
        return Means(
            self.database,
            post,
            "FlexPrint <flexprint@example.com>",
            "5e" * 32,
            "https://meters.example.com",
            "bounces@example.com",
            lease,
            clock=lambda: self.now,
            luck=lambda: 1.0,
        )

    def deliver(self, report_id: int, rude=None, post=None) -> Report:
        """One attempt, over the rude mail server or another post. Gives the report afterwards."""
        post = post or SmtpPost(Relay("127.0.0.1", rude.port, "none"), "collector.test", PATIENCE)
        deliver(self.means(post), report_id)
        return self.report(report_id)

    def report(self, report_id: int) -> Report:
        with self.database.reading() as session:
            return session.execute(
                select(Report).where(Report.id == report_id).options(selectinload(Report.deliveries))
            ).scalar_one()

    def states(self, report_id: int) -> tuple[str, list[str]]:
        report = self.report(report_id)
        return report.state, [delivery.state for delivery in report.deliveries]


@pytest.fixture
def house(database: Database) -> House:
    with database.transaction() as session:
        agent = add_site(session, START)
        for number in range(3):
            add_device(session, agent, START - timedelta(hours=1), f"VD{number:08}")
    return House(database, agent)
