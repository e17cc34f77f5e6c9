"""How a search gets on, on stderr: one line drawn again and again where a person looks, a few lines elsewhere."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from flexprint_agent.wake.finding import Progress, Standing

_EVERY: Final = 0.2
"""Seconds between two drawings of the line."""

_QUARTERS: Final = 4
_BAR: Final = 20


def share_done(standing: Standing) -> float:
    """From 0 to 1, by time: what was and what is ahead."""
    whole = standing.seconds + standing.seconds_ahead
    return standing.seconds / whole if whole > 0 else 1.0


def words(standing: Standing) -> str:
    """`1 min 20 s left, 7 printers, 12 answered, 1,200 packets (298/s)`: what matters most stands where no narrow
    terminal cuts it off."""
    rate = standing.packets / standing.seconds if standing.seconds > 0 else 0.0
    return (
        f"{duration(standing.seconds_ahead)} left, {standing.printers:,} printers, {standing.answered:,} answered, "
        f"{standing.packets:,} packets ({rate:,.0f}/s)"
    )


def duration(seconds: float) -> str:
    """`8 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`: the two largest units."""
    whole = round(seconds)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    first = next((place for place, (_, count) in enumerate(units) if count), len(units) - 1)
    told = [f"{count} {unit}" for unit, count in units[first : first + 2] if count]
    return " ".join(told) or "0 s"


def line(standing: Standing, width: int) -> str:
    """The line of a terminal this wide; it never reaches the last column, where some terminals would begin another."""
    done = share_done(standing)
    filled = int(done * _BAR)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {done:4.0%} {words(standing)}"[: max(0, width - 1)]


class Bar:
    """One line, drawn again at most five times a second."""

    def __init__(self, stream: TextIO, width: Callable[[], int], clock: Callable[[], float]) -> None:
        self._stream, self._width, self._clock = stream, width, clock
        self._due = 0.0
        self._drawn = 0

    def __call__(self, standing: Standing) -> None:
        now = self._clock()
        if now < self._due:
            return
        self._due = now + _EVERY
        text = line(standing, self._width())
        self._stream.write("\r" + text.ljust(self._drawn))
        self._stream.flush()
        self._drawn = len(text)

    def close(self) -> None:
        """What is said next begins on a clean line."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()


class Lines:
    """A line at the beginning and at each quarter: for a log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._quarter = 0

    def __call__(self, standing: Standing) -> None:
        done = share_done(standing)
        if done * _QUARTERS >= self._quarter and standing.seconds_ahead > 0:
            self._quarter = int(done * _QUARTERS) + 1
            self._stream.write(f"searching, {done:.0%}: {words(standing)}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to be cleaned up."""


@contextmanager
def progress(chosen: argparse.Namespace) -> Iterator[Progress | None]:
    """What a search is to tell how it gets on; nothing for a program that reads JSON, unless a person watches."""
    teller: Bar | Lines
    if sys.stderr.isatty():
        import shutil

        teller = Bar(sys.stderr, lambda: shutil.get_terminal_size().columns, time.monotonic)
    elif chosen.json:
        yield None
        return
    else:
        teller = Lines(sys.stderr)
    try:
        yield teller
    finally:
        teller.close()
