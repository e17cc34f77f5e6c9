"""Dealers, the places they look after, and how an agent comes to belong to one of them."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flexprint_server.tenants import audit
from flexprint_server.tenants.install_keys import key_hash, new_key
from flexprint_server.tenants.models import Agent, Customer, Dealer, InstallKey, Site, User
from flexprint_server.tenants.passwords import hash_password
from flexprint_server.tenants.roles import OWNER
from flexprint_shared.text import clean

VALID_FOR: Final = timedelta(days=7)
"""How long an install key waits to be used."""

_LONGEST_NAME: Final = 200
_LONGEST_EMAIL: Final = 254


class TenantsError(Exception):
    """Something about dealers, sites or keys does not hold. The message says what to do next."""


class AlreadyThere(TenantsError):
    """A dealer or user of that name exists."""


class NoSuchDealer(TenantsError):
    """No dealer has that name."""


class UnfitName(TenantsError):
    """A name or address that cannot be one."""


class EnrolmentRefused(TenantsError):
    """An install key that lets nobody in."""


class UnknownKey(EnrolmentRefused):
    """Nobody made such a key."""


class KeySpent(EnrolmentRefused):
    """An agent enrolled with it already."""


class KeyExpired(EnrolmentRefused):
    """It waited too long."""


def add_dealer(session: Session, name: str, email: str, password: str, now: datetime) -> Dealer:
    """A dealer and its first user. Raises AlreadyThere, UnfitName, passwords.PasswordUnfit."""
    name, email = fit_name(name, "dealer"), email_address(email)
    if session.scalar(select(Dealer).where(Dealer.name == name)):
        raise AlreadyThere(f"There is a dealer called {name!r} already. Choose another name.")
    if session.scalar(select(User).where(User.email == email)):
        raise AlreadyThere(f"Somebody signs in as {email} already. Give another address.")
    dealer = Dealer(name=name, created_at=now)
    session.add(dealer)
    session.flush()
    session.add(
        User(dealer_id=dealer.id, email=email, password_hash=hash_password(password), role=OWNER, created_at=now)
    )
    session.flush()
    return dealer


def install_key(
    session: Session, dealer: str, customer: str, site: str, now: datetime, valid_for: timedelta = VALID_FOR
) -> str:
    """A new one-time key for one agent at `site`, which is made where it is missing. Only the key's hash is kept.
    Raises NoSuchDealer, UnfitName."""
    owner = session.scalar(select(Dealer).where(Dealer.name == clean(dealer, _LONGEST_NAME)))
    if owner is None:
        raise NoSuchDealer(
            f"There is no dealer called {dealer!r}. Make one first: flexprint-server dealer add NAME --email ADDRESS"
        )
    at = _customer(session, owner, fit_name(customer, "customer"), now)
    there = _site(session, at, fit_name(site, "site"), now)
    audit.note_of(session, owner.id, audit.OPERATOR, "install_key.made", told(there), now)
    return key_at(session, there, now, valid_for)


def key_at(session: Session, site: Site, now: datetime, valid_for: timedelta = VALID_FOR) -> str:
    """install_key() for a site that is there."""
    key = new_key()
    hashed = key_hash(key)
    assert hashed
    session.add(
        InstallKey(
            dealer_id=site.dealer_id, site_id=site.id, key_hash=hashed, created_at=now, expires_at=now + valid_for
        )
    )
    session.flush()
    return key


def enrol(
    session: Session, key: str, public_key: bytes, host: str, platform: str, version: str, now: datetime
) -> Agent:
    """The agent that `key` lets in; the key is spent. Of two that come at once, one gets in; an agent that asks
    again because the answer was lost is answered again. Raises UnknownKey, KeySpent, KeyExpired."""
    found = session.scalar(select(InstallKey).where(InstallKey.key_hash == key_hash(key)))
    if found is None:
        raise UnknownKey("This install key is not known here. Check it for typos, or ask the dealer for a new one.")
    if found.used_at is None and found.expires_at <= now:
        raise KeyExpired("This install key has expired. Ask the dealer for a new one.")
    spent = session.execute(
        update(InstallKey).where(InstallKey.id == found.id, InstallKey.used_at.is_(None)).values(used_at=now)
    )
    if spent.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE gives a CursorResult
        enrolled = session.scalar(select(Agent).where(Agent.site_id == found.site_id, Agent.public_key == public_key))
        if enrolled:
            return enrolled
        raise KeySpent("This install key was used already. Each agent needs its own; ask the dealer for a new one.")
    agent = Agent(
        id=uuid.uuid4(),
        dealer_id=found.dealer_id,
        site_id=found.site_id,
        public_key=public_key,
        host=clean(host),
        platform=clean(platform),
        version=clean(version, 50),
        enrolled_at=now,
    )
    session.add(agent)
    session.flush()
    at, after = told(session.get_one(Site, agent.site_id)), {"computer": agent.host, "agent": str(agent.id)}
    audit.note_of(session, agent.dealer_id, "an install key", "agent.enrolled", at, now, after=after)
    return agent


def told(site: Site) -> str:
    """What a site is called in the audit log."""
    return f"{site.customer.name}, {site.name}"[:200]


def _customer(session: Session, dealer: Dealer, name: str, now: datetime) -> Customer:
    found = session.scalar(select(Customer).where(Customer.dealer_id == dealer.id, Customer.name == name))
    if found is None:
        found = Customer(dealer_id=dealer.id, name=name, created_at=now)
        session.add(found)
        session.flush()
    return found


def _site(session: Session, customer: Customer, name: str, now: datetime) -> Site:
    found = session.scalar(select(Site).where(Site.customer_id == customer.id, Site.name == name))
    if found is None:
        found = Site(dealer_id=customer.dealer_id, customer_id=customer.id, name=name, created_at=now)
        session.add(found)
        session.flush()
    return found


def fit_name(text: str, of: str) -> str:
    """A name as it is kept; `of` says whose it is. Raises UnfitName."""
    name = clean(text, _LONGEST_NAME)
    if not name:
        raise UnfitName(f"The {of}'s name is empty. Give it one that people know it by.")
    return name


def email_address(text: str) -> str:
    """An address as accounts are kept: lower case, one line. Raises UnfitName."""
    email = clean(text, _LONGEST_EMAIL + 1).lower()
    local, _, domain = email.partition("@")
    if not local or not domain or " " in email or "@" in domain or len(email) > _LONGEST_EMAIL:
        raise UnfitName(f"{email!r} is no mail address. Write it as name@example.com.")
    return email
