"""One wake: search if it is due, read the printers, keep the reads, seal them, send them.

    targets -> search -> printers -> read -> keep -> seal -> send

Every step leaves the database such that the next wake goes on from there, whenever this one is killed. This is the
only room that knows the database and the collector at once.
"""

import time
from dataclasses import dataclass
from typing import Any

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake.finding import NothingToSearch, Progress, search, search_due, seek
from flexprint_agent.wake.reading import Clock, read_known, read_named
from flexprint_agent.wake.sending import NOTHING_SENT, hand_over


@dataclass(slots=True, frozen=True)
class Woken:
    """What a wake did, as `wake --json` prints it, and what kept it from doing all of it."""

    result: dict[str, Any]
    failure: AgentError | None


def wake(keep: Keep, settings: Settings, now: Clock, progress: Progress | None = None) -> Woken:
    """The whole story. What fails in it does not keep the rest from happening."""
    started, begun = now(), time.monotonic()
    number = keep.wakes.begin(started)
    failure: AgentError | None = None
    packets = read = silent = found_again = 0
    searched = False
    unread: list[dict[str, str]] = []
    left_alone: list[dict[str, str]] = []
    try:
        if search_due(keep, settings, started):
            packets = search(keep, settings, now, progress)["packets"]
            searched = True
    except (NothingToSearch, UnknownExclusion) as error:
        failure = error
    try:
        for outcome in read_known(keep, settings, now):
            read += outcome["printer"]
            if "left_alone_until" in outcome:
                alone = {"address": outcome["address"], "until": outcome["left_alone_until"]}
                left_alone.append(alone | {"reason": outcome["trouble"]})
                if not outcome["packets"]:
                    continue
            silent += not outcome["answered"]
            if outcome["answered"] and not outcome["printer"]:
                unread.append({"address": outcome["address"], "error": outcome["error"] or outcome["reason"]})
            packets += outcome["packets"]
        looked, places = seek(keep, settings, now)
        packets += looked
        for outcome in read_named(keep, settings, ((*place, place[0]) for place in places), now):
            found_again += outcome["printer"]
            packets += outcome["packets"]
    except UnknownExclusion as error:
        failure = error
    sent = dict(NOTHING_SENT)
    try:
        handed = hand_over(keep, settings, now)
        sent, failure = handed.result, handed.failure or failure
    except AgentError as error:
        failure = error
    keep.spool.forget_history(started)
    keep.credentials.forget_old_refusals(started)
    result = {
        "searched": searched,
        "read": read + found_again,
        "silent": silent - found_again,
        "found_again": found_again,
        "unread": unread,
        "left_alone": left_alone,
        "sent": sent,
        "seconds": round(time.monotonic() - begun, 1),
        "packets": packets,
    }
    keep.wakes.end(number, now(), result | {"error": None if failure is None else str(failure)})
    return Woken(result, failure)
