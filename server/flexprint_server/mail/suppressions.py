"""Addresses that are not written to: where a mail came back for good, or whose reader wants no more of it."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flexprint_server.mail.models import Suppression
from flexprint_shared.text import clean

EVERYTHING: Final = ""
"""The list that stands for all mails of a dealer."""

PAGE: Final = 100

Reason = Literal["bounced", "unsubscribed"]


def suppress(
    session: Session,
    dealer_id: int,
    address: str,
    reason: Reason,
    now: datetime,
    *,
    of: str = EVERYTHING,
    detail: str | None = None,
) -> bool:
    """From now on nothing of the list `of` goes there. False when nothing did already: that changes nothing."""
    folded = address.casefold()
    known = select(Suppression.id).where(
        Suppression.dealer_id == dealer_id, Suppression.address == folded, Suppression.list == of
    )
    if session.scalar(known) is not None:
        return False
    session.add(Suppression(dealer_id=dealer_id, address=folded, list=of, reason=reason, detail=detail, at=now))
    session.flush()
    return True


def forget(session: Session, dealer_id: int, of: str) -> None:
    """The list is no more. A later one may get its number, as SQLite gives numbers again, and nobody unsubscribed from
    that one."""
    session.execute(delete(Suppression).where(Suppression.dealer_id == dealer_id, Suppression.list == of))


def suppressed(session: Session, dealer_id: int, addresses: Collection[str], of: str) -> dict[str, str]:
    """Those of the addresses that mails of the list `of` do not go to, each with the reason in words."""
    folded = {address.casefold(): address for address in addresses}
    asked = select(Suppression).where(
        Suppression.dealer_id == dealer_id,
        Suppression.address.in_(folded),
        Suppression.list.in_((EVERYTHING, of)),
    )
    return {folded[found.address]: in_words(found) for found in session.scalars(asked)}


def in_words(found: Suppression) -> str:
    """Why nothing goes there, and what to do about it."""
    if found.reason == "unsubscribed":
        return f"not sent: unsubscribed on {found.at:%Y-%m-%d}; only the dealer can lift that, under Reports, Addresses"
    why = clean(found.detail or "there is no such mailbox", 300)
    return f"not sent: a mail came back on {found.at:%Y-%m-%d} ({why}); lifted under Reports, Addresses"


def of_dealer(session: Session, dealer_id: int, before: int | None = None) -> list[Suppression]:
    """PAGE of them and one more, the newest first."""
    asked = select(Suppression).where(Suppression.dealer_id == dealer_id).order_by(Suppression.id.desc())
    asked = asked if before is None else asked.where(Suppression.id < before)
    return list(session.scalars(asked.limit(PAGE + 1)))


def lift(session: Session, dealer_id: int, number: int) -> str | None:
    """The address that may be written to again; None when there is no such suppression."""
    found = session.scalar(select(Suppression).where(Suppression.dealer_id == dealer_id, Suppression.id == number))
    if found is None:
        return None
    session.delete(found)
    return found.address
