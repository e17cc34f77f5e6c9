"""Pages between two instants, from the readings of one meter of one device. Pure.

A counter only goes up. Where it does not, it is not the same counter any more: another board, a reset, a rollover,
another source. There a new epoch begins, and usage is summed epoch by epoch. What was printed between the last reading
of one epoch and the first of the next is known only where the counter rolled over; elsewhere it is not made up: the
epoch says where the hole is. No reading is changed: those that are not followed stand in `strays` and `aside`.

A device may give the same meter from two sources, now as the maker's own counter and now as a sum. Those are two
counters: one is followed at a time, and their figures are never subtracted from each other. Counts in different units
are different meters; the caller keeps them apart.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, NamedTuple

Begun = Literal["first", "rollover", "lower", "leap", "source"]
"""Why an epoch began: it is the first; the counter passed its largest figure and went on at 0; it went down; it rose
faster than any machine prints; its figures come from another source."""

Quality = Literal["actual", "manual", "interpolated", "estimated", "missing"]
QUALITIES: Final[tuple[Quality, ...]] = ("actual", "manual", "interpolated", "estimated", "missing")
"""From the best to the worst."""

MANUAL: Final = "manual"
"""The source of a reading that a person typed."""

TOLERANCE: Final = timedelta(days=1)
"""A reading stands for an instant that is at most so much later."""

LONGEST_BRIDGE: Final = timedelta(days=45)
"""Between readings further apart than this a figure is estimated, not interpolated."""

LONGEST_AHEAD: Final = timedelta(days=31)
"""So long after the last reading a figure may be estimated from what was printed before."""

STRAY_FOR: Final = timedelta(days=2)
"""A counter that is back where it was within this has never left."""

MODULI: Final = (10**7, 2**31, 2**32)
"""Where counters begin at 0 again: seven digits, 31 and 32 bits."""

FASTEST: Final = 600
"""Pages a minute that no machine exceeds. A press prints 300 sides; one on A3 may count double."""

PAGES: Final = frozenset({"impressions", "sheets", "equivalents", "scans"})
"""Units to which FASTEST applies."""

_NEAR_THE_END: Final = 500
# A rollover shows in the last five hundredth of a counter: 20,000 pages of ten million.
_SAME_SOURCE_WITHIN: Final = timedelta(days=7)
_RATE_OVER: Final = timedelta(days=90)
_RATE_NEEDS: Final = timedelta(days=7)
_MINUTE: Final = timedelta(minutes=1)


class Reading(NamedTuple):
    """What the counter showed, as the device gave it. `source` is that of meters.Source, or MANUAL."""

    at: datetime
    value: int
    source: str = "vendor"


class Step(NamedTuple):
    """A reading that is followed, and the pages counted up to it since the first one."""

    reading: Reading
    counted: int
    epoch: int


@dataclass(slots=True, frozen=True)
class Epoch:
    """A stretch in which the counter only went up. `before` is the last reading of the epoch before; `pages` are those
    from `first` to `last`, and after a rollover also those from `before` to `first`."""

    begun: Begun
    first: Reading
    last: Reading
    before: Reading | None
    pages: int

    @property
    def has_hole(self) -> bool:
        """True when nobody knows what was printed between `before` and `first`."""
        return self.begun not in ("first", "rollover")


class Point(NamedTuple):
    """What the counter showed at an instant: `value` is on the counter's own scale, `counted` as in Step; both None
    when `quality` is missing. `read_at` is when the reading was taken that it rests on, the one before the instant."""

    at: datetime
    quality: Quality
    value: int | None
    counted: int | None
    read_at: datetime | None


@dataclass(slots=True, frozen=True)
class Volume:
    """Pages between two instants. Where an end is missing because the meter was first read later, or last read
    earlier, `pages` are those between its first and last reading within; None when there is no such pair. `epochs` are
    those that began in between: with more than none, usage was summed epoch by epoch."""

    start: Point
    end: Point
    pages: int | None
    epochs: tuple[Epoch, ...]

    @property
    def quality(self) -> Quality:
        """That of the worse end."""
        return max(self.start.quality, self.end.quality, key=QUALITIES.index)

    @property
    def has_hole(self) -> bool:
        return any(epoch.has_hole for epoch in self.epochs)


@dataclass(slots=True, frozen=True)
class History:
    """The readings of one meter, understood. `strays` are those that fell out of the counter's course for a moment,
    `aside` those of a source that was not followed at the time."""

    steps: tuple[Step, ...]
    epochs: tuple[Epoch, ...]
    strays: tuple[Reading, ...]
    aside: tuple[Reading, ...]

    def at(self, instant: datetime, tolerance: timedelta = TOLERANCE) -> Point:
        """The meter at `instant`: a reading that is at most `tolerance` older; else a figure between the readings
        around it; else one estimated from what was printed before; else missing."""
        after = bisect_right(self.steps, instant, key=_time)
        if not after:
            return _missing(instant)
        step = self.steps[after - 1]
        if instant - step.reading.at <= tolerance:
            quality: Quality = "manual" if step.reading.source == MANUAL else "actual"
            return _point(instant, quality, step, 0)
        if after == len(self.steps):
            return self._ahead(instant, step)
        return self._between(instant, step, self.steps[after])

    def volume(self, start: datetime, end: datetime, tolerance: timedelta = TOLERANCE) -> Volume:
        """Pages from `start` to `end`. Raises ValueError when they are the wrong way round."""
        if end < start:
            raise ValueError(f"from {start} to {end}? The first has to be the earlier one")
        begin, finish = self.at(start, tolerance), self.at(end, tolerance)
        began = tuple(epoch for epoch in self.epochs[1:] if start < epoch.first.at <= end)
        low, high = self._counted(begin, at_start=True), self._counted(finish, at_start=False)
        pages = None if low is None or high is None or high < low else high - low
        return Volume(begin, finish, pages, began)

    def _counted(self, point: Point, *, at_start: bool) -> int | None:
        """Where counting begins or ends: at the point, or at the meter's first or last reading."""
        if point.counted is not None or not self.steps:
            return point.counted
        if at_start:
            return 0 if point.at < self.steps[0].reading.at else None
        return self.steps[-1].counted if point.at >= self.steps[-1].reading.at else None

    def _between(self, instant: datetime, before: Step, after: Step) -> Point:
        """On the straight line from one reading to the next, rounded down."""
        if after.epoch != before.epoch and self.epochs[after.epoch].has_hole:
            return _point(instant, "estimated", before, 0)
        pages, span = after.counted - before.counted, after.reading.at - before.reading.at
        quality: Quality = "interpolated" if span <= LONGEST_BRIDGE else "estimated"
        point = _point(instant, quality, before, int(pages * ((instant - before.reading.at) / span)))
        assert point.value is not None
        modulus = before.reading.value + pages - after.reading.value  # 0 but where the counter rolled over
        return point._replace(value=point.value - modulus) if modulus and point.value >= modulus else point

    def _ahead(self, instant: datetime, last: Step) -> Point:
        """After the last reading: as many pages a day as in the last months of its epoch."""
        ahead = instant - last.reading.at
        oldest = bisect_left(self.steps, last.reading.at - _RATE_OVER, key=_time)
        first = next(step for step in self.steps[oldest:] if step.epoch == last.epoch)
        span = last.reading.at - first.reading.at
        if ahead > LONGEST_AHEAD or span < _RATE_NEEDS:
            return _missing(instant)
        return _point(instant, "estimated", last, int((last.counted - first.counted) * (ahead / span)))


def history(readings: Sequence[Reading], fastest: int | None = FASTEST) -> History:
    """Readings of one meter of one device in one unit, in the order of their times, understood. `fastest` is how many
    pages a minute no machine exceeds, None for a meter that does not count pages."""
    if _only_rises(readings, fastest):
        first, last = readings[0], readings[-1]
        rising = tuple(Step(reading, reading.value - first.value, 0) for reading in readings)
        return History(rising, (Epoch("first", first, last, None, last.value - first.value),), (), ())
    followed, aside = _one_source_at_a_time(readings)
    kept, strays = _without_strays(followed, fastest)
    steps: list[Step] = []
    begun: list[Begun] = []
    for reading in kept:
        if not steps:
            begun.append("first")
            steps.append(Step(reading, 0, 0))
            continue
        before = steps[-1]
        why, pages = _rise(before.reading, reading, fastest)
        if why:
            begun.append(why)
        steps.append(Step(reading, before.counted + pages, len(begun) - 1))
    return History(tuple(steps), _epochs(steps, begun), tuple(strays), tuple(aside))


def _only_rises(readings: Sequence[Reading], fastest: int | None) -> bool:
    """True where there is nothing to find out, as there is with most counters: what follows comes to the same."""
    return bool(readings) and all(
        after.source == before.source and after.value >= before.value and not _is_leap(before, after, fastest)
        for before, after in pairwise(readings)
    )


def _time(step: Step) -> datetime:
    return step.reading.at


# ---------------------------------------------------------------- which readings are followed


def _one_source_at_a_time(readings: Sequence[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Those of the source that is followed, and the others. It is left for another one where it falls silent for good,
    or for longer than _SAME_SOURCE_WITHIN."""
    following = _next_of_same_source(readings)
    followed: list[Reading] = []
    aside: list[Reading] = []
    source, expected = "", None
    for reading, following_one in zip(readings, following, strict=True):
        if reading.source != source and expected is not None:
            aside.append(reading)
            continue
        followed.append(reading)
        source, expected = reading.source, following_one
        if expected is not None and expected - reading.at > _SAME_SOURCE_WITHIN:
            expected = None
    return followed, aside


def _next_of_same_source(readings: Sequence[Reading]) -> list[datetime | None]:
    """For each reading when the next one of its source was taken."""
    seen: dict[str, datetime] = {}
    found: list[datetime | None] = []
    for reading in reversed(readings):
        found.append(seen.get(reading.source))
        seen[reading.source] = reading.at
    return found[::-1]


def _without_strays(readings: Sequence[Reading], fastest: int | None) -> tuple[list[Reading], list[Reading]]:
    kept: list[Reading] = []
    strays: list[Reading] = []
    number = 0
    while number < len(readings):
        astray = _astray(kept[-1], readings, number, fastest) if kept else 0
        strays += readings[number : number + astray]
        number += astray
        kept.append(readings[number])
        number += 1
    return kept, strays


def _astray(before: Reading, readings: Sequence[Reading], number: int, fastest: int | None) -> int:
    """How many readings from `number` on are out of the course that `before` is on, and that is soon taken up again."""
    first = readings[number]
    dips = first.value < before.value
    if first.source != before.source or not (dips or _is_leap(before, first, fastest)):
        return 0
    for ahead, later in enumerate(readings[number + 1 :], 1):
        if later.at - first.at > STRAY_FOR or later.source != before.source:
            break
        if later.value >= before.value and not _is_leap(before, later, fastest):
            return ahead
    return 0


# ---------------------------------------------------------------- epochs


def _rise(before: Reading, reading: Reading, fastest: int | None) -> tuple[Begun | None, int]:
    """Why a new epoch begins with `reading`, None when none does; and the pages from `before` to it."""
    if reading.source != before.source:
        return "source", 0
    if reading.value < before.value:
        modulus = next((m for m in MODULI if _rolled_over(before, reading, m, fastest)), None)
        return ("rollover", modulus - before.value + reading.value) if modulus else ("lower", 0)
    if _is_leap(before, reading, fastest):
        return "leap", 0
    return None, reading.value - before.value


def _rolled_over(before: Reading, reading: Reading, modulus: int, fastest: int | None) -> bool:
    near = modulus // _NEAR_THE_END
    pages = modulus - before.value + reading.value
    return (
        0 < modulus - before.value <= near and reading.value <= near and not _too_many(before, reading, pages, fastest)
    )


def _is_leap(before: Reading, reading: Reading, fastest: int | None) -> bool:
    return _too_many(before, reading, reading.value - before.value, fastest)


def _too_many(before: Reading, reading: Reading, pages: int, fastest: int | None) -> bool:
    """True when no machine prints so many in that time; a minute and a half more, for clocks are not that exact."""
    if fastest is None:
        return False
    return pages > fastest * ((reading.at - before.at) / _MINUTE + 1.5)


def _epochs(steps: Sequence[Step], begun: Sequence[Begun]) -> tuple[Epoch, ...]:
    found = []
    for number, why in enumerate(begun):
        first = bisect_left(steps, number, key=lambda step: step.epoch)
        last = bisect_right(steps, number, key=lambda step: step.epoch) - 1
        before = steps[first - 1] if number else None
        counted_from = before if before and why == "rollover" else steps[first]
        found.append(
            Epoch(
                begun=why,
                first=steps[first].reading,
                last=steps[last].reading,
                before=before.reading if before else None,
                pages=steps[last].counted - counted_from.counted,
            )
        )
    return tuple(found)


# ---------------------------------------------------------------- points


def _missing(instant: datetime) -> Point:
    return Point(instant, "missing", None, None, None)


def _point(instant: datetime, quality: Quality, step: Step, pages: int) -> Point:
    reading = step.reading
    return Point(instant, quality, reading.value + pages, step.counted + pages, reading.at)
