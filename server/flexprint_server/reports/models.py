"""Workbooks that were asked for, and what became of them. The row is the truth; the queue only wakes."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, Select, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flexprint_server.database import Json, Model, Scope
from flexprint_server.tenants.models import Site, of_dealer_at_site, sites_of


class Report(Model):
    """A workbook for one site. `state`: due, building, built, sending, sent, failed.

    `next_attempt_at` is when a worker should look at it, None when there is nothing left to do. A worker holds a
    report while `lease_until` lies ahead, and renews it as long as it lives; whoever finds the lease run out may
    take over. `attempts` counts those at the present step. `summary` is reports.workbook.Summary, for the mail."""

    __tablename__ = "report"
    __table_args__ = (
        Index(None, "next_attempt_at"),
        Index(None, "dealer_id", "id"),
        Index(None, "agent_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dealer_id: Mapped[int] = mapped_column(ForeignKey("dealer.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"))
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agent.id"))
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

    site: Mapped[Site] = relationship()
    deliveries: Mapped[list["Delivery"]] = relationship(order_by="Delivery.id")

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return of_dealer_at_site(cls.dealer_id, cls.site_id, scope)


def _reports_of(scope: Scope) -> Select[int]:
    reports = Report.__table__.c
    return select(reports.id).where(reports.dealer_id == scope.dealer_id, reports.site_id.in_(sites_of(scope)))


class Workbook(Model):
    """The file itself, apart from its report so that lists of reports stay small."""

    __tablename__ = "workbook"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id", ondelete="CASCADE"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        return cls.report_id.in_(_reports_of(scope))


class Delivery(Model):
    """One recipient of one report. `state`: queued, accepted, deferred, refused (by the mail server for good, or
    by us after the last try), bounced (accepted, and then returned by a mail server further on), suppressed (not sent,
    because that address is not to be written to). `answer` holds the mail server's words, or ours; `changed_at` is
    since when both stand. The Message-ID is fixed when the row is made, so that a mail sent twice after a crash is
    recognisably the same mail; its left part is the envelope id, by which a bounce is told to belong to this row."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("report_id", "recipient"), Index(None, "message_id"))

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

    @classmethod
    def visible(cls, scope: Scope) -> ColumnElement[bool]:
        of_dealer = cls.dealer_id == scope.dealer_id
        return of_dealer if scope.customer_id is None else of_dealer & cls.report_id.in_(_reports_of(scope))
