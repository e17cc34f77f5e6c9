"""Which program calls, whether it may, and whether it calls too often."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final

from fastapi import Request

from flexprint_server.database import Database
from flexprint_server.problems import Problem
from flexprint_server.tenants import api_keys
from flexprint_server.tenants.api_keys import Caller
from flexprint_server.tenants.guessing import network

BURST: Final = 120
"""Calls that may come at once."""

PER_SECOND: Final = 10.0
"""Calls a second that a key may make for good, in each process that answers."""

_MOST_COUNTED: Final = 10_000


class NoKey(Problem):
    slug, status, title = "no-key", 401, "A key is missing or does not hold"


class MissingScope(Problem):
    slug, status, title = "missing-scope", 403, "The key is not for this"


class TooManyCalls(Problem):
    slug, status, title = "too-many-calls", 429, "Too many calls"


@dataclass(slots=True)
class _Bucket:
    left: float
    at: datetime


class Pace:
    """A bucket of calls for each caller, filled at PER_SECOND up to BURST. In memory: a limit on load, no secret."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, name: str, now: datetime) -> float:
        """Takes one call out; 0, or the seconds until there is one to take."""
        with self._lock:
            if len(self._buckets) >= _MOST_COUNTED:
                self._buckets.clear()
            bucket = self._buckets.setdefault(name, _Bucket(BURST, now))
            bucket.left = min(BURST, bucket.left + max((now - bucket.at).total_seconds(), 0) * PER_SECOND)
            bucket.at = now
            if bucket.left < 1:
                return (1 - bucket.left) / PER_SECOND
            bucket.left -= 1
        return 0


class Door:
    """`clock` gives the time in UTC."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._pace = Pace()

    def caller(self, request: Request, scope: str) -> Caller:
        """Who calls, with a key that has the scope. Raises NoKey, MissingScope, TooManyCalls."""
        now = self._clock()
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        seen = None
        if kind.lower() == "bearer" and key:
            with self._database.reading() as session:
                seen = api_keys.caller(session, key.strip(), now)
        if seen is None:
            address = request.client.host if request.client else ""
            self._slow_down(f"network {network(address)}", now)
            raise NoKey(
                "Send `Authorization: Bearer KEY` with a key that holds; an owner makes one on the page API keys.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._slow_down(f"key {seen.key_id}", now)
        if scope not in seen.scopes:
            raise MissingScope(f"This key has no scope {scope!r}. Make one that has.", scope=scope)
        if not api_keys.is_noted(seen, now):
            with self._database.transaction(seen.scope) as session:
                api_keys.note_use(session, seen, now)
        return seen

    def _slow_down(self, name: str, now: datetime) -> None:
        seconds = ceil(self._pace.take(name, now))
        if seconds:
            raise TooManyCalls(
                f"More than {PER_SECOND:.0f} calls a second for too long. Go on in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
