"""How many workbooks an agent may ask for. An agent's key that was stolen must not turn the collector into a
cannon of mails to whomever its thief names. Pure: times come in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

MOST: Final = 12
"""Reports of one agent within WITHIN: one every five minutes, where agents ask for one a day."""

WITHIN: Final = timedelta(hours=1)


def accepted_from(accepted: Sequence[datetime], now: datetime) -> datetime | None:
    """When an agent's next report is accepted; None when it is at once. `accepted` are the times of those that
    were, in any order."""
    recent = sorted(at for at in accepted if at > now - WITHIN)
    return recent[-MOST] + WITHIN if len(recent) >= MOST else None


def refusal(again: datetime) -> str:
    """What people read where the workbook would be. `again` is in UTC."""
    return (
        "this agent asked for too many workbooks within an hour; "
        f"the next one is accepted from {again:%Y-%m-%d %H:%M:%S} UTC"
    )
