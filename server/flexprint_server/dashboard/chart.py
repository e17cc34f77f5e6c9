"""A device's total over time as the path of a small drawing. Pure geometry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 200

MOST_CORNERS: Final = 400
"""More points than that cannot be seen in a drawing of this size; every nth is drawn, and the last."""


@dataclass(slots=True, frozen=True)
class Chart:
    """`line` and `area` are SVG paths in a box of WIDTH by HEIGHT. `rows` are (height, value) of the lines of
    the scale, from the top. `first` and `last` are the ends of what is shown."""

    line: str
    area: str
    rows: tuple[tuple[float, int], ...]
    first: tuple[datetime, int]
    last: tuple[datetime, int]


def chart(points: Sequence[tuple[datetime, int]]) -> Chart | None:
    """The drawing of (time, total) in order of time; None where two instants are not to be had."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    values = [value for _, value in points]
    bottom, top, step = scale(min(values), max(values))
    started, ended = points[0][0], points[-1][0]
    seconds = (ended - started).total_seconds()

    def x(instant: datetime) -> float:
        return (instant - started).total_seconds() / seconds * WIDTH

    def y(value: float) -> float:
        return HEIGHT - (value - bottom) / (top - bottom) * HEIGHT

    corners = " L".join(f"{x(instant):.1f} {y(value):.1f}" for instant, value in thinned(points))
    rows = tuple((round(y(value), 1), value) for value in range(top, bottom - 1, -step))
    return Chart(f"M{corners}", f"M0 {HEIGHT} L{corners} L{WIDTH} {HEIGHT} Z", rows, points[0], points[-1])


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
    """A bar for each day in a box of WIDTH by HEIGHT; `rows` as those of a Chart."""

    bars: tuple[Bar, ...]
    rows: tuple[tuple[float, int], ...]


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
    return Bars(
        tuple(drawn), tuple((round(HEIGHT - value / top * HEIGHT, 1), value) for value in range(top, -1, -step))
    )


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
    cells: tuple[Cell, ...]
    weeks: int
    read: int
    known: int


def calendar(reads: Mapping[date, int], since: date, today: date, weeks: int = 13) -> Calendar:
    """The last `weeks` weeks up to today; the device is known `since` that day. Of the `known` days `read` have one."""
    monday = today - timedelta(days=today.weekday() + 7 * (weeks - 1))
    days = [monday + timedelta(days=number) for number in range((today - monday).days + 1)]
    cells = tuple(
        Cell(day, number // 7, number % 7, reads.get(day, 0) if day >= since else None)
        for number, day in enumerate(days)
    )
    known = [cell for cell in cells if cell.reads is not None]
    return Calendar(cells, weeks, sum(bool(cell.reads) for cell in known), len(known))


def thinned(points: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    every = ceil(len(points) / MOST_CORNERS)
    kept = list(points[::every])
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def scale(lowest: int, highest: int) -> tuple[int, int, int]:
    """Bottom, top and step of a scale in round figures around both, in two to five steps."""
    wide = max(highest - lowest, 1)
    magnitude = 10 ** floor(log10(wide / 3)) if wide > 3 else 1
    step = int(max(1, next(magnitude * times for times in (1, 2, 5, 10) if magnitude * times >= wide / 3)))
    bottom, top = lowest // step * step, -(-highest // step) * step
    return bottom, top if top > bottom else bottom + step, step
