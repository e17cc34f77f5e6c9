"""Asking for a report. Whoever stores a batch does it in the same transaction; the mail follows by itself."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from flexprint_server.reports.addresses import distinct, is_address
from flexprint_server.reports.models import Delivery, Report

NOT_AN_ADDRESS = "this is not a mail address; correct it with `flexprint-agent recipients`"


def request_report(
    session: Session,
    *,
    dealer_id: int,
    site_id: int,
    agent_id: uuid.UUID,
    recipients: Iterable[str],
    requested_at: datetime,
    now: datetime,
    mail_domain: str,
) -> int:
    """The number of a new report, due now. What is no mail address is kept as a refused recipient, so that it
    shows. `mail_domain` is the right side of the Message-IDs: the domain that the mails come from."""
    report = Report(
        dealer_id=dealer_id,
        site_id=site_id,
        agent_id=agent_id,
        state="due",
        requested_at=requested_at,
        created_at=now,
        next_attempt_at=now,
        deliveries=[_delivery(dealer_id, recipient, mail_domain) for recipient in distinct(recipients)],
    )
    session.add(report)
    session.flush()
    return report.id


def _delivery(dealer_id: int, recipient: str, mail_domain: str) -> Delivery:
    valid = is_address(recipient)
    return Delivery(
        dealer_id=dealer_id,
        recipient=recipient,
        message_id=f"<{uuid.uuid4().hex}@{mail_domain}>",
        state="queued" if valid else "refused",
        answer=None if valid else NOT_AN_ADDRESS,
    )
