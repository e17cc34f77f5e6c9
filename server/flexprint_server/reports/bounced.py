"""What a returned mail means for the report or the mail that it was."""

import logging
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.mail.bounces import Bounce, bounce_in
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.suppressions import suppress
from flexprint_server.reports.models import Delivery

_log: Final = logging.getLogger(__name__)


def take_mail(database: Database, octets: bytes, mail_domain: str, now: datetime) -> bool:
    """Notes what a mail in the mailbox of returned mails says. False when it says nothing of one of ours."""
    bounce = bounce_in(octets)
    if bounce is None:
        return False
    with database.transaction() as session:
        return note_bounce(session, bounce, mail_domain, now)


def note_bounce(session: Session, bounce: Bounce, mail_domain: str, now: datetime) -> bool:
    """Marks the mail as returned, and its address as one not to be written to where there is no such mailbox. A delay
    is shown and changes nothing. False when there is no such mail."""
    message_id = f"<{bounce.envelope_id}@{mail_domain}>"
    mail = session.scalar(select(Delivery).where(Delivery.message_id == message_id).with_for_update())
    other = session.scalar(select(OutgoingMail).where(OutgoingMail.message_id == message_id).with_for_update())
    found = mail or other
    if found is None:
        return False
    if mail:
        _mark(mail, bounce, now)
    elif other:
        _mark_other(other, bounce)
    if bounce.is_about_the_address:
        suppress(session, found.dealer_id, found.recipient, "bounced", now, detail=bounce.words)
    _log.info("a mail of dealer %d is reported as %s (%s)", found.dealer_id, bounce.action, bounce.status)
    return True


def _mark(mail: Delivery, bounce: Bounce, now: datetime) -> None:
    if bounce.action == "failed" and mail.state != "bounced":
        mail.state, mail.answer, mail.changed_at = "bounced", bounce.words, now
    elif bounce.action == "delayed" and mail.state == "accepted":
        mail.answer, mail.changed_at = f"accepted, but delayed on its way: {bounce.words}", now


def _mark_other(mail: OutgoingMail, bounce: Bounce) -> None:
    if bounce.action == "failed":
        mail.state, mail.answer = "bounced", bounce.words
