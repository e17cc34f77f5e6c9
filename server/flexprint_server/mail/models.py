"""Mails other than workbooks, and what became of them. The row is the truth; the queue only wakes."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from flexprint_server.database import BigKey, Model, Scope


class OutgoingMail(Model):
    """One mail to one recipient. `state`: queued, accepted, deferred, refused (by the mail server for good, or by us
    after the last try), bounced (accepted, and then returned); `answer` holds the mail server's words.

    `content` is what outbox.Content says, encrypted: a link in it may let its reader in. It is gone once the mail is
    accepted or refused. The Message-ID is fixed when the row is made, so that a mail sent twice after a crash is
    recognisably the same mail. `next_attempt_at`, `claimed_by` and `lease_until` are as in reports.models.Report; after
    `until` the mail is of no use to anybody."""

    __tablename__ = "outgoing_mail"
    __table_args__ = (
        Index(None, "next_attempt_at"),
        Index(None, "dealer_id", "created_at"),
        Index(None, "created_at"),
        Index(None, "message_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    kind: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(254))
    message_id: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    until: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class Suppression(Model):
    """An address that a dealer's mails do not go to, until a person lifts that. `reason`: bounced (a mail came back
    because there is no such mailbox) or unsubscribed (by whoever reads it). `list` says which reports are meant:
    `site:7`, `schedule:3`, or empty for all. `address` is kept in lower case; `detail` is what a mail server said."""

    __tablename__ = "suppression"
    __table_args__ = (UniqueConstraint("dealer_id", "address", "list"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    address: Mapped[str] = mapped_column(String(254))
    list: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()
