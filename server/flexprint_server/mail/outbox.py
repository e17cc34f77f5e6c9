"""Mails other than workbooks: put here in the transaction of whatever they tell of, sent by a worker.

queued -> accepted         a worker holds it by a lease while it hands it over
  |  ^ '-> refused         by the mail server for good, or by us when it is of no use any more
  '-> deferred             back in the queue until next_attempt_at
"""

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import CursorResult, Update, delete, or_, select, update
from sqlalchemy.orm import Session

from flexprint_server.at_rest import lock, unlock
from flexprint_server.mail.handover import Outcome
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.retries import SENDING, next_attempt

GIVEN_UP_AFTER: Final = timedelta(days=2)
"""As long as senders of mail are used to try."""

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""How long what became of a mail is kept."""


@dataclass(slots=True, frozen=True)
class Content:
    subject: str
    text: str


@dataclass(slots=True, frozen=True)
class Outbox:
    """Where mails are put. `secret_key` is FLEXPRINT_SECRET_KEY, `mail_domain` the right side of Message-IDs."""

    secret_key: str
    mail_domain: str

    def put(
        self,
        session: Session,
        kind: str,
        recipient: str,
        content: Content,
        *,
        dealer_id: int,
        now: datetime,
        useful: timedelta = GIVEN_UP_AFTER,
    ) -> OutgoingMail:
        """A mail that is due at once, and of no use to anybody after `useful`. `kind` is a word for people who look
        after the collector; `recipient` has to be an address (flexprint_shared.addresses)."""
        message_id = f"<{uuid.uuid4().hex}@{self.mail_domain}>"
        mail = OutgoingMail(
            dealer_id=dealer_id,
            kind=kind,
            recipient=recipient,
            message_id=message_id,
            content=lock(json.dumps(asdict(content)).encode(), self.secret_key, message_id.encode()),
            state="queued",
            created_at=now,
            until=now + useful,
            next_attempt_at=now,
        )
        session.add(mail)
        session.flush()
        return mail


def opened(mail: OutgoingMail, secret_key: str) -> Content:
    """What the mail says. Raises at_rest.Locked."""
    assert mail.content is not None, "it is kept for as long as the mail waits"
    return Content(**json.loads(unlock(mail.content, secret_key, mail.message_id.encode())))


def due(session: Session, now: datetime, most: int) -> list[int]:
    """Mails that a worker should look at and none holds, those that have waited longest first."""
    return list(
        session.scalars(
            select(OutgoingMail.id)
            .where(
                OutgoingMail.next_attempt_at <= now,
                or_(OutgoingMail.lease_until.is_(None), OutgoingMail.lease_until <= now),
            )
            .order_by(OutgoingMail.next_attempt_at, OutgoingMail.id)
            .limit(most)
        )
    )


def claim(session: Session, mail_id: int, by: str, now: datetime, lease: timedelta) -> OutgoingMail | None:
    """The mail, held by `by` for `lease`; None when it is not due or somebody holds it. One conditional update: of two
    workers that try at the same time exactly one gets it."""
    taken = _change(
        session,
        update(OutgoingMail)
        .where(
            OutgoingMail.id == mail_id,
            OutgoingMail.next_attempt_at <= now,
            or_(OutgoingMail.lease_until.is_(None), OutgoingMail.lease_until <= now),
        )
        .values(claimed_by=by, lease_until=now + lease, attempts=OutgoingMail.attempts + 1),
    )
    return session.get_one(OutgoingMail, mail_id) if taken else None


def renew(session: Session, held: OutgoingMail, now: datetime, lease: timedelta) -> bool:
    """Holds the mail for `lease` from now on; False when somebody else has it, or it waits no longer."""
    return _change(session, _of_holder(held).values(lease_until=now + lease))


def record(session: Session, held: OutgoingMail, outcome: Outcome, answer: str, now: datetime, luck: float) -> None:
    """What an attempt came to. An acceptance is a fact, whoever holds the mail by now; anything else counts only from
    its holder."""
    done = {"content": None, "next_attempt_at": None, "claimed_by": None, "lease_until": None}
    if outcome == "accepted":
        values = {**done, "state": "accepted", "answer": answer, "accepted_at": now}
        _change(session, update(OutgoingMail).where(OutgoingMail.id == held.id).values(values))
    elif outcome == "refused":
        _change(session, _of_holder(held).values({**done, "state": "refused", "answer": answer}))
    else:
        again = next_attempt(SENDING, held.attempts, now, luck)
        if again is None or again > held.until:
            record(session, held, "refused", f"given up after {_times(held.attempts)}: {answer}", now, luck)
            return
        later = {"state": "deferred", "answer": answer, "claimed_by": None, "lease_until": None}
        _change(session, _of_holder(held).values({**later, "next_attempt_at": again}))


def forget(session: Session, now: datetime) -> None:
    """Removes the rows of mails that were done with long ago."""
    session.execute(
        delete(OutgoingMail).where(
            OutgoingMail.created_at <= now - FORGOTTEN_AFTER, OutgoingMail.next_attempt_at.is_(None)
        )
    )


def is_past(held: OutgoingMail, now: datetime) -> bool:
    """True when the mail is of no use any more, or when so many workers have died over it that the next one would."""
    return now >= held.until or held.attempts > SENDING


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _of_holder(held: OutgoingMail) -> Update:
    return update(OutgoingMail).where(OutgoingMail.id == held.id, OutgoingMail.claimed_by == held.claimed_by)


def _change(session: Session, statement: Update) -> bool:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
