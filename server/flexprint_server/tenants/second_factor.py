"""A code from an authenticator app, asked for after the password; and recovery codes for the day the phone is gone.

The secret lies encrypted under FLEXPRINT_SECRET_KEY, of recovery codes (80 bits each) only hashes are kept. Every code
counts once. Wrong ones are slowed down as guessed passwords are.
"""

import base64
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import CursorResult, delete, func, insert, select, update
from sqlalchemy.orm import Session

from flexprint_server.at_rest import Locked, lock, unlock
from flexprint_server.database import Database, Scope
from flexprint_server.tenants import audit, passwords, totp
from flexprint_server.tenants.guessing import Limit, forgive, note_attempt, of_network
from flexprint_server.tenants.models import RecoveryCode, SecondFactor, SignIn, User
from flexprint_server.tenants.sign_in import (
    Origin,
    Visitor,
    WrongCredentials,
    known_browser,
    limit_of_session,
    open_session,
    token_hash,
)

RECOVERY_CODES: Final = 10

# Wrong codes that cost no wait: of one network or known browser, and of all networks (codes are but a million).
_FREE: Final = 5
_FREE_FROM_ANYWHERE: Final = 10
_RECOVERY_OCTETS: Final = 10


class WrongCode(Exception):
    """The code is not the one of now, or was used before."""


class CodeExpected(Exception):
    """Nobody who has given a password waits to give a code: that was too long ago, or never was."""


def new_secret() -> bytes:
    return secrets.token_bytes(totp.SECRET)


def codes_left(database: Database, visitor: Visitor) -> int | None:
    """How many recovery codes the visitor has left; None where there is no second factor."""
    with database.reading(Scope(visitor.dealer_id)) as session:
        if session.get(SecondFactor, visitor.user_id) is None:
            return None
        counted = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == visitor.user_id)
        return session.scalar(counted) or 0


def turn_on(
    database: Database,
    visitor: Visitor,
    secret_key: str,
    *,
    secret: bytes,
    typed: str,
    password: str,
    now: datetime,
) -> list[str]:
    """The recovery codes, which nobody can show again. `typed` proves that an app has the secret. Raises WrongCode,
    WrongCredentials, TooManyAttempts."""
    _check_password(database, visitor, password, now)
    step = totp.matching_step(secret, typed, now, after=0)
    if step is None:
        raise WrongCode
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    with database.transaction(Scope(visitor.dealer_id)) as session:
        _forget(session, visitor.user_id)
        locked = lock(secret, secret_key, _place(visitor.user_id))
        session.add(SecondFactor(user_id=visitor.user_id, secret=locked, last_step=step, created_at=now))
        session.flush()
        rows = [{"user_id": visitor.user_id, "code_hash": _recovery_hash(one)} for one in codes]
        session.execute(insert(RecoveryCode), rows)
        audit.note(session, visitor, "second_factor.on", visitor.email, now)
    return codes


def turn_off(database: Database, visitor: Visitor, *, password: str, now: datetime) -> None:
    """Raises WrongCredentials, TooManyAttempts."""
    _check_password(database, visitor, password, now)
    with database.transaction(Scope(visitor.dealer_id)) as session:
        _forget(session, visitor.user_id)
        audit.note(session, visitor, "second_factor.off", visitor.email, now)


def take_away(session: Session, visitor: Visitor, user_id: int, now: datetime) -> bool:
    """An owner's help for somebody who has lost phone and recovery codes. False when this dealer has no such user,
    or when it is the visitor, who turns it off with the password."""
    if user_id == visitor.user_id:
        return False
    email = session.scalar(select(User.email).where(User.dealer_id == visitor.dealer_id, User.id == user_id))
    if email is None:
        return False
    _forget(session, user_id)
    audit.note(session, visitor, "second_factor.taken_away", email, now)
    return True


def _forget(session: Session, user_id: int) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


def _check_password(database: Database, visitor: Visitor, password: str, now: datetime) -> None:
    """Somebody who finds an open browser must not lock its owner out. Raises WrongCredentials, TooManyAttempts."""
    with database.transaction() as session:
        attempt = note_attempt(session, [limit_of_session(visitor)], now)
        kept = session.scalar(select(User.password_hash).where(User.id == visitor.user_id))
    if not passwords.verify(kept, password):
        raise WrongCredentials
    with database.transaction() as session:
        forgive(session, attempt)


# ---------------------------------------------------------------- signing in


def is_expected(database: Database, token: str, now: datetime) -> bool:
    """Whether the session of `token` waits for a code."""
    with database.reading() as session:
        return _waiting(session, token, now) is not None


def give(
    database: Database,
    secret_key: str,
    *,
    token: str,
    typed: str,
    origin: Origin,
    mark: str | None = None,
    now: datetime,
) -> tuple[str, str]:
    """The account's address and the token of a session that is open, for that of one that waited for a code. `mark` is
    what the browser is known by, if it is. Raises CodeExpected, WrongCode, TooManyAttempts."""
    with database.transaction() as session:
        user_id = _waiting(session, token, now)
        if user_id is None:
            raise CodeExpected
        email = session.scalar(select(User.email).where(User.id == user_id)) or ""
        browser = known_browser(secret_key, email, mark)
        attempt = note_attempt(session, _limits(user_id, origin.address, browser), now)
    with database.transaction() as session:
        if not (_is_code(session, user_id, secret_key, typed, now) or _is_recovery_code(session, user_id, typed)):
            raise WrongCode
        forgive(session, attempt)
        session.execute(delete(SignIn).where(SignIn.token_hash == token_hash(token)))
    return open_session(database, user_id, origin, now)


def _limits(user_id: int, address: str, browser: bytes | None) -> tuple[Limit, ...]:
    """As sign_in.limits: whoever has the password, too, must not keep its owner out by guessing."""
    if browser:
        return (Limit(sha256(b"code of browser\0" + browser).digest(), _FREE),)
    code = b"code\0%d" % user_id
    return (of_network(code, address, _FREE), Limit(sha256(code).digest(), _FREE_FROM_ANYWHERE))


def _waiting(session: Session, token: str, now: datetime) -> int | None:
    return session.scalar(
        select(SignIn.user_id).where(
            SignIn.token_hash == token_hash(token), SignIn.expires_at > now, SignIn.waits_for_code
        )
    )


def _is_code(session: Session, user_id: int, secret_key: str, typed: str, now: datetime) -> bool:
    factor = session.get(SecondFactor, user_id)
    if factor is None:
        return False
    try:
        secret = unlock(factor.secret, secret_key, _place(user_id))
    except Locked:  # recovery codes work all the same
        return False
    step = totp.matching_step(secret, typed, now, factor.last_step)
    if step is None:
        return False
    used = session.execute(
        update(SecondFactor)
        .where(SecondFactor.user_id == user_id, SecondFactor.last_step < step)
        .values(last_step=step)
    )
    assert isinstance(used, CursorResult)
    return used.rowcount == 1


def _is_recovery_code(session: Session, user_id: int, typed: str) -> bool:
    used = delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _recovery_hash(typed))
    return session.scalar(used.returning(RecoveryCode.id)) is not None


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_OCTETS)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _recovery_hash(typed: str) -> bytes:
    letters = "".join(character for character in typed.upper() if character.isalnum())
    return sha256(letters.encode(errors="replace")).digest()


def _place(user_id: int) -> bytes:
    return b"second factor\0%d" % user_id
