"""Who is looking: sessions. Those who guess passwords are slowed down (tenants.guessing), and nobody can lock somebody
else out: guesses from one network say little of another, and a browser that signed in before, or set a new password by
a mail, is counted apart from everybody else who tries the same account."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, String, and_, cast, delete, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload

from flexprint_server.database import Database, Scope
from flexprint_server.tenants import audit, passwords, roles
from flexprint_server.tenants.guessing import Limit, forgive, note_attempt, of_network
from flexprint_server.tenants.models import SecondFactor, SettingValue, SignIn, User
from flexprint_server.tenants.roles import Permission
from flexprint_shared.text import clean

IDLE: Final = timedelta(hours=12)
"""A session ends when it was not used for about so long."""

WAITS_FOR: Final = timedelta(minutes=10)
"""How long somebody who has given the password may take to give the code."""

LONGEST: Final = timedelta(days=14)
"""A session ends after so long in any case."""

# Attempts at an account that cost no wait: from one network, as an account is one person; and from all of them, so that
# many networks together guess little more than one does.
_FREE_PER_ACCOUNT: Final = 5
_FREE_FROM_ANYWHERE: Final = 50


class WrongCredentials(Exception):
    """The account does not exist or the password is another one. Which of them is nobody's business."""


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
    company_wants_second_factor: bool = False
    must_turn_on: bool = False
    """A second factor, before anything else."""
    site_ids: tuple[int, ...] | None = None
    """The sites that a customer's user sees, None for all of that customer."""
    time_zone: tzinfo = UTC
    """Whose days and times pages show: the customer's for its users, else the dealer's."""

    @property
    def scope(self) -> Scope:
        return Scope(self.dealer_id, self.customer_id, self.site_ids)

    def may(self, permission: Permission) -> bool:
        return roles.may(self.role, permission)


@dataclass(slots=True, frozen=True)
class Origin:
    """Where a session is opened: the client's address, and a name of its browser for people."""

    address: str
    browser_name: str


def renewed(created_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
    """The new end of a session used at `now`; None while more than half of IDLE is left or LONGEST is near."""
    later = min(now + IDLE, created_at + LONGEST)
    return later if expires_at - now < IDLE / 2 and later > expires_at else None


def limits(email: str, address: str, browser: bytes | None) -> tuple[Limit, ...]:
    """The counts of an attempt. `browser` names one that has signed in to this account before, or is None: whoever has
    that browser waits for no colleague in the same office who guesses."""
    if browser:
        return (Limit(sha256(b"browser\0" + browser).digest(), _FREE_PER_ACCOUNT),)
    account = b"account\0" + email.encode(errors="replace")
    return (
        of_network(b"address", address),
        of_network(account, address, _FREE_PER_ACCOUNT),
        Limit(sha256(account).digest(), _FREE_FROM_ANYWHERE),
    )


def limit_of_session(visitor: Visitor) -> Limit:
    """The count of attempts at the password by somebody who is signed in: nobody else makes them wait."""
    return Limit(sha256(b"session\0%d" % visitor.sign_in_id).digest(), _FREE_PER_ACCOUNT)


def account_name(email: str) -> str:
    """What was typed, as accounts are kept: lower case, one line."""
    return clean(email, 254).lower()


def sign_in(
    database: Database,
    *,
    email: str,
    password: str,
    address: str,
    browser: bytes | None,
    now: datetime,
    browser_name: str = "",
) -> str:
    """The token of a new session, shown to its owner as one of `browser_name`. It waits for a code where the account
    has a second factor. Raises WrongCredentials or TooManyAttempts.

    The password is checked between two transactions: no lock is held during the dear part.
    """
    name = account_name(email)
    with database.transaction() as session:
        attempt = note_attempt(session, limits(name, address, browser), now)
        user = session.scalar(select(User).where(User.email == name))
    if not passwords.verify(user.password_hash if user else None, password) or user is None:
        raise WrongCredentials
    better = passwords.rehash(user.password_hash, password)
    with database.transaction() as session:
        forgive(session, attempt)
        session.execute(delete(SignIn).where(SignIn.user_id == user.id, SignIn.expires_at <= now))
        if better:
            session.execute(update(User).where(User.id == user.id).values(password_hash=better))
        waits = session.get(SecondFactor, user.id) is not None
        return _new_session(session, user.id, Origin(address, browser_name), now, waits=waits)[1]


def open_session(
    database: Database, user_id: int, origin: Origin, now: datetime, *, waits: bool = False
) -> tuple[str, str]:
    """The account's address and the token of a new session, for somebody who has shown in another way than by a
    password whose account it is; it `waits` for a code where that is said. Raises WrongCredentials where the account
    is gone."""
    with database.transaction() as session:
        return _new_session(session, user_id, origin, now, waits=waits)


def _new_session(
    session: Session, user_id: int, origin: Origin, now: datetime, *, waits: bool = False
) -> tuple[str, str]:
    """The account's address and the session's token."""
    signs_in = update(User).where(User.id == user_id).values(last_sign_in_at=User.last_sign_in_at if waits else now)
    user = session.scalar(signs_in.returning(User))
    if user is None:  # removed a moment ago
        raise WrongCredentials
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=token_hash(token),
            user_id=user_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            expires_at=now + (WAITS_FOR if waits else IDLE),
            waits_for_code=waits,
            address=clean(origin.address, 45),
            browser=clean(origin.browser_name, 60),
        )
    )
    if not waits:
        after = {"from": origin.address, "browser": origin.browser_name}
        audit.note_by(session, user, "session.opened", user.email, now, after=after)
    return user.email, token


def visitor(session: Session, token: str, now: datetime) -> Visitor | None:
    """Whose token this is; None when it is nobody's, or its session has ended."""
    of_dealer, of_customer = aliased(SettingValue), aliased(SettingValue)
    row = session.execute(
        select(SignIn, SecondFactor.user_id, of_customer.value, of_dealer.value)
        .join(User, User.id == SignIn.user_id)
        .outerjoin(SecondFactor, SecondFactor.user_id == SignIn.user_id)
        .outerjoin(of_customer, _zone_at(of_customer, "customer:", User.customer_id))
        .outerjoin(of_dealer, _zone_at(of_dealer, "dealer:", User.dealer_id))
        .where(SignIn.token_hash == token_hash(token), SignIn.expires_at > now, SignIn.waits_for_code.is_(False))
        .options(joinedload(SignIn.user).joinedload(User.dealer))
    ).first()
    if row is None:
        return None
    found, factor, *zones = row
    wants = found.user.dealer.wants_second_factor
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
        company_wants_second_factor=wants,
        must_turn_on=wants and factor is None,
        site_ids=None if found.user.only_sites is None else tuple(found.user.only_sites),
        time_zone=next(filter(None, map(_zone, zones)), UTC),
    )


def _zone_at(setting: type[SettingValue], level: str, number: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """The row that settles the time zone at a place, whose key is Place.key."""
    place = literal(level) + cast(number, String)
    return and_(setting.dealer_id == User.dealer_id, setting.place == place, setting.name == "time_zone")


def _zone(name: str | None) -> tzinfo | None:
    """None for no name, and for one that a later version knew."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def renew(session: Session, seen: Visitor, until: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.id == seen.sign_in_id).values(expires_at=until))


def sign_out(session: Session, token: str, now: datetime) -> None:
    """Ends the session of `token`, if there is one."""
    ended = (
        delete(SignIn).where(SignIn.token_hash == token_hash(token)).returning(SignIn.user_id, SignIn.waits_for_code)
    )
    row = session.execute(ended).one_or_none()
    user = session.get(User, row.user_id) if row and not row.waits_for_code else None
    if user:
        audit.note_by(session, user, "session.closed", user.email, now)


def token_hash(token: str) -> bytes:
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
