"""What pages ask about reports. Every question names its dealer first."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from flexprint_server.database import FEW_AT_A_TIME
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.tenants.models import Site

PAGE: Final = 50
"""Reports on one page."""


def reports(dealer_id: int, session: Session, before: int | None = None) -> list[Report]:
    """PAGE reports and one more (there is a next page when it came), the newest first, of those with an id
    below `before`; with their sites and deliveries."""
    asked = _newest_first(dealer_id).limit(PAGE + 1)
    return list(session.scalars(asked if before is None else asked.where(Report.id < before)))


def newest(dealer_id: int, session: Session, most: int) -> list[Report]:
    """The newest reports, with their sites and deliveries."""
    return list(session.scalars(_newest_first(dealer_id).limit(most)))


def report(dealer_id: int, session: Session, report_id: int) -> Report | None:
    """One report with its site and deliveries; None when this dealer has none such."""
    return session.scalar(_newest_first(dealer_id).where(Report.id == report_id))


def every_delivery(dealer_id: int, session: Session) -> Iterator[tuple[Report, Delivery | None]]:
    """Each report with each of its recipients, the newest first, a few at a time; once alone where it has none."""
    for report in session.scalars(_newest_first(dealer_id), execution_options=FEW_AT_A_TIME):
        for delivery in report.deliveries or (None,):
            yield report, delivery


def _newest_first(dealer_id: int) -> Select[Report]:
    return (
        select(Report)
        .where(Report.dealer_id == dealer_id)
        .order_by(Report.id.desc())
        .options(joinedload(Report.site).joinedload(Site.customer), selectinload(Report.deliveries))
    )


def after(dealer_id: int, session: Session, report_id: int, most: int) -> list[Report]:
    """Reports with an id above `report_id`, the oldest first."""
    asked = (
        select(Report)
        .where(Report.dealer_id == dealer_id, Report.id > report_id)
        .order_by(Report.id)
        .limit(most)
        .options(joinedload(Report.site), selectinload(Report.deliveries))
    )
    return list(session.scalars(asked))
