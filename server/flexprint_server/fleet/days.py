"""What reads add to the pages of their site, day by day, by the clock of the site. Pure.

A page counts on the day of the read that first shows it. A counter that went down counts for nothing until it rises
again: here is what an overview shows, and billing.usage is exact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Protocol

_DAY: Final = 86_400_000
_QUARTER: Final = 900_000
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH: Final = date(1970, 1, 1).toordinal()


class HasTotal(Protocol):
    """A read as storing.Figures has it: of a device, `at` milliseconds after 1970 began."""

    device_id: int
    at: int
    total: int | None


@dataclass(slots=True)
class Counted:
    """The same, where nothing else of the read is at hand."""

    device_id: int
    at: int
    total: int | None


@dataclass(slots=True)
class Day:
    day: date
    pages: int = 0
    reads: int = 0


@lru_cache(4096)
def _ahead(zone: tzinfo, quarter: int) -> int:
    """Milliseconds that the zone's clocks are ahead of UTC in a quarter of an hour: they change at none between."""
    if zone is UTC:
        return 0
    try:
        ahead = (_BEGIN + timedelta(milliseconds=quarter * _QUARTER)).astimezone(zone).utcoffset()
    except OverflowError:  # at either end of the calendar, where a wrong clock dates reads
        return 0
    return round(ahead.total_seconds() * 1000) if ahead else 0


def by_day(reads: Iterable[HasTotal], totals: Mapping[int, int | None], zone: tzinfo = UTC) -> list[Day]:
    """The days of `reads`, which come in order of time, in order. `totals` are those of the devices before."""
    days: dict[int, Day] = {}
    highest: dict[int, int] = {}
    for read in reads:
        number = (read.at + _ahead(zone, read.at // _QUARTER)) // _DAY
        day = days.get(number)
        if day is None:
            day = days[number] = Day(date.fromordinal(_EPOCH + number))
        day.reads += 1
        if read.total is None:
            continue
        before = highest.get(read.device_id, totals.get(read.device_id))
        if before is not None and read.total > before:
            day.pages += read.total - before
        # An older read that arrives late is no counter that went down: what it shows is counted already.
        highest[read.device_id] = read.total if before is None else max(before, read.total)
    return [days[number] for number in sorted(days)]
