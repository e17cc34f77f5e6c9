"""How long a supply lasts, from the levels that were read. Pure; None wherever that would be a guess."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_server.fleet.summary import fills_up

REFILLED: Final = 5
"""Percent by which a level rises when somebody has put in another cartridge; less is a device's rounding."""

_LEAST_USED: Final = 3
"""Percent that have to be used up before a pace can be told: levels come in steps."""
_LEAST_TIME: Final = timedelta(days=3)
_LONGEST: Final = 999


def days_left(levels: Sequence[tuple[datetime, int]]) -> int | None:
    """Whole days until the level is 0 at the pace since the last refill. `levels` are (time, percent left), the oldest
    first; all of one supply."""
    start = 0
    for position in range(1, len(levels)):
        if levels[position][1] >= levels[position - 1][1] + REFILLED:
            start = position
    if not levels:
        return None
    (first_at, first), (last_at, last) = levels[start], levels[-1]
    used = first - last
    if used < _LEAST_USED or last_at - first_at < _LEAST_TIME:
        return None
    return min(int(last / used * ((last_at - first_at) / timedelta(days=1))), _LONGEST)


def of_supplies(
    reads: Sequence[tuple[datetime, Sequence[int | None]]], supplies: Sequence[Mapping[str, Any]]
) -> list[int | None]:
    """The same for each of a device's supplies; `reads` have the percents of all of them, in their order."""
    found = []
    for place, supply in enumerate(supplies):
        filling = fills_up(supply)
        levels = [(at, percents[place]) for at, percents in reads if place < len(percents)]
        left = [(at, 100 - level if filling else level) for at, level in levels if level is not None]
        found.append(days_left(left))
    return found
