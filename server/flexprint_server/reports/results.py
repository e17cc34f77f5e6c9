"""What became of an agent's reports, for the agent that asked for them."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from flexprint_server.reports.models import Delivery, Report
from flexprint_shared.times import rfc3339

REMEMBERED: Final = timedelta(days=30)
"""Reports older than this are not told of any more."""

MOST: Final = 50
"""Reports in one answer: more than an agent asks for between two check-ins."""

_OVERLAP: Final = timedelta(minutes=15)
# A transaction notes its time when it begins and is seen when it ends: look a little further back than was asked.


def results_for(session: Session, agent_id: uuid.UUID, since: datetime | None, now: datetime) -> list[dict[str, Any]]:
    """The agent's reports that something became of after `since` (None: all that are remembered), oldest first, MOST
    at most, the newest ones. Each is whole and names its `report`, so that being told twice changes nothing:

        {"report": 7, "requested_at": "2026-11-22T08:00:00Z", "state": "sent", "error": null, "file_name": "....xlsx",
         "devices": 40, "recipients": [{"address": "...", "state": "accepted", "at": "...", "answer": "250 OK"}]}

    `state` and the recipients' are those of reports.models."""
    asked = (
        select(Report)
        .where(Report.agent_id == agent_id, Report.created_at > now - REMEMBERED)
        .order_by(Report.created_at.desc(), Report.id.desc())
        .limit(MOST)
        .options(selectinload(Report.deliveries))
    )
    if since is not None:
        news = since - _OVERLAP
        asked = asked.where(
            or_(Report.created_at > news, Report.built_at > news, Report.deliveries.any(Delivery.changed_at > news))
        )
    return [_result(report) for report in reversed(session.scalars(asked).all())]


def _result(report: Report) -> dict[str, Any]:
    return {
        "report": report.id,
        "requested_at": rfc3339(report.requested_at),
        "state": report.state,
        "error": report.error,
        "file_name": report.file_name,
        "devices": report.devices,
        "recipients": [
            {
                "address": delivery.recipient,
                "state": delivery.state,
                "at": rfc3339(delivery.changed_at),
                "answer": delivery.answer,
            }
            for delivery in report.deliveries
        ],
    }
