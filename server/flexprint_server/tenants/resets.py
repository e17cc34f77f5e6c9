"""A new password for somebody who has forgotten the old one: a link in a mail, good once and for an hour.

Asking gives the same answer whether or not there is such an account, and is slowed down as guessing is.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.tenants import audit, passwords
from flexprint_server.tenants.account import set_password
from flexprint_server.tenants.guessing import note_attempt, of_network
from flexprint_server.tenants.models import PasswordReset, User
from flexprint_server.tenants.sign_in import account_name
from flexprint_shared.addresses import is_address

HOLDS_FOR: Final = timedelta(hours=1)
"""How long a reset waits to be used."""

QUIET: Final = timedelta(minutes=5)
"""So soon after a mail no other goes out: nobody's mailbox is filled by somebody else's asking."""

_FREE_PER_ACCOUNT: Final = 5


class ResetGone(Exception):
    """It was used, replaced by a newer one, or has expired."""


def ask(database: Database, outbox: Outbox, *, email: str, address: str, public_url: str, now: datetime) -> None:
    """Mails a link to the account's address, if there is such an account. Raises TooManyAttempts.

    Where there is none the same is done for somebody else and taken back: the time that it takes tells nothing either.
    """
    name = account_name(email)
    account = of_network(b"reset\0" + name.encode(errors="replace"), address, _FREE_PER_ACCOUNT)
    with database.transaction() as session:
        note_attempt(session, (of_network(b"reset", address), account), now)
        user = session.scalar(select(User).where(User.email == name))
        anybody = session.scalar(select(User).order_by(User.id).limit(1))
        somebody = user or anybody
        if somebody is None:
            return
        is_meant = not _mailed_lately(session, somebody.id, now) and user is not None and is_address(user.email)
        with session.begin_nested() as work:
            _mail(session, outbox, somebody, public_url, now)
            what, after = "password.reset_asked", {"from": address}
            audit.note_of(session, somebody.dealer_id, "somebody at the door", what, somebody.email, now, after=after)
            session.flush()
            if not is_meant:
                work.rollback()


def _mailed_lately(session: Session, user_id: int, now: datetime) -> bool:
    asked = session.scalar(select(PasswordReset.created_at).where(PasswordReset.user_id == user_id))
    return asked is not None and asked > now - QUIET


def _mail(session: Session, outbox: Outbox, user: User, public_url: str, now: datetime) -> None:
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
    token = secrets.token_urlsafe(32)
    session.add(PasswordReset(user_id=user.id, token_hash=_hash(token), created_at=now, expires_at=now + HOLDS_FOR))
    content = Content(
        "Choose a new FlexPrint Tracker password",
        f"Choose a new password within an hour:\n\n{public_url}/resets/{token}\n\n"
        "The link works once. If you did not ask for it, ignore this mail: your password stays as it is.\n",
    )
    outbox.put(session, "reset", user.email, content, dealer_id=user.dealer_id, now=now, useful=HOLDS_FOR)


def account_of(database: Database, token: str, now: datetime) -> str | None:
    """The address whose password the link of `token` may set; None when it holds no longer. Looking does not use it
    up."""
    with database.reading() as session:
        return session.scalar(
            select(User.email)
            .join(PasswordReset, PasswordReset.user_id == User.id)
            .where(PasswordReset.token_hash == _hash(token), PasswordReset.expires_at > now)
        )


def use(database: Database, outbox: Outbox, token: str, password: str, now: datetime) -> str:
    """Sets the password of the account, whose address it gives, and ends every session of it; the link is used up.
    Raises ResetGone, PasswordUnfit."""
    if account_of(database, token, now) is None:
        raise ResetGone
    hashed = passwords.hash_password(password)  # dear, so before the transaction
    with database.transaction() as session:
        used = delete(PasswordReset).where(PasswordReset.token_hash == _hash(token), PasswordReset.expires_at > now)
        user_id = session.scalar(used.returning(PasswordReset.user_id))
        user = set_password(session, outbox, user_id, hashed, now) if user_id is not None else None
        if user is None:
            raise ResetGone
        audit.note_by(session, user, "password.reset", user.email, now)
        return user.email


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
