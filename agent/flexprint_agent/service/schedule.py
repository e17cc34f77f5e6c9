"""When an agent wakes. Pure: instants in, instants out.

The day is cut into as many equal parts as there are wakes, and every agent has its own place in them, which stays the
same: thousands of agents are spread evenly, and one of them is always heard of at the same times. All of it is in UTC,
which no clock change moves; only a workbook's time is that of the wall clock.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from flexprint_shared.recurrence import Recurrence

WORKBOOK_WITHIN: Final = timedelta(minutes=10)
"""Within this time of the hour that was chosen a workbook is asked for: at seven sharp many would be."""

MISSED_WITHIN: Final = timedelta(minutes=10)
"""Within this time a wake that was missed is caught up with."""

_APART: Final = timedelta(minutes=15)
_MOST_DOUBLINGS: Final = 5
_MIDNIGHT: Final = datetime(1970, 1, 1, tzinfo=UTC)


def luck(agent: str) -> float:
    """The agent's place among all agents, from 0 to below 1; always the same."""
    return int.from_bytes(hashlib.sha256(agent.encode()).digest()[:6], "big") / (1 << 48)


def last_round(at: datetime, wakes_per_day: int, chance: float) -> datetime:
    """The newest of the agent's regular wakes, at `at` or before."""
    apart = _apart(wakes_per_day)
    since = at - _MIDNIGHT - timedelta(seconds=int(chance * apart.total_seconds()))
    return at - since % apart


def next_round(at: datetime, wakes_per_day: int, chance: float) -> datetime:
    """The first of the agent's regular wakes after `at`."""
    return last_round(at, wakes_per_day, chance) + _apart(wakes_per_day)


def _apart(wakes_per_day: int) -> timedelta:
    """Whole seconds, as whoever keeps instants rounds them."""
    return timedelta(seconds=86_400 // wakes_per_day)


def round_due(at: datetime, last: datetime | None, wakes_per_day: int, chance: float) -> bool:
    """Whether the printers are to be asked, which they `last` were then. A clock that was set back makes it due."""
    return last is None or last > at or last < last_round(at, wakes_per_day, chance)


def workbook_due_at(every: Recurrence, asked_at: datetime, at: datetime) -> datetime:
    """When the workbook is due that follows the one asked for at `asked_at`. An instant in the future, from before a
    clock was set back, counts as now."""
    return every.next_after(min(asked_at, at), None)


def retry_after(attempts: int, chance: float) -> timedelta:
    """How long what could not be sent waits after so many attempts: a quarter of an hour, then twice as long each
    time up to eight hours, and up to a half more."""
    doublings = min(max(attempts, 1) - 1, _MOST_DOUBLINGS)
    return _APART * (1 << doublings) * (1 + chance / 2)


def next_wake(
    at: datetime,
    last: datetime | None,
    *,
    wakes_per_day: int,
    chance: float,
    workbook_at: datetime | None = None,
    attempts: int = 0,
) -> datetime:
    """The next wake, where the printers were `last` asked then: the regular one, or before it one for a workbook that
    is due at `workbook_at`, or to try again what could not be sent in so many `attempts`. What was missed lies before
    `at`."""
    candidates = [next_round(at, wakes_per_day, chance)]
    if round_due(at, last, wakes_per_day, chance):
        candidates.append(at if last is None or last > at else last_round(at, wakes_per_day, chance))
    if workbook_at is not None:
        candidates.append(workbook_at + chance * WORKBOOK_WITHIN)
    if attempts:
        candidates.append(at + retry_after(attempts, chance))
    return min(candidates)


def after_wake(at: datetime, following: datetime) -> datetime:
    """The next wake as it is seen from the end of one: at least a quarter of an hour off, for what that could not do
    another one could not do at once either."""
    return max(following, at + _APART)


def delay_when_missed(chance: float) -> timedelta:
    """How much later than the computer's start a missed wake comes."""
    return chance * MISSED_WITHIN
