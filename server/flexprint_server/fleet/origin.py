"""Where reads come from, and for how long that counts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

OWNED_FOR: Final = timedelta(days=7)
"""How long a device stays with the agent that read it first, after that agent's last read of it, when another
agent reads it too."""

ABSURD: Final = timedelta(days=1)
"""A read so far ahead of its arrival comes from a clock that was wrong. It is stored as it came, but does not
keep later ones from showing as the newest."""


@dataclass(slots=True, frozen=True)
class Origin:
    """Who brought the reads, in which batch, and when that arrived; `zone` is the clock of the site."""

    dealer_id: int
    site_id: int
    agent_id: UUID
    batch_id: int
    received_at: datetime
    zone: tzinfo = UTC
