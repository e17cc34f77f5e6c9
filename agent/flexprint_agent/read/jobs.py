"""What a print spooler printed -> pages that only ever climb, though the spooler forgets its jobs (CUPS) or begins to
count anew when it starts (Windows). Pure.

What is counted is kept with the device (`as_json`), in the transaction that keeps the read. Jobs that were finished
before the first count are not in it, and neither are those that came and were purged between two counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flexprint_shared.times import from_milliseconds, to_milliseconds

_ENDED: Final = (7, 8, 9)
"""job-state canceled, aborted, completed (RFC 8011): what came out is printed, whatever became of the job."""

_MOST_PAGES: Final = 1_000_000
"""Pages of one job; more is a driver's mistake."""

_MOST_OPEN: Final = 1000

Job = Mapping[str, Sequence[Any]]
"""The attributes job-id, job-state, job-impressions-completed, job-media-sheets-completed, time-at-completed."""


@dataclass(slots=True, frozen=True)
class Tally:
    """`pages` since `since`. All jobs up to number `highest` are counted but those in `open`, which had not ended;
    `newest` is the spooler's clock (seconds) when the last of them ended."""

    since: datetime
    pages: int = 0
    highest: int = 0
    newest: int = 0
    open: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "since": to_milliseconds(self.since),
            "pages": self.pages,
            "highest": self.highest,
            "newest": self.newest,
            "open": list(self.open),
        }


def from_json(kept: Mapping[str, Any]) -> Tally:
    return Tally(from_milliseconds(kept["since"]), kept["pages"], kept["highest"], kept["newest"], tuple(kept["open"]))


def count(before: Tally | None, jobs: Iterable[Job], at: datetime) -> Tally:
    """The tally after `jobs`, all that the spooler knows of one queue; None before the first."""
    listed = {number: job for job in jobs if (number := _integer(job, "job-id")) > 0}
    start = before or Tally(at)
    highest, waiting = start.highest, set(start.open)
    ended = {number: job for number, job in listed.items() if _integer(job, "job-state") in _ENDED}
    newest = max((_integer(job, "time-at-completed") for job in ended.values()), default=0)
    if listed and max(listed) < highest and newest > start.newest:
        # The spooler was set up anew and numbers from 1 again: what ended since the last count is new.
        ended = {number: job for number, job in ended.items() if _integer(job, "time-at-completed") > start.newest}
        highest, waiting = 0, set()
    new = [job for number, job in ended.items() if number > highest or number in waiting]
    still = sorted(number for number, job in listed.items() if _integer(job, "job-state") not in _ENDED)
    return Tally(
        since=start.since,
        pages=start.pages + (sum(map(_pages, new)) if before else 0),
        highest=max([highest, *listed]),
        newest=max(start.newest, newest),
        open=tuple(still[-_MOST_OPEN:]),
    )


def climb(before: Tally | None, counter: int, at: datetime) -> Tally:
    """The tally after a counter that begins at 0 whenever the spooler starts; `highest` is where it stood. None before
    the first. What was printed between the last count and a start is lost to it."""
    if before is None:
        return Tally(at, highest=counter)
    more = counter - before.highest if counter >= before.highest else counter
    return replace(before, pages=before.pages + (more if more <= _MOST_PAGES else 0), highest=counter)


def _pages(job: Job) -> int:
    """CUPS counts impressions and sheets alike from what the driver tells it; some drivers tell only one of them."""
    pages = _integer(job, "job-impressions-completed") or _integer(job, "job-media-sheets-completed")
    return pages if 0 <= pages <= _MOST_PAGES else 0


def _integer(job: Job, name: str) -> int:
    values = job.get(name) or (0,)
    return values[0] if isinstance(values[0], int) else 0
