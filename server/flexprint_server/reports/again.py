"""Sending a report again, because somebody asked for it."""

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flexprint_server.reports.models import Delivery, Report


class Busy(Exception):
    """A worker has the report in hand at this moment."""


def resend(
    session: Session, report: Report, now: datetime, mail_domain: str, delivery_id: int | None = None
) -> list[str]:
    """Queues the report's mail to one of its recipients, or to all, and gives their addresses. It is another mail,
    under another Message-ID, and the same workbook; one that was never built is built now. Raises Busy."""
    free = update(Report).where(Report.id == report.id, Report.claimed_by.is_(None))
    values = {"state": "built" if report.built_at else "due", "next_attempt_at": now, "attempts": 0, "error": None}
    if not session.scalars(free.values(values).returning(Report.id)).all():
        raise Busy("it is being sent at this moment; look again in a minute")
    asked = select(Delivery).where(Delivery.report_id == report.id)
    deliveries = session.scalars(asked if delivery_id is None else asked.where(Delivery.id == delivery_id)).all()
    for delivery in deliveries:
        delivery.message_id = f"<{uuid.uuid4().hex}@{mail_domain}>"
        delivery.state, delivery.attempts, delivery.answer = "queued", 0, None
        delivery.accepted_at, delivery.changed_at = None, now
    return [delivery.recipient for delivery in deliveries]
