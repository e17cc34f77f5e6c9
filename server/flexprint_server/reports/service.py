"""Asking for a report. Whoever stores a batch does it in the same transaction; the mail follows by itself."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from flexprint_server.reports import quota
from flexprint_server.reports.addresses import distinct
from flexprint_server.reports.models import Delivery, Report
from flexprint_shared.addresses import is_address

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
    """The number of a new report, due now; one that has failed from the start when the agent has asked for too
    many. What is no mail address is kept as a refused recipient, so that it shows. `mail_domain` is the right side
    of the Message-IDs: the domain that the mails come from."""
    again = quota.accepted_from(_accepted(session, agent_id, now), now)
    refusal = quota.refusal(again) if again else None
    report = Report(
        dealer_id=dealer_id,
        site_id=site_id,
        agent_id=agent_id,
        state="failed" if refusal else "due",
        requested_at=requested_at,
        created_at=now,
        next_attempt_at=None if refusal else now,
        error=refusal,
        deliveries=[_delivery(dealer_id, recipient, mail_domain, refusal, now) for recipient in distinct(recipients)],
    )
    session.add(report)
    session.flush()
    return report.id


def _accepted(session: Session, agent_id: uuid.UUID, now: datetime) -> Sequence[datetime]:
    """When the agent's newest reports were accepted, as many as its quota looks at. One that failed without a
    single attempt was not."""
    return session.scalars(
        select(Report.created_at)
        .where(
            Report.agent_id == agent_id,
            Report.created_at > now - quota.WITHIN,
            not_((Report.state == "failed") & (Report.attempts == 0)),
        )
        .order_by(Report.created_at.desc())
        .limit(quota.MOST)
    ).all()


def _delivery(dealer_id: int, recipient: str, mail_domain: str, refusal: str | None, now: datetime) -> Delivery:
    answer = refusal if is_address(recipient) else NOT_AN_ADDRESS
    return Delivery(
        dealer_id=dealer_id,
        recipient=recipient,
        message_id=f"<{uuid.uuid4().hex}@{mail_domain}>",
        state="refused" if answer else "queued",
        answer=answer,
        changed_at=now,
    )
