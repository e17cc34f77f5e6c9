"""Meters over time, pages by day and the days with a read, as small drawings and as the words beside them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from math import ceil, floor, log10
from statistics import median
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 200

MOST_CORNERS: Final = 400
"""More points than that cannot be seen in a drawing of this size; every nth is drawn, and the last."""


GAP: Final = 3
"""So many times the usual distance between two reads is a gap, if it is longer than SHORTEST_GAP, too."""

SHORTEST_GAP: Final = timedelta(days=1)

TOLD: Final = 12
"""Rows of the table that says what the drawing shows, apart from those about gaps and falls."""

TICKS: Final = 5
"""Dates below a drawing, from edge to edge."""

Point = tuple[datetime, int]


@dataclass(slots=True, frozen=True)
class Gap:
    """Two reads with nothing known between them, and where that lies in the box."""

    since: datetime
    until: datetime
    x: float
    width: float


@dataclass(slots=True, frozen=True)
class Fall:
    """A counter that was lower than before, and where in the box that was seen."""

    at: datetime
    before: int
    after: int
    x: float


@dataclass(slots=True, frozen=True)
class Told:
    """A row of the table: what was read, how much more than in the row before (None for the first, and behind a fall),
    and what happened just before."""

    at: datetime
    value: int
    more: int | None
    after: str
    """`gap`, `fall` or nothing."""


@dataclass(slots=True, frozen=True)
class Chart:
    """`line` and `area` are SVG paths in a box of WIDTH by HEIGHT, interrupted by `gaps` and `falls`. `rows` are
    (height, value) of the lines of the scale, from the top; `ticks` are instants at equal distances from the left edge
    to the right. `first` and `last` are the ends of what is shown; `told` says it in a few rows, the newest first."""

    line: str
    area: str
    rows: tuple[tuple[float, int], ...]
    ticks: tuple[datetime, ...]
    gaps: tuple[Gap, ...]
    falls: tuple[Fall, ...]
    told: tuple[Told, ...]
    first: Point
    last: Point


def chart(points: Sequence[Point]) -> Chart | None:
    """The drawing of (time, value) in order of time; None where two instants are not to be had."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    values = [value for _, value in points]
    bottom, top, step = scale(min(values), max(values))
    started, ended = points[0][0], points[-1][0]
    seconds = (ended - started).total_seconds()

    def x(instant: datetime) -> float:
        return round((instant - started).total_seconds() / seconds * WIDTH, 1)

    def y(value: float) -> float:
        return round(HEIGHT - (value - bottom) / (top - bottom) * HEIGHT, 1)

    longest = longest_step([instant for instant, _ in points])
    runs, every = _runs(points, longest), ceil(len(points) / MOST_CORNERS)
    drawn = [[(x(instant), y(value)) for instant, value in thinned(run, every)] for run in runs]
    between = [(run[-1], after[0]) for run, after in pairwise(runs)]
    apart = [(was[0], now[0]) for was, now in between if now[0] - was[0] > longest]
    gaps = [Gap(since, until, x(since), round(x(until) - x(since), 1)) for since, until in apart]
    falls = [Fall(now[0], was[1], now[1], x(now[0])) for was, now in between if now[1] < was[1]]
    return Chart(
        line=" ".join(map(_line, drawn)),
        area=" ".join(_area(run) for run in drawn if len(run) > 1),
        rows=tuple((y(value), value) for value in range(top, bottom - 1, -step)),
        ticks=tuple(started + (ended - started) * number / (TICKS - 1) for number in range(TICKS)),
        gaps=tuple(gaps),
        falls=tuple(falls),
        told=_told(points, longest),
        first=points[0],
        last=points[-1],
    )


def longest_step(instants: Sequence[datetime]) -> timedelta:
    """How far two reads may lie apart, among these, without a gap between them; `instants` are two at least."""
    usual = median((after - before).total_seconds() for before, after in pairwise(instants))
    return max(SHORTEST_GAP, timedelta(seconds=GAP * usual))


def _runs(points: Sequence[Point], longest: timedelta) -> list[list[Point]]:
    """The points without what no line may cross: a gap, and a counter that went down."""
    runs = [[points[0]]]
    for was, now in pairwise(points):
        if now[0] - was[0] > longest or now[1] < was[1]:
            runs.append([])
        runs[-1].append(now)
    return runs


def _line(corners: Sequence[tuple[float, float]]) -> str:
    # A single read has no length: a line to itself shows it as a dot.
    path = " L".join(f"{x} {y}" for x, y in corners)
    return f"M{path}" if len(corners) > 1 else f"M{path} L{path}"


def _area(corners: Sequence[tuple[float, float]]) -> str:
    path = " L".join(f"{x} {y}" for x, y in corners)
    return f"M{corners[0][0]} {HEIGHT} L{path} L{corners[-1][0]} {HEIGHT} Z"


def _told(points: Sequence[Point], longest: timedelta) -> tuple[Told, ...]:
    """Every nth point, the last, and those on both sides of whatever interrupts the line, TOLD of these at most."""
    after = {
        number: "fall" if now[1] < was[1] else "gap"
        for number, (was, now) in enumerate(pairwise(points), 1)
        if now[0] - was[0] > longest or now[1] < was[1]
    }
    sides = [side for number in list(after)[-TOLD:] for side in (number - 1, number)]
    chosen = sorted({*range(0, len(points), ceil(len(points) / TOLD)), *sides, len(points) - 1})
    rows: list[Told] = []
    before: int | None = None
    for number in chosen:
        at, value = points[number]
        more = None if before is None or after.get(number) == "fall" else value - before
        rows.append(Told(at, value, more, after.get(number, "")))
        before = value
    return tuple(rows[::-1])


@dataclass(slots=True, frozen=True)
class Bar:
    """A day: where its bar stands and ends in the box, from the left and from the top, and how high it is."""

    day: date
    value: int
    x: float
    width: float
    y: float
    height: float


@dataclass(slots=True, frozen=True)
class Bars:
    """A bar for each day in a box of WIDTH by HEIGHT; `rows` as those of a Chart, `ticks` are days at equal
    distances."""

    bars: tuple[Bar, ...]
    rows: tuple[tuple[float, int], ...]
    ticks: tuple[date, ...]


def bars(days: Sequence[tuple[date, int]]) -> Bars | None:
    """The drawing of (day, value) in order of time; None where there is nothing but zeros."""
    highest = max((value for _, value in days), default=0)
    if highest <= 0:
        return None
    _, top, step = scale(0, highest)
    wide = WIDTH / len(days)
    drawn = []
    for number, (day, value) in enumerate(days):
        height = round(value / top * HEIGHT, 1)
        drawn.append(
            Bar(day, value, round((number + 0.14) * wide, 1), round(0.72 * wide, 1), round(HEIGHT - height, 1), height)
        )
    rows = tuple((round(HEIGHT - value / top * HEIGHT, 1), value) for value in range(top, -1, -step))
    ticks = tuple(days[(len(days) - 1) * number // (TICKS - 1)][0] for number in range(TICKS))
    return Bars(tuple(drawn), rows, ticks)


@dataclass(slots=True, frozen=True)
class Cell:
    """A day of a calendar: which week (0 is the oldest) and weekday (0 is Monday), and how many reads it has; None on
    days before the device was known."""

    day: date
    week: int
    weekday: int
    reads: int | None


@dataclass(slots=True, frozen=True)
class Calendar:
    """`months` are (week, first day of the month in it); `missed` are the stretches without a read, as (first day, last
    day), the newest first."""

    cells: tuple[Cell, ...]
    weeks: int
    read: int
    known: int
    months: tuple[tuple[int, date], ...]
    missed: tuple[tuple[date, date], ...]


def calendar(reads: Mapping[date, int], since: date, today: date, weeks: int = 13) -> Calendar:
    """The last `weeks` weeks up to today; the device is known `since` that day. Of the `known` days `read` have one."""
    monday = today - timedelta(days=today.weekday() + 7 * (weeks - 1))
    days = [monday + timedelta(days=number) for number in range((today - monday).days + 1)]
    cells = tuple(
        Cell(day, number // 7, number % 7, reads.get(day, 0) if day >= since else None)
        for number, day in enumerate(days)
    )
    known = [cell for cell in cells if cell.reads is not None]
    # Where a month begins in the last two weeks its name would not fit.
    months = tuple((cell.week, cell.day) for cell in cells if cell.day.day == 1 and cell.week < weeks - 1)
    return Calendar(cells, weeks, sum(bool(cell.reads) for cell in known), len(known), months, _missed(known))


def _missed(known: Sequence[Cell]) -> tuple[tuple[date, date], ...]:
    stretches = [(is_read, list(cells)) for is_read, cells in groupby(known, lambda cell: bool(cell.reads))]
    return tuple((cells[0].day, cells[-1].day) for is_read, cells in reversed(stretches) if not is_read)


def thinned(points: Sequence[Point], every: int) -> list[Point]:
    """Every nth of the points, and the last."""
    kept = list(points[::every])
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def scale(lowest: int, highest: int) -> tuple[int, int, int]:
    """Bottom, top and step of a scale in round figures around both, in two to five steps."""
    wide = max(highest - lowest, 1)
    magnitude = 10 ** floor(log10(wide / 3)) if wide > 3 else 1
    step = int(max(1, next(magnitude * times for times in (1, 2, 5, 10) if magnitude * times >= wide / 3)))
    bottom, top = lowest // step * step, -(-highest // step) * step
    return bottom, top if top > bottom else bottom + step, step
