"""Workbooks that were asked for, and what became of them. The row is the truth; the queue only wakes."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flexprint_server.database import Json, Model, Scope
from flexprint_server.tenants.models import Site, of_dealer_at_site


class Schedule(Model):
    """Workbooks that a dealer wants again and again. `recurrence` is flexprint_shared.recurrence's line, on the clock
    of `zone` (an IANA name); `next_at` is the next run, None while it is paused. `covers`, `sheets`, `columns`,
    `subject` and `file_name` are those of reports.wanted.Wanted, `period` is wanted.Period."""

    __tablename__ = "schedule"
    __table_args__ = (Index(None, "next_at"), UniqueConstraint("dealer_id", "name"))

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    name: Mapped[str] = mapped_column(String(120))
    recurrence: Mapped[str] = mapped_column(String(40))
    zone: Mapped[str] = mapped_column(String(64))
    covers: Mapped[dict[str, Any]] = mapped_column(Json)
    recipients: Mapped[list[str]] = mapped_column(Json)
    sheets: Mapped[list[str]] = mapped_column(Json)
    columns: Mapped[list[str]] = mapped_column(Json)
    period: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(200))
    file_name: Mapped[str] = mapped_column(String(200))
    next_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(254))

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & false()


class Report(Model):
    """A workbook: for the site of the agent that asked for it, or for what a schedule covers, and then without site
    and agent. `wanted` is reports.wanted.Wanted as JSON, None for an agent's. A run of a schedule has the time it was
    due at in `scheduled_for`; one that a person asked for has none. `title` is what people call it and `subject` what
    its mails do, both known at last when it is built. `state`: due, building, built, sending, sent, failed.

    `next_attempt_at` is when a worker should look at it, None when there is nothing left to do. A worker holds a
    report while `lease_until` lies ahead, and renews it as long as it lives; whoever finds the lease run out may
    take over. `attempts` counts those at the present step. `summary` is reports.workbook.rows.Summary, for the mail."""

    __tablename__ = "report"
    __table_args__ = (
        Index(None, "next_attempt_at"),
        Index(None, "dealer_id", "id"),
        Index(None, "agent_id", "created_at"),
        UniqueConstraint("schedule_id", "scheduled_for"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agent.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id", ondelete="SET NULL"))
    scheduled_for: Mapped[datetime | None]
    title: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(400))
    wanted: Mapped[dict[str, Any] | None] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(10))
    requested_at: Mapped[datetime]
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    file_name: Mapped[str | None] = mapped_column(String(255))
    devices: Mapped[int | None]
    summary: Mapped[dict[str, Any] | None] = mapped_column(Json)
    built_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

    site: Mapped[Site | None] = relationship()
    deliveries: Mapped[list["Delivery"]] = relationship(order_by="Delivery.id")

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)


def _reports_of(scope: Scope) -> Select[int]:
    reports = Report.__table__.c
    return select(reports.id).where(of_dealer_at_site(reports.dealer_id, reports.site_id, scope))


class WorkbookPart(Model):
    """A part of the file itself, the first is 0. Apart from the report so that lists of reports stay small, and in
    parts (reports.parts) so that nobody has to hold a large one whole."""

    __tablename__ = "workbook_part"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.report_id.in_(_reports_of(scope))


class Delivery(Model):
    """One recipient of one report. `state`: queued, accepted, deferred, refused (by the mail server for good, or
    by us after the last try), bounced (accepted, and then returned by a mail server further on), suppressed (not sent,
    because that address is not to be written to). `answer` holds the mail server's words, or ours; `changed_at` is
    since when both stand. The Message-ID is fixed when the row is made, so that a mail sent twice after a crash is
    recognisably the same mail; its left part is the envelope id, by which a bounce is told to belong to this row.

    Where the workbook was too large for the mail, `token_hash` is the SHA-256 of what stands in the link that the mail
    has instead (reports.links), and `link_until` when that ends."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("report_id", "recipient"),
        Index(None, "message_id"),
        Index(None, "token_hash", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"), index=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id", ondelete="CASCADE"))
    recipient: Mapped[str] = mapped_column(String(254))
    message_id: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    link_until: Mapped[datetime | None]

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & cls.report_id.in_(_reports_of(scope))
