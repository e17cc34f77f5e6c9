"""What everybody may do with their own account: another password, and the sessions that are open in it.

Done in the scope of the dealer and on the visitor's own rows: a customer's user writes to the audit log, too, but does
not see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flexprint_server.database import Database, Scope
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.tenants import audit, passwords
from flexprint_server.tenants.guessing import forgive, note_attempt
from flexprint_server.tenants.models import PasswordReset, SignIn, User
from flexprint_server.tenants.sign_in import Visitor, WrongCredentials, limit_of_session
from flexprint_shared.addresses import is_address

_MOST_SHOWN: Final = 100

_CHANGED: Final = Content(
    "Your FlexPrint Tracker password was changed",
    "The password of your account was changed just now, and you were signed out everywhere else.\n\n"
    'If that was not you, choose a new one at once with "Forgot your password?" on the sign-in page, and tell an owner '
    "of your company's account.\n",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class OpenSession:
    """`browser` and `address` are where somebody signed in from; "" where that was not noted."""

    id: int
    browser: str
    address: str
    created_at: datetime


def sessions(database: Database, visitor: Visitor, now: datetime) -> list[OpenSession]:
    """The visitor's open sessions, the newest first."""
    asked = (
        select(SignIn)
        .where(SignIn.user_id == visitor.user_id, SignIn.expires_at > now, SignIn.waits_for_code.is_(False))
        .order_by(SignIn.id.desc())
        .limit(_MOST_SHOWN)
    )
    with database.reading(Scope(visitor.dealer_id)) as session:
        return [
            OpenSession(row.id, row.browser or "", row.address or "", row.created_at) for row in session.scalars(asked)
        ]


def end_session(database: Database, visitor: Visitor, sign_in_id: int, now: datetime) -> bool:
    """False when the visitor has no such session."""
    with database.transaction(Scope(visitor.dealer_id)) as session:
        ended = _end(session, visitor.user_id, only=[sign_in_id])
        if ended:
            audit.note(session, visitor, "session.ended", visitor.email, now)
    return bool(ended)


def end_all_sessions(database: Database, visitor: Visitor, now: datetime) -> None:
    with database.transaction(Scope(visitor.dealer_id)) as session:
        _end(session, visitor.user_id)
        audit.note(session, visitor, "session.all_ended", visitor.email, now)


def change_password(database: Database, visitor: Visitor, outbox: Outbox, *, old: str, new: str, now: datetime) -> None:
    """Ends every other session, and a reset that waits. Whoever guesses at `old` is slowed down as at the door. Raises
    WrongCredentials, TooManyAttempts, PasswordUnfit."""
    with database.transaction() as session:  # the diary of failures belongs to no dealer
        attempt = note_attempt(session, [limit_of_session(visitor)], now)
        kept = session.scalar(select(User.password_hash).where(User.id == visitor.user_id))
    if not passwords.verify(kept, old):
        raise WrongCredentials
    hashed = passwords.hash_password(new)
    with database.transaction() as session:
        forgive(session, attempt)
    with database.transaction(Scope(visitor.dealer_id)) as session:
        set_password(session, outbox, visitor.user_id, hashed, now, keep=visitor.sign_in_id)
        audit.note(session, visitor, "password.changed", visitor.email, now)


def set_password(
    session: Session, outbox: Outbox, user_id: int, hashed: str, now: datetime, keep: int | None = None
) -> User | None:
    """A new password for a user, who is told by mail; every session but `keep` ends. None when the user is gone."""
    user = session.get(User, user_id)
    if user is None:
        return None
    user.password_hash = hashed
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
    _end(session, user_id, keep=keep)
    if is_address(user.email):
        outbox.put(session, "password", user.email, _CHANGED, dealer_id=user.dealer_id, now=now)
    return user


def _end(session: Session, user_id: int, *, only: Sequence[int] | None = None, keep: int | None = None) -> int:
    ended = delete(SignIn).where(SignIn.user_id == user_id)
    if only is not None:
        ended = ended.where(SignIn.id.in_(only))
    if keep is not None:
        ended = ended.where(SignIn.id != keep)
    return len(session.scalars(ended.returning(SignIn.id)).all())
