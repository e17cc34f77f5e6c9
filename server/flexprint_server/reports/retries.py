"""When a report is looked at again after an attempt that failed. Pure: time and luck come in."""

from datetime import datetime, timedelta
from typing import Final, Literal

Step = Literal["building", "sending"]

FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(hours=1)

TRIES: Final[dict[Step, int]] = {"building": 8, "sending": 56}
"""Attempts at one step. Building fails for half an hour before it is given up; a mail server may be away for
two days, as long as senders of mail are used to try."""


def next_attempt(step: Step, attempts: int, now: datetime, luck: float) -> datetime | None:
    """When to try again after `attempts` failed ones: a wait that doubles from 15 s up to an hour; None when that
    was the last. `luck` (0 to 1) takes off up to a quarter, so that what failed together comes back apart."""
    if attempts >= TRIES[step]:
        return None
    doubled: timedelta = FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20)
    return now + min(doubled, LONGEST_WAIT) * (0.75 + luck / 4)
