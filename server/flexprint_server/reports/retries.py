"""How often each step of a report is tried."""

from datetime import datetime
from typing import Final, Literal

from flexprint_server.mail import retries

Step = Literal["building", "sending"]

TRIES: Final[dict[Step, int]] = {"building": 8, "sending": retries.SENDING}
"""Attempts at one step. Building fails for half an hour before it is given up."""


def next_attempt(step: Step, attempts: int, now: datetime, luck: float) -> datetime | None:
    """When to try again after `attempts` failed ones at `step`; None when that was the last."""
    return retries.next_attempt(TRIES[step], attempts, now, luck)
