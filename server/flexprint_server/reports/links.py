"""Links in mails whose workbook was too large for them: each recipient's own, for that workbook alone and for a month.

What stands in a link is derived from the Message-ID, which is drawn by lot for each mail, under FLEXPRINT_SECRET_KEY: a
mail that is handed over again after a crash is the same mail, one that somebody sends again has another link, and the
one before opens nothing any more. The row keeps the token's SHA-256 alone.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flexprint_server.database import Database, Scope
from flexprint_server.mail.suppressions import suppressed
from flexprint_server.reports import parts
from flexprint_server.reports.lists import list_of
from flexprint_server.reports.models import Delivery, Report
from flexprint_server.reports.parts import Stored
from flexprint_server.tenants import audit
from flexprint_server.tenants.guessing import Limit, forgive, note_attempt, of_network
from flexprint_server.tenants.models import Dealer
from flexprint_server.tenants.sign_in import Visitor

HOLDS_FOR: Final = timedelta(days=30)
"""From when the mail was first handed over."""

_PURPOSE: Final = b"flexprint workbook link v1"
_FREE: Final = 10
"""Downloads by one link that cost no wait, within guessing.REMEMBERED."""


class LinkGone(Exception):
    """It was ended, replaced by a newer one, or has expired; or nobody made such a link."""


@dataclass(slots=True, frozen=True)
class Linked:
    """What a link leads to: a workbook of the `dealer`, called `title`, until when, and whose link it is."""

    dealer_id: int
    dealer: str
    title: str
    recipient: str
    until: datetime
    workbook: Stored


def prepare(delivery: Delivery, secret_key: str, now: datetime) -> tuple[str, datetime]:
    """The token of the link in the delivery's mail, whose hash the row keeps from now on, and when it ends. Asked again
    for the same mail both are the same."""
    token = _token_for(delivery.message_id, secret_key)
    hashed = _hash(token)
    if delivery.token_hash != hashed or delivery.link_until is None:
        delivery.token_hash, delivery.link_until = hashed, now + HOLDS_FOR
    return token, delivery.link_until


def find(database: Database, token: str, now: datetime) -> Linked | None:
    """What the link leads to; None when it opens nothing (any more). Looking changes nothing: mail servers look too."""
    asked = (
        select(Delivery, Report, Dealer.name)
        .join(Report, Report.id == Delivery.report_id)
        .join(Dealer, Dealer.id == Delivery.dealer_id)
        .where(Delivery.token_hash == _hash(token), Delivery.link_until > now)
    )
    with database.reading() as session:
        row = session.execute(asked).one_or_none()
        if row is None:
            return None
        delivery, report, dealer = row
        is_barred = suppressed(session, delivery.dealer_id, [delivery.recipient], list_of(report))
        workbook = None if is_barred else parts.find(delivery.dealer_id, session, report.id)
    if workbook is None:
        return None
    assert delivery.link_until, "asked for above"
    title = report.title or "Printers"
    return Linked(delivery.dealer_id, dealer, title, delivery.recipient, delivery.link_until, workbook)


def take(database: Database, token: str, address: str, now: datetime) -> Linked:
    """find() for somebody at `address` who downloads it, which the dealer's audit log says. Raises LinkGone,
    TooManyAttempts."""
    with database.transaction() as session:
        attempt = note_attempt(session, [of_network(b"workbook", address)], now)
    linked = find(database, token, now)
    if linked is None:
        raise LinkGone
    with database.transaction() as session:
        forgive(session, attempt)
        note_attempt(session, [Limit(sha256(b"workbook link\0" + _hash(token)).digest(), _FREE)], now)
    with database.transaction(Scope(linked.dealer_id)) as session:
        on, said = f"report {linked.workbook.report_id}", {"file": linked.workbook.name, "from": address}
        audit.note_of(session, linked.dealer_id, linked.recipient, "report.downloaded_by_link", on, now, after=said)
    return linked


def end(session: Session, visitor: Visitor, report_id: int, delivery_id: int, now: datetime) -> bool:
    """The link opens nothing from now on. False when the visitor sees no such link that still opens something."""
    found = session.scalar(
        select(Delivery).where(
            Delivery.dealer_id == visitor.dealer_id,
            Delivery.report_id == report_id,
            Delivery.id == delivery_id,
            Delivery.link_until > now,
        )
    )
    if found is None:
        return False
    found.link_until = now
    audit.note(session, visitor, "report.link_ended", f"report {report_id}", now, before={"link of": found.recipient})
    return True


def _token_for(message_id: str, secret_key: str) -> str:
    key = hmac.digest(bytes.fromhex(secret_key), _PURPOSE, sha256)
    return urlsafe_b64encode(hmac.digest(key, message_id.encode(), sha256)).decode().rstrip("=")


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
