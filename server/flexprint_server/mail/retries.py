"""When something is tried again after an attempt that failed. Pure: time and luck come in."""

from datetime import datetime, timedelta
from typing import Final

FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(hours=1)

SENDING: Final = 56
"""Attempts to hand a mail over: a mail server may be away for two days, as long as senders of mail are used to try."""


def next_attempt(most: int, attempts: int, now: datetime, luck: float) -> datetime | None:
    """When to try again after `attempts` failed ones of `most`: a wait that doubles from 15 s up to an hour; None when
    that was the last. `luck` (0 to 1) takes off up to a quarter, so that what failed together comes back apart."""
    if attempts >= most:
        return None
    doubled: timedelta = FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20)
    return now + min(doubled, LONGEST_WAIT) * (0.75 + luck / 4)
