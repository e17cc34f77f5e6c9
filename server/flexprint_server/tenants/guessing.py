"""Slowing down those who guess: passwords at the door of people, install keys at the door of agents. One rule.

An attempt is written down before it is checked and taken back when it was right, so that a hundred attempts at once
are counted like a hundred in a row. Nobody is locked out: waits end within a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from flexprint_server.database import one_at_a_time
from flexprint_server.tenants.models import SignInFailure

REMEMBERED: Final = timedelta(minutes=15)
"""How long a failed attempt counts."""

LONGEST_WAIT: Final = timedelta(seconds=60)

FREE_PER_NETWORK: Final = 20
"""Attempts from one network that cost no wait: it may be a whole office."""


class TooManyAttempts(Exception):
    """The attempt was not looked at. `wait` is how long until one will be."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"Too many attempts; the next one counts in {wait.total_seconds():.0f} s.")
        self.wait = wait


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


def of_network(door: bytes, address: str, free: int = FREE_PER_NETWORK) -> Limit:
    """The count of everybody who tries a door from where `address` is."""
    return Limit(sha256(door + b"\0" + network(address).encode()).digest(), free)


def network(address: str) -> str:
    """One household of addresses: IPv6 hands out 2**64 of them to everybody."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a test client or a Unix socket
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.exploded[:19]


def note_attempt(session: Session, counts: Sequence[Limit], now: datetime) -> list[int]:
    """Writes an attempt down under each of its counts; what it gives, forgive() takes. Raises TooManyAttempts."""
    session.execute(delete(SignInFailure).where(SignInFailure.failed_at <= now - REMEMBERED))
    longest = timedelta(0)
    for limit in sorted(counts, key=lambda limit: limit.key):
        one_at_a_time(session, limit.key)
        failures = session.scalars(
            select(SignInFailure.failed_at).where(SignInFailure.key == limit.key).order_by(SignInFailure.failed_at)
        ).all()
        longest = max(longest, wait(failures, limit.free, now))
    if longest:
        raise TooManyAttempts(longest)
    noted = insert(SignInFailure).returning(SignInFailure.id)
    return list(session.scalars(noted, [{"key": limit.key, "failed_at": now} for limit in counts]))


def forgive(session: Session, attempt: Sequence[int]) -> None:
    """The attempt was right."""
    session.execute(delete(SignInFailure).where(SignInFailure.id.in_(attempt)))
