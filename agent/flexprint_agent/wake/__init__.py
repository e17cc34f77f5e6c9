"""One wake: search if it is due, read the printers, keep the reads, seal them, send them.

    targets -> search -> printers -> read -> keep -> seal -> send -> the next wake is planned

Every step leaves the database such that the next wake goes on from there, whenever this one is killed. This is the
only room that knows the database and the collector at once.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.notes import LAST_ROUND
from flexprint_agent.settings import Settings
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake.finding import NothingToSearch, Progress, SearchStopped, Standing, search, search_due, seek
from flexprint_agent.wake.planning import Due, plan
from flexprint_agent.wake.reading import Clock, Spot, read_known, read_named
from flexprint_agent.wake.sending import NOTHING_SENT, hand_over
from flexprint_shared.times import rfc3339

LONGEST_ROUND: Final = 2 * 3600.0
"""Seconds after which reading ends, whatever has not been read by then."""


class Stopped(AgentError):
    """A person, or the system, did not want to wait any longer."""


class TookTooLong(AgentError):
    """Reading was ended; what was read is kept, and sent."""


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
    *,
    due: Due | None = None,
    alive: Callable[[], object] = lambda: None,
) -> Woken:
    """The whole story. What fails in it does not keep the rest from happening. A person who stops it ends the search or
    the reading (`on_stop` is called), and what was read until then is sent; stopping that as well leaves it waiting.

    `due` is what has to be done; without it every printer is read, and searched for if that is due. `alive` is called
    again and again while it gets on."""
    started, begun = now(), time.monotonic()
    was_cut = keep.wakes.last_was_cut()
    number = keep.wakes.begin(started)
    if due is None:
        due = Due(search_due(keep, settings, started), round=True)
    round_ = _Round(keep, settings, now, progress, alive)
    failure: AgentError | None = None
    sent = dict(NOTHING_SENT)
    if was_cut:
        # Whatever it was that ended the last wake: what that had read does not wait until this one comes through.
        with suppress(AgentError):
            _add(sent, hand_over(keep, settings, now).result)
    steps = [round_.search] if due.search else []
    steps += [round_.read, round_.seek] if due.round else []
    for step in steps:
        try:
            step()
        except (NothingToSearch, UnknownExclusion, TookTooLong) as error:
            failure = error
        except (KeyboardInterrupt, SearchStopped) as error:
            round_.packets += error.result["packets"] if isinstance(error, SearchStopped) else 0
            failure = Stopped("stopped; what was found and read until then is kept, the next wake goes on from there")
            on_stop()
            break
    else:
        if due.round:
            keep.notes.put_instant(LAST_ROUND, started)
    alive()
    try:
        handed = hand_over(keep, settings, now)
        _add(sent, handed.result)
        failure = handed.failure or failure
    except AgentError as error:
        failure = error
    except KeyboardInterrupt:
        sent["waiting"] = keep.spool.count("waiting")
        failure = Stopped(
            "stopped before all was sent; what was read is kept and waits for the next wake, or for `send`"
        )
    keep.spool.forget_history(started)
    keep.credentials.forget_old_refusals(started)
    following = plan(keep, settings, now(), awake=True)
    result = round_.result() | {
        "sent": sent,
        "seconds": round(time.monotonic() - begun, 1),
        "next_wake_at": rfc3339(following),
    }
    keep.wakes.end(number, now(), result | {"error": None if failure is None else str(failure)})
    return Woken(result, failure)


def _add(sent: dict[str, int], more: Mapping[str, int]) -> None:
    """What several sends did; what waits, waits once."""
    for name, count in more.items():
        sent[name] = count if name == "waiting" else sent[name] + count


@dataclass(slots=True)
class _Round:
    """The search and the reads of one wake, and what they came to."""

    keep: Keep
    settings: Settings
    now: Clock
    progress: Progress | None
    alive: Callable[[], object]
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
        self.packets += search(self.keep, self.settings, self.now, self._told)["packets"]
        self.searched = True

    def _told(self, standing: Standing) -> None:
        self.alive()
        if self.progress is not None:
            self.progress(standing)

    def read(self) -> None:
        """Raises UnknownExclusion, TookTooLong."""
        until = time.monotonic() + LONGEST_ROUND
        for outcome in read_known(self.keep, self.settings, self.now):
            self.alive()
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
            if time.monotonic() > until:
                raise TookTooLong(
                    f"reading took longer than {LONGEST_ROUND / 3600:g} hours and was ended; what was read is sent "
                    "(a larger `flexprint-agent settings packets_per_second` makes it faster)"
                )

    def seek(self) -> None:
        """Raises UnknownExclusion."""
        packets, found = seek(self.keep, self.settings, self.now)
        self.packets += packets
        for outcome in read_named(self.keep, self.settings, ((*place, place[0]) for place in found), self.now):
            self.alive()
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
