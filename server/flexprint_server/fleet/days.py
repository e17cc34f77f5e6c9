"""What reads add to the pages of their site, day by day (UTC). Pure.

A page counts on the day of the read that first shows it. A counter that went down counts for nothing until it rises
again: here is what an overview shows, and billing.usage is exact."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

_DAY: Final = 86_400_000
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


def by_day(reads: Iterable[HasTotal], totals: Mapping[int, int | None]) -> list[Day]:
    """The days of `reads`, which come in order of time, in order. `totals` are those of the devices before."""
    days: dict[int, Day] = {}
    highest: dict[int, int] = {}
    for read in reads:
        number = read.at // _DAY
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
