"""One mail of the outbox from claim to mailbox."""

import logging
from contextlib import closing
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from flexprint_server.at_rest import Locked
from flexprint_server.mail import outbox
from flexprint_server.mail.handover import Outcome, a_worker, failed, hand_over
from flexprint_server.mail.hold import Held, insist
from flexprint_server.mail.means import Means
from flexprint_server.mail.message import Mail, begun, finished
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.relay import RelayUnusable
from flexprint_server.mail.suppressions import EVERYTHING, suppressed

ASKED_FOR: Final = ("invitation", "reset", "password")
"""Kinds of mails that somebody asked for just now: they are tried even where one came back before."""

_log: Final = logging.getLogger(__name__)
_LOCKED: Final = "it was written under another FLEXPRINT_SECRET_KEY; ask for what was in it again"
_TOO_LATE: Final = "it could not be sent in time"


def send(means: Means, mail_id: int) -> None:
    """Hands the mail over, if it is due and nobody else holds it. What goes wrong is noted in its row and tried again
    later. Only a database that is away comes out of here, and then the lease runs out by itself. Raises
    OperationalError, InterfaceError."""
    with means.database.transaction() as session:
        held = outbox.claim(session, mail_id, a_worker(), means.clock(), means.lease)
        if held and outbox.is_past(held, means.clock()):
            reason = held.answer or _TOO_LATE
            outbox.record(session, held, "refused", f"given up: {reason}", means.clock(), means.luck())
            return
        if held and (barred := _not_to_be_written_to(session, held)):
            outbox.record(session, held, "refused", barred, means.clock(), means.luck())
            return
    if held is None:
        return
    with Held(f"mail {mail_id}", means.lease.total_seconds() / 3, partial(_renew, means, held)):
        _attempt(means, held)


def _not_to_be_written_to(session: Session, held: OutgoingMail) -> str | None:
    """Why nothing is sent to that address; None where it is, or where somebody asked for the mail just now."""
    if held.kind in ASKED_FOR:
        return None
    return suppressed(session, held.dealer_id, [held.recipient], EVERYTHING).get(held.recipient)


def _renew(means: Means, held: OutgoingMail) -> bool:
    with means.database.transaction() as session:
        return outbox.renew(session, held, means.clock(), means.lease)


def _attempt(means: Means, held: OutgoingMail) -> None:
    try:
        mail = composed(held, outbox.opened(held, means.secret_key), means.mail_from, means.bounce_to)
        with closing(means.post.open()) as line:
            # Another worker may have taken it over while the line was opened.
            if _renew(means, held):
                _note(means, held, *hand_over(line, mail))
    except RelayUnusable as error:
        _log.warning("mail %d waits: %s", held.id, error)
        _note(means, held, "deferred", str(error))
    except Locked:
        _note(means, held, "refused", _LOCKED)
    except Exception as error:  # noqa: BLE001  whatever it is, it is noted and tried again, and other mails go on
        _log.exception("mail %d: sending failed", held.id)
        _note(means, held, "deferred", failed("sending", error))


def _note(means: Means, held: OutgoingMail, outcome: Outcome, answer: str) -> None:
    def write() -> None:
        now = means.clock()
        with means.database.transaction() as session:
            outbox.record(session, held, outcome, answer, now, means.luck())
            outbox.forget(session, now)

    insist(f"mail {held.id} is {outcome}", write)


def composed(row: OutgoingMail, content: outbox.Content, mail_from: str, bounce_to: str = "") -> Mail:
    """The mail as it is handed over: the same octets each time."""
    message = begun(
        mail_from=mail_from,
        recipient=row.recipient,
        subject=content.subject,
        date=row.created_at,
        message_id=row.message_id,
    )
    message.set_content(content.text.encode(errors="replace").decode(), cte="quoted-printable")
    return finished(message, bounce_to=bounce_to)
