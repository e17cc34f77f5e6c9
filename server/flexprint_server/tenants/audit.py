"""Who did what, and when. Written in the transaction of the deed itself; never changed, never removed."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from flexprint_server.database import FEW_AT_A_TIME
from flexprint_server.tenants.models import AuditEntry, User

if TYPE_CHECKING:  # sessions note that they were opened
    from flexprint_server.tenants.sign_in import Visitor

OPERATOR: Final = "the collector's operator"
"""Who did what was done on the command line."""

PAGE: Final = 50
"""Entries on one page."""


def note(
    session: Session,
    visitor: "Visitor",
    what: str,
    on: str,
    now: datetime,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Notes a deed of somebody signed in: `what` was done (`device.labelled`) to what (`device 12`), and how it was
    before and is after, as JSON; no secrets in either."""
    session.add(
        AuditEntry(
            dealer_id=visitor.dealer_id,
            at=now,
            user_id=visitor.user_id,
            who=visitor.email,
            what=what,
            target=on,
            before=before,
            after=after,
        )
    )


def note_of(
    session: Session, dealer_id: int, who: str, what: str, on: str, now: datetime, *, after: Any = None
) -> None:
    """note() for a deed of somebody who is no user, in words: a recipient by a link, the collector's operator."""
    session.add(AuditEntry(dealer_id=dealer_id, at=now, who=who, what=what, target=on, after=after))


def note_by(session: Session, user: User, what: str, on: str, now: datetime, *, after: Any = None) -> None:
    """note() for a deed of somebody who is not signed in, but has shown a link that only `user` can have."""
    session.add(
        AuditEntry(dealer_id=user.dealer_id, at=now, user_id=user.id, who=user.email, what=what, target=on, after=after)
    )


def entries(dealer_id: int, session: Session, before: int | None = None) -> list[AuditEntry]:
    """PAGE entries and one more (there is a next page when it came), the newest first, of those with an id below
    `before`."""
    asked = _newest_first(dealer_id).limit(PAGE + 1)
    return list(session.scalars(asked if before is None else asked.where(AuditEntry.id < before)))


def every_entry(dealer_id: int, session: Session) -> Iterator[AuditEntry]:
    """All of them, the newest first, a few at a time."""
    return iter(session.scalars(_newest_first(dealer_id), execution_options=FEW_AT_A_TIME))


def _newest_first(dealer_id: int) -> Select[AuditEntry]:
    return select(AuditEntry).where(AuditEntry.dealer_id == dealer_id).order_by(AuditEntry.id.desc())
