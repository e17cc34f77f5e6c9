"""An outbox with a clock that tests set, and the means to send what is in it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from flexprint_server.database import Database
from flexprint_server.mail.means import LEASE, Means
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import GIVEN_UP_AFTER, Content, Outbox
from flexprint_server.mail.relay import Patience, SmtpPost
from flexprint_server.mail.relay_url import Relay
from flexprint_server.mail.sending import send
from services.seeded import bare_dealer

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET_KEY = "ab" * 32
PATIENCE = Patience(connect=5, command=5, block=5, last_answer=5)
CONTENT = Content("Invitation to Göteborg", "Choose a password:\n\nhttps://meters.example.com/invitations/abc\n")


@dataclass
class PostRoom:
    """One dealer's outbox, and a clock."""

    database: Database
    dealer_id: int
    now: datetime = START

    def put(self, recipient="office@example.com", content=CONTENT, useful: timedelta = GIVEN_UP_AFTER) -> int:
        outbox = Outbox(SECRET_KEY, "example.com")
        with self.database.transaction() as session:
            given = {"dealer_id": self.dealer_id, "now": self.now, "useful": useful}
            return outbox.put(session, "invitation", recipient, content, **given).id

    def send(self, mail_id: int, rude=None, post=None, secret_key: str = SECRET_KEY) -> OutgoingMail:
        """One attempt. Gives the mail afterwards."""
        post = post or SmtpPost(Relay("127.0.0.1", rude.port, "none"), "collector.test", PATIENCE)
        sender = "FlexPrint <flexprint@example.com>"
        send(
            Means(
                self.database, post, sender, secret_key, "https://x.example", "", LEASE, lambda: self.now, lambda: 1.0
            ),
            mail_id,
        )
        return self.mail(mail_id)

    def mail(self, mail_id: int) -> OutgoingMail:
        with self.database.reading() as session:
            return session.scalars(select(OutgoingMail).where(OutgoingMail.id == mail_id)).one()


@pytest.fixture
def room(database: Database) -> PostRoom:
    with database.transaction() as session:
        return PostRoom(database, bare_dealer(session, START, "Northwind Copiers", "alice@northwind.example").id)
