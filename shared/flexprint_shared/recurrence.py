"""When something that recurs is due: daily, weekly, monthly, or on the last working day of the month. Pure.

People and settings write it as one line: `daily 07:00`, `weekly mon 07:00`, `monthly 1 07:00`,
`last-working-day 16:00`. The time is that of a wall clock in a time zone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

Kind = Literal["daily", "weekly", "monthly", "last-working-day"]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_FORMS: Final = "`daily 07:00`, `weekly mon 07:00`, `monthly 1 07:00` or `last-working-day 16:00`"


@dataclass(slots=True, frozen=True)
class Recurrence:
    """`at` is the wall clock's hour and minute. `day` is 0 (Monday) to 6 of a weekly one, 1 to 31 of a monthly one,
    which in a shorter month means its last day, and None of the others. Working days are Monday to Friday."""

    kind: Kind
    at: time
    day: int | None = None

    def __str__(self) -> str:
        """The line that parse_recurrence() takes."""
        clock = f"{self.at:%H:%M}"
        if self.kind == "weekly":
            return f"weekly {WEEKDAYS[self.day or 0]} {clock}"
        return f"monthly {self.day} {clock}" if self.kind == "monthly" else f"{self.kind} {clock}"

    def in_words(self) -> str:
        """`every Monday at 07:00`: for people."""
        days = {
            "daily": "every day",
            "weekly": f"every {_WEEKDAY_NAMES[(self.day or 0) % 7]}",
            "monthly": f"on day {self.day} of each month" if (self.day or 0) < 31 else "on the last day of each month",
            "last-working-day": "on the last working day of each month",
        }
        return f"{days[self.kind]} at {self.at:%H:%M}"

    def next_after(self, instant: datetime, zone: tzinfo | None) -> datetime:
        """The first time after `instant`, in UTC. `zone` None is the time zone of this machine.

        A time that clocks skip in spring comes as much later as they skip; one that they show twice in autumn comes
        the first time, and only then (RFC 5545, section 3.3.5)."""
        # The calendar of the zone may be a day ahead of or behind what its clock says after a skip: begin earlier.
        for day in self._days_from(instant.astimezone(zone).date() - 2 * _DAY):
            # Not astimezone(): without a zone it takes a time that clocks skip for an hour too early.
            due = datetime.fromtimestamp(datetime.combine(day, self.at, tzinfo=zone).timestamp(), UTC)
            if due > instant:
                return due
        raise AssertionError("days never end")

    def _days_from(self, first: date) -> Iterator[date]:
        """Its days in order, from `first` on."""
        if self.kind == "daily":
            yield from _every(first, _DAY)
        elif self.kind == "weekly":
            ahead = ((self.day or 0) - first.weekday()) % 7
            yield from _every(first + ahead * _DAY, 7 * _DAY)
        else:
            for last in _months_ends(first):
                day = _working_day(last) if self.kind == "last-working-day" else _clipped(last, self.day or 1)
                if day >= first:
                    yield day


def parse_recurrence(text: str) -> Recurrence:
    """What the line says. Raises ValueError with the forms that are known."""
    words = text.lower().split()
    clock = _CLOCK.fullmatch(words[-1]) if words else None
    if clock:
        at = time(int(clock[1]), int(clock[2]))
        match words[:-1]:
            case ["daily"]:
                return Recurrence("daily", at)
            case ["last-working-day"]:
                return Recurrence("last-working-day", at)
            case ["weekly", day] if day[:3] in WEEKDAYS and day in (day[:3], *map(str.lower, _WEEKDAY_NAMES)):
                return Recurrence("weekly", at, WEEKDAYS.index(day[:3]))
            case ["monthly", day] if re.fullmatch("[0-9]{1,2}", day, re.ASCII) and 1 <= int(day) <= 31:
                return Recurrence("monthly", at, int(day))
    raise ValueError(f"{text[:80]!r} is no schedule; write {_FORMS}")


def _every(first: date, step: timedelta) -> Iterator[date]:
    day = first
    while True:
        yield day
        day += step


def _months_ends(first: date) -> Iterator[date]:
    """The last day of the month of `first` and of each month after it."""
    year, month = first.year, first.month
    while True:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        yield date(year, month, 1) - _DAY


def _clipped(month_end: date, day: int) -> date:
    return month_end.replace(day=min(day, month_end.day))


def _working_day(month_end: date) -> date:
    return month_end - max(0, month_end.weekday() - _SATURDAY + 1) * _DAY
