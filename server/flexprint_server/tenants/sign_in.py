"""Who is looking: sessions, and the slowing down of those who guess passwords.

An attempt is written down before its password is checked and taken back when it was right, so that a hundred
attempts at once are counted like a hundred in a row. Nobody can lock an owner out: waits end within a minute,
and a browser that signed in before is counted apart from everybody else who tries the same account.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session, joinedload

from flexprint_server.database import Database, Scope
from flexprint_server.tenants import passwords, roles
from flexprint_server.tenants.models import SignIn, SignInFailure, User
from flexprint_server.tenants.roles import Permission
from flexprint_shared.text import clean

IDLE: Final = timedelta(hours=12)
"""A session ends when it was not used for about so long."""

LONGEST: Final = timedelta(days=14)
"""A session ends after so long in any case."""

REMEMBERED: Final = timedelta(minutes=15)
"""How long a failed attempt counts."""

LONGEST_WAIT: Final = timedelta(seconds=60)

# Attempts that cost no wait. An address may be a whole office; an account is one person.
_FREE_PER_ADDRESS: Final = 20
_FREE_PER_ACCOUNT: Final = 5


class SignInRefused(Exception):
    """Nobody was signed in."""


class WrongCredentials(SignInRefused):
    """The account does not exist or the password is another one. Which of them is nobody's business."""


class TooManyAttempts(SignInRefused):
    """The attempt was not looked at. `wait` is how long until one will be."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"Too many attempts; the next one counts in {wait.total_seconds():.0f} s.")
        self.wait = wait


@dataclass(slots=True, frozen=True)
class Visitor:
    """Someone signed in, and the dealer whose fleet they may see."""

    sign_in_id: int
    user_id: int
    dealer_id: int
    dealer: str
    email: str
    role: str
    customer_id: int | None
    csrf_token: str
    created_at: datetime
    expires_at: datetime

    @property
    def scope(self) -> Scope:
        return Scope(self.dealer_id, self.customer_id)

    def may(self, permission: Permission) -> bool:
        return roles.may(self.role, permission)


@dataclass(slots=True, frozen=True)
class Limit:
    """One count that an attempt falls under: `key` names it, `free` attempts cost no wait."""

    key: bytes
    free: int


def wait(failures: Sequence[datetime], free: int, now: datetime) -> timedelta:
    """How long until an attempt is looked at, after `failures` (the newest last) within REMEMBERED.

    Nothing for the first `free`; then the wait since the newest doubles from 1 s up to LONGEST_WAIT.
    """
    if len(failures) < free:
        return timedelta(0)
    step = min(timedelta(seconds=2 ** min(len(failures) - free, 10)), LONGEST_WAIT)
    return max(failures[-1] + step - now, timedelta(0))


def renewed(created_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
    """The new end of a session used at `now`; None while more than half of IDLE is left or LONGEST is near."""
    later = min(now + IDLE, created_at + LONGEST)
    return later if expires_at - now < IDLE / 2 and later > expires_at else None


def limits(email: str, address: str, browser: bytes | None) -> tuple[Limit, Limit]:
    """The counts of an attempt. `browser` names one that has signed in to this account before, or is None."""
    account = b"browser\0" + browser if browser else b"account\0" + email.encode(errors="replace")
    return (
        Limit(sha256(b"address\0" + _network(address).encode()).digest(), _FREE_PER_ADDRESS),
        Limit(sha256(account).digest(), _FREE_PER_ACCOUNT),
    )


def _network(address: str) -> str:
    """One household of addresses: IPv6 hands out 2**64 of them to everybody."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a test client or a Unix socket
        return address
    return parsed.exploded[:19] if isinstance(parsed, IPv6Address) else address


def account_name(email: str) -> str:
    """What was typed, as accounts are kept: lower case, one line."""
    return clean(email, 254).lower()


def sign_in(
    database: Database, *, email: str, password: str, address: str, browser: bytes | None, now: datetime
) -> str:
    """The token of a new session. Raises WrongCredentials or TooManyAttempts.

    The password is checked between two transactions: no lock is held during the dear part.
    """
    name = account_name(email)
    with database.transaction() as session:
        attempt = _note_attempt(session, limits(name, address, browser), now)
        user = session.scalar(select(User).where(User.email == name))
    if not passwords.verify(user.password_hash if user else None, password) or user is None:
        raise WrongCredentials
    better = passwords.rehash(user.password_hash, password)
    with database.transaction() as session:
        session.execute(delete(SignInFailure).where(SignInFailure.id.in_(attempt)))
        session.execute(delete(SignIn).where(SignIn.user_id == user.id, SignIn.expires_at <= now))
        if better:
            session.execute(update(User).where(User.id == user.id).values(password_hash=better))
        return _new_session(session, user.id, now)


def _note_attempt(session: Session, counts: Sequence[Limit], now: datetime) -> list[int]:
    session.execute(delete(SignInFailure).where(SignInFailure.failed_at <= now - REMEMBERED))
    longest = timedelta(0)
    for limit in sorted(counts, key=lambda limit: limit.key):
        _one_at_a_time(session, limit.key)
        failures = session.scalars(
            select(SignInFailure.failed_at).where(SignInFailure.key == limit.key).order_by(SignInFailure.failed_at)
        ).all()
        longest = max(longest, wait(failures, limit.free, now))
    if longest:
        raise TooManyAttempts(longest)
    noted = insert(SignInFailure).returning(SignInFailure.id)
    return list(session.scalars(noted, [{"key": limit.key, "failed_at": now} for limit in counts]))


def _one_at_a_time(session: Session, key: bytes) -> None:
    """Attempts that are counted together wait for each other. SQLite writes one at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(key[:8], signed=True))))


def _new_session(session: Session, user_id: int, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=_hash(token),
            user_id=user_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            expires_at=now + IDLE,
        )
    )
    return token


def visitor(session: Session, token: str, now: datetime) -> Visitor | None:
    """Whose token this is; None when it is nobody's, or its session has ended."""
    found = session.scalar(
        select(SignIn)
        .where(SignIn.token_hash == _hash(token), SignIn.expires_at > now)
        .options(joinedload(SignIn.user).joinedload(User.dealer))
    )
    if found is None:
        return None
    return Visitor(
        sign_in_id=found.id,
        user_id=found.user_id,
        dealer_id=found.user.dealer_id,
        dealer=found.user.dealer.name,
        email=found.user.email,
        role=found.user.role,
        customer_id=found.user.customer_id,
        csrf_token=found.csrf_token,
        created_at=found.created_at,
        expires_at=found.expires_at,
    )


def renew(session: Session, seen: Visitor, until: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.id == seen.sign_in_id).values(expires_at=until))


def sign_out(session: Session, token: str) -> None:
    """Ends the session of `token`, if there is one."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash(token)))


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()


def browser_mark(secret_key: str, email: str, nonce: bytes | None = None) -> str:
    """What a browser is given to be known by after it signed in to `email`: useless for any other account."""
    nonce = nonce or secrets.token_bytes(16)
    return f"{nonce.hex()}.{_mark(secret_key, email, nonce)}"


def known_browser(secret_key: str, email: str, mark: str | None) -> bytes | None:
    """The name of the browser that shows `mark`; None when the mark is not ours or of another account."""
    nonce, _, seal = (mark or "").partition(".")
    try:
        octets = bytes.fromhex(nonce)
    except ValueError:
        return None
    genuine = len(octets) == 16 and hmac.compare_digest(_mark(secret_key, email, octets).encode(), seal.encode())
    return octets if genuine else None


def _mark(secret_key: str, email: str, nonce: bytes) -> str:
    words = b"flexprint/known-browser/1\0" + nonce + account_name(email).encode(errors="replace")
    return hmac.new(bytes.fromhex(secret_key), words, sha256).hexdigest()
