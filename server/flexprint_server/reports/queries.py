"""What pages ask about reports. Every question names its dealer first."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from flexprint_server.reports.models import Report, Workbook
from flexprint_server.tenants.models import Site

PAGE: Final = 50
"""Reports on one page."""


def reports(dealer_id: int, session: Session, before: int | None = None) -> list[Report]:
    """PAGE reports and one more (there is a next page when it came), the newest first, of those with an id
    below `before`; with their sites and deliveries."""
    asked = (
        select(Report)
        .where(Report.dealer_id == dealer_id)
        .order_by(Report.id.desc())
        .limit(PAGE + 1)
        .options(joinedload(Report.site).joinedload(Site.customer), selectinload(Report.deliveries))
    )
    if before is not None:
        asked = asked.where(Report.id < before)
    return list(session.scalars(asked))


def workbook(dealer_id: int, session: Session, report_id: int) -> tuple[str, bytes] | None:
    """The file name and content of a report's workbook; None when this dealer has none such."""
    row = session.execute(
        select(Report.file_name, Workbook.content)
        .join(Workbook, Workbook.report_id == Report.id)
        .where(Report.dealer_id == dealer_id, Report.id == report_id)
    ).first()
    return (row[0] or f"report-{report_id}.xlsx", row[1]) if row else None
