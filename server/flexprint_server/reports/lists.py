"""Lists of reports, `site:7` or `schedule:3`, which somebody can unsubscribe from: which a report is of, and what it is
called."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flexprint_server.mail.suppressions import suppress
from flexprint_server.mail.unsubscribe import Subscription
from flexprint_server.reports.models import Report, Schedule
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Customer, Dealer, Site

GONE = "reports that are not made any more"


def list_of(report: Report) -> str:
    """The reports of a site, or of a schedule."""
    return f"schedule:{report.schedule_id}" if report.agent_id is None else f"site:{report.site_id}"


def called(session: Session, dealer_id: int, of: str) -> str:
    """For people; `of` is that of mail.models.Suppression."""
    kind, _, number = of.partition(":")
    if not of:
        return "every report"
    if not number.isdigit():
        return GONE
    if kind == "schedule":
        named = select(Schedule.name).where(Schedule.dealer_id == dealer_id, Schedule.id == int(number))
        return session.scalar(named) or GONE
    site = select(Customer.name, Site.name).join(Customer, Customer.id == Site.customer_id)
    row = session.execute(site.where(Site.dealer_id == dealer_id, Site.id == int(number))).one_or_none()
    return f"{row[0]}, {row[1]}" if row else GONE


def unsubscribe(session: Session, reader: Subscription, now: datetime) -> None:
    """At the reader's own wish, which the dealer's audit log says once."""
    if suppress(session, reader.dealer_id, reader.address, "unsubscribed", now, of=reader.list):
        what = called(session, reader.dealer_id, reader.list)[:200]
        audit.note_of(session, reader.dealer_id, reader.address, "address.unsubscribed", what, now)


def dealer_name(session: Session, dealer_id: int) -> str | None:
    return session.scalar(select(Dealer.name).where(Dealer.id == dealer_id))
