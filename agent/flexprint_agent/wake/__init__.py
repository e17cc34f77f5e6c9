"""One wake: search if it is due, read the printers, keep the reads, seal them, send them.

    targets -> search -> printers -> read -> keep -> seal -> send

Every step leaves the database such that the next wake goes on from there, whenever this one is killed. This is the
only room that knows the database and the collector at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake.finding import NothingToSearch, Progress, SearchStopped, search, search_due, seek
from flexprint_agent.wake.reading import Clock, Spot, read_known, read_named
from flexprint_agent.wake.sending import NOTHING_SENT, hand_over


class Stopped(AgentError):
    """A person did not want to wait any longer."""


@dataclass(slots=True, frozen=True)
class Woken:
    """What a wake did, as `wake --json` prints it, and what kept it from doing all of it."""

    result: dict[str, Any]
    failure: AgentError | None


def wake(
    keep: Keep,
    settings: Settings,
    now: Clock,
    progress: Progress | None = None,
    on_stop: Callable[[], object] = lambda: None,
) -> Woken:
    """The whole story. What fails in it does not keep the rest from happening. A person who stops it ends the search or
    the reading (`on_stop` is called), and what was read until then is sent; stopping that as well leaves it waiting."""
    started, begun = now(), time.monotonic()
    number = keep.wakes.begin(started)
    round_ = _Round(keep, settings, now, progress)
    failure: AgentError | None = None
    for step in (round_.search, round_.read, round_.seek):
        try:
            step()
        except (NothingToSearch, UnknownExclusion) as error:
            failure = error
        except (KeyboardInterrupt, SearchStopped) as error:
            round_.packets += error.result["packets"] if isinstance(error, SearchStopped) else 0
            failure = Stopped("stopped; what was found and read until then is kept, the next wake goes on from there")
            on_stop()
            break
    sent = dict(NOTHING_SENT)
    try:
        handed = hand_over(keep, settings, now)
        sent, failure = handed.result, handed.failure or failure
    except AgentError as error:
        failure = error
    except KeyboardInterrupt:
        sent["waiting"] = keep.spool.count("waiting")
        failure = Stopped(
            "stopped before all was sent; what was read is kept and waits for the next wake, or for `send`"
        )
    keep.spool.forget_history(started)
    keep.credentials.forget_old_refusals(started)
    result = round_.result() | {"sent": sent, "seconds": round(time.monotonic() - begun, 1)}
    keep.wakes.end(number, now(), result | {"error": None if failure is None else str(failure)})
    return Woken(result, failure)


@dataclass(slots=True)
class _Round:
    """The search and the reads of one wake, and what they came to."""

    keep: Keep
    settings: Settings
    now: Clock
    progress: Progress | None
    searched: bool = False
    packets: int = 0
    were_read: int = 0
    found_again: int = 0
    silent: set[Spot] = field(default_factory=set)
    """Where printers were asked and did not answer."""
    unread: list[dict[str, str]] = field(default_factory=list)
    left_alone: list[dict[str, str]] = field(default_factory=list)
    not_asked: list[dict[str, str]] = field(default_factory=list)

    def search(self) -> None:
        """Raises NothingToSearch, UnknownExclusion, SearchStopped."""
        if search_due(self.keep, self.settings, self.now()):
            self.packets += search(self.keep, self.settings, self.now, self.progress)["packets"]
            self.searched = True

    def read(self) -> None:
        """Raises UnknownExclusion."""
        for outcome in read_known(self.keep, self.settings, self.now):
            self.were_read += outcome["printer"]
            self.packets += outcome["packets"]
            if "left_alone_until" in outcome:
                alone = {"address": outcome["address"], "until": outcome["left_alone_until"]}
                self.left_alone.append(alone | {"reason": outcome["trouble"]})
            elif not outcome["asked"]:
                self.not_asked.append({"address": outcome["address"], "error": outcome["error"]})
            if outcome["asked"] and not outcome["answered"]:
                self.silent.add((outcome["address"], outcome["port"]))
            if outcome["answered"] and not outcome["printer"]:
                self.unread.append({"address": outcome["address"], "error": outcome["error"] or outcome["reason"]})

    def seek(self) -> None:
        """Raises UnknownExclusion."""
        packets, found = seek(self.keep, self.settings, self.now)
        self.packets += packets
        for outcome in read_named(self.keep, self.settings, ((*place, place[0]) for place in found), self.now):
            self.packets += outcome["packets"]
            if outcome["printer"]:
                self.found_again += 1
                self.silent.discard(found[outcome["address"], outcome["port"]])

    def result(self) -> dict[str, Any]:
        return {
            "searched": self.searched,
            "read": self.were_read + self.found_again,
            "silent": len(self.silent),
            "found_again": self.found_again,
            "unread": self.unread,
            "left_alone": self.left_alone,
            "not_asked": self.not_asked,
            "packets": self.packets,
        }
