"""One device -> everything it answers, taken slowly."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flexprint_agent.settings import Settings
from flexprint_agent.wake.reading import Clock, exchange_for

if TYPE_CHECKING:
    from flexprint_agent.capture.finish import Finished
    from flexprint_agent.snmp.conversation import Conversation, Traits
    from flexprint_agent.snmp.exchange import Endpoint

Progress = Callable[[int, str], object]
"""Is told how many values there are, and the subtree that is being walked."""

_GAP: Final = 0.05
"""Seconds between two packets: a capture asks a hundred times what a read does, and nobody waits for it."""

LONGEST: Final = 20 * 60.0
"""Seconds that a capture may take."""

BY_HAND: Final = "it was stopped by hand"


@dataclass(slots=True, frozen=True)
class Captured:
    """`error` says why there is nothing, `ended` why there is not everything. `restarted`: the device did meanwhile."""

    finished: "Finished | None"
    error: str | None
    ended: str | None
    restarted: bool
    packets: int
    seconds: float


def capture(
    settings: Settings,
    endpoint: "Endpoint",
    now: Clock,
    mask_key: bytes | None = None,
    progress: Progress | None = None,
) -> Captured:
    """What is there when the device falls silent, restarts, or somebody presses Ctrl-C is given too."""
    from flexprint_agent.capture.finish import Circumstances, finish
    from flexprint_agent.capture.walks import Taken, take

    taken, begun, started = Taken(), time.monotonic(), now()
    exchange = exchange_for(settings, gap=_GAP)
    learned: list[Traits] = []
    error: str | None = None

    def enough() -> str | None:
        if progress is not None:
            progress(len(taken.values), taken.under_way)
        late = time.monotonic() - begun > LONGEST
        return f"it took longer than {LONGEST / 60:g} minutes" if late else None

    def begin(traits: "Traits") -> "Conversation[None]":
        learned.append(traits)
        return take(taken, traits, enough)

    try:
        for outcome in exchange.run([(endpoint, begin)]):
            error = outcome.error
    except KeyboardInterrupt:
        taken.ended = error = BY_HAND
    seconds = time.monotonic() - begun
    if not taken.values:
        return Captured(None, error or "it answered nothing", None, False, exchange.packets_sent, seconds)
    # What a device said that was more than a conversation could take does not spoil what was there before.
    taken.ended = taken.ended or error
    how = Circumstances(started, learned[-1].version, exchange.packets_sent, seconds)
    finished = finish(taken, how, endpoint.secrets(), mask_key)
    return Captured(finished, None, taken.ended, taken.restarted, exchange.packets_sent, seconds)
