"""One mail of the outbox from claim to mailbox."""

import logging
import secrets
import socket
from contextlib import closing
from functools import partial
from typing import Final

from flexprint_server.at_rest import Locked
from flexprint_server.mail import outbox
from flexprint_server.mail.hold import Held, insist
from flexprint_server.mail.means import Means
from flexprint_server.mail.message import Mail, begun, finished
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import Outcome
from flexprint_server.mail.relay import Deferred, Line, Refused, RelayUnusable

_log: Final = logging.getLogger(__name__)
_LOCKED: Final = "it was written under another FLEXPRINT_SECRET_KEY; ask for what was in it again"
_TOO_LATE: Final = "it could not be sent in time"


def send(means: Means, secret_key: str, mail_id: int) -> None:
    """Hands the mail over, if it is due and nobody else holds it. What goes wrong is noted in its row and tried again
    later. Only a database that is away comes out of here, and then the lease runs out by itself. Raises
    OperationalError, InterfaceError."""
    by = f"{socket.gethostname()[:40]}/{secrets.token_hex(8)}"
    with means.database.transaction() as session:
        held = outbox.claim(session, mail_id, by, means.clock(), means.lease)
        if held and outbox.is_past(held, means.clock()):
            reason = held.answer or _TOO_LATE
            outbox.record(session, held, "refused", f"given up: {reason}", means.clock(), means.luck())
            return
    if held is None:
        return
    with Held(f"mail {mail_id}", means.lease.total_seconds() / 3, partial(_renew, means, held)):
        _attempt(means, secret_key, held)


def _renew(means: Means, held: OutgoingMail) -> bool:
    with means.database.transaction() as session:
        return outbox.renew(session, held, means.clock(), means.lease)


def _attempt(means: Means, secret_key: str, held: OutgoingMail) -> None:
    try:
        mail = composed(held, outbox.opened(held, secret_key), means.mail_from)
        with closing(means.post.open()) as line:
            # Another worker may have taken it over while the line was opened.
            if _renew(means, held):
                _note(means, held, *_hand_over(line, mail))
    except RelayUnusable as error:
        _log.warning("mail %d waits: %s", held.id, error)
        _note(means, held, "deferred", str(error))
    except Locked:
        _note(means, held, "refused", _LOCKED)
    except Exception as error:  # noqa: BLE001  whatever it is, it is noted and tried again, and other mails go on
        _log.exception("mail %d: sending failed", held.id)
        _note(means, held, "deferred", f"sending failed: {error or type(error).__name__}"[:1000])


def _hand_over(line: Line, mail: Mail) -> tuple[Outcome, str]:
    """What it came to, and the mail server's words."""
    try:
        return "accepted", line.hand_over(mail)
    except Refused as error:
        return "refused", str(error)
    except Deferred as error:
        return "deferred", str(error)


def _note(means: Means, held: OutgoingMail, outcome: Outcome, answer: str) -> None:
    def write() -> None:
        now = means.clock()
        with means.database.transaction() as session:
            outbox.record(session, held, outcome, answer, now, means.luck())
            outbox.forget(session, now)

    insist(f"mail {held.id} is {outcome}", write)


def composed(row: OutgoingMail, content: outbox.Content, mail_from: str) -> Mail:
    """The mail as it is handed over: the same octets each time."""
    message = begun(
        mail_from=mail_from,
        recipient=row.recipient,
        subject=content.subject,
        date=row.created_at,
        message_id=row.message_id,
    )
    message.set_content(content.text.encode(errors="replace").decode(), cte="quoted-printable")
    return finished(message)
