"""Keys of programs: what each may ask for, until when, and when it was last used. Only a key's hash is kept."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, get_args

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flexprint_server.database import Scope
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import ApiKey, Dealer, User
from flexprint_server.tenants.service import NoSuchDealer, TenantsError, fit_name
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

KeyScope = Literal["fleet", "reads", "supplies", "alerts", "reports"]

SCOPES: Final[tuple[KeyScope, ...]] = get_args(KeyScope)
"""fleet: customers, sites, agents and devices. The others are named like what they open."""

LONGEST: Final = timedelta(days=730)
USUAL: Final = timedelta(days=365)
MOST: Final = 100
"""Keys of one dealer that hold at a time."""

_PREFIX: Final = "fpa_"
_SHOWN: Final = 8
_NOTED_EVERY: Final = timedelta(minutes=1)


class UnfitKey(TenantsError):
    """Scopes or a time that a key cannot have."""


@dataclass(slots=True, frozen=True)
class Caller:
    """The program that calls: whose fleet it may see, and what of it."""

    key_id: int
    dealer_id: int
    scopes: frozenset[str]
    last_used_at: datetime | None

    @property
    def scope(self) -> Scope:
        return Scope(self.dealer_id)


def make(
    session: Session, visitor: Visitor, name: str, scopes: Iterable[str], valid_for: timedelta, now: datetime
) -> str:
    """A new key, known nowhere else. Raises UnfitName, UnfitKey."""
    key, row = _new(session, visitor.dealer_id, name, scopes, valid_for, visitor.email, now)
    audit.note(session, visitor, "api_key.made", row.name, now, after={"scopes": ", ".join(row.scopes)})
    return key


def make_for(
    session: Session, dealer: str, name: str, scopes: Iterable[str], valid_for: timedelta, now: datetime
) -> tuple[str, datetime]:
    """make() for whoever runs the collector: the key and when it expires. Raises NoSuchDealer, UnfitName, UnfitKey."""
    found = session.scalar(select(Dealer.id).where(Dealer.name == clean(dealer, 200)))
    if found is None:
        raise NoSuchDealer(f"There is no dealer called {dealer!r}.")
    key, row = _new(session, found, name, scopes, valid_for, audit.OPERATOR, now)
    after = {"scopes": ", ".join(row.scopes)}
    audit.note_of(session, found, audit.OPERATOR, "api_key.made", row.name, now, after=after)
    return key, row.expires_at


def _new(
    session: Session, dealer_id: int, name: str, scopes: Iterable[str], valid_for: timedelta, by: str, now: datetime
) -> tuple[str, ApiKey]:
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        named = f"{', '.join(clean(word, 40) for word in unknown)}: no such scope. " if unknown else ""
        raise UnfitKey(f"{named}Choose from {', '.join(SCOPES)}.")
    if not timedelta(0) < valid_for <= LONGEST:
        raise UnfitKey(f"A key holds for 1 to {LONGEST.days} days.")
    if len(keys(dealer_id, session, now)) >= MOST:
        raise UnfitKey(f"There are {MOST} keys already. Withdraw one that is not used.")
    key = _PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        dealer_id=dealer_id,
        name=fit_name(name, "key"),
        begins=key[: len(_PREFIX) + _SHOWN],
        key_hash=_hash(key),
        scopes=[scope for scope in SCOPES if scope in wanted],
        made_by=by,
        created_at=now,
        expires_at=now + valid_for,
    )
    session.add(row)
    session.flush()
    return key, row


def keys(dealer_id: int, session: Session, now: datetime) -> list[ApiKey]:
    """Those that still open something, the newest first."""
    asked = select(ApiKey).where(ApiKey.dealer_id == dealer_id, ApiKey.expires_at > now)
    return list(session.scalars(asked.order_by(ApiKey.id.desc())))


def left_behind(session: Session, held: Iterable[ApiKey]) -> set[str]:
    """Those of the keys' makers who sign in here no longer, but may still have the key."""
    makers = {one.made_by for one in held} - {audit.OPERATOR}
    return makers - set(session.scalars(select(User.email).where(User.email.in_(makers))))


def withdraw(session: Session, visitor: Visitor, key_id: int, now: datetime) -> bool:
    """The key opens nothing from now on. False when the visitor's dealer has none such."""
    found = session.scalar(
        select(ApiKey).where(ApiKey.dealer_id == visitor.dealer_id, ApiKey.id == key_id, ApiKey.expires_at > now)
    )
    if found is None:
        return False
    found.expires_at = now
    audit.note(session, visitor, "api_key.withdrawn", found.name, now)
    return True


def caller(session: Session, key: str, now: datetime) -> Caller | None:
    """Whose key this is; None when it is nobody's, was withdrawn or has expired."""
    if not key.startswith(_PREFIX):
        return None
    found = session.scalar(select(ApiKey).where(ApiKey.key_hash == _hash(key), ApiKey.expires_at > now))
    if found is None:
        return None
    return Caller(found.id, found.dealer_id, frozenset(found.scopes), found.last_used_at)


def is_noted(seen: Caller, now: datetime) -> bool:
    """Whether the time of last use is near enough: it is not written with every call."""
    return seen.last_used_at is not None and now - seen.last_used_at < _NOTED_EVERY


def note_use(session: Session, seen: Caller, now: datetime) -> None:
    session.execute(update(ApiKey).where(ApiKey.id == seen.key_id).values(last_used_at=now))


def _hash(key: str) -> bytes:
    return sha256(key.encode(errors="replace")).digest()
