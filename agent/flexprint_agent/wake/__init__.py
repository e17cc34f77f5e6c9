"""One wake: search if it is due, read the printers, keep the reads, seal them, send them.

    targets -> search -> printers -> read -> keep -> seal -> send -> check in -> the next wake is planned

Every step leaves the database such that the next wake goes on from there, whenever this one is killed. This is the
only room that knows the database and the collector at once.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.handed import Command
from flexprint_agent.keep.notes import LAST_ROUND
from flexprint_agent.settings import Settings
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake.chosen import in_force, recipients
from flexprint_agent.wake.finding import NothingToSearch, Progress, SearchStopped, Standing, search, search_due, seek
from flexprint_agent.wake.planning import Due, plan
from flexprint_agent.wake.reading import Clock, Spot, read_known, read_named
from flexprint_agent.wake.sending import NOTHING_SENT, Line, hand_over
from flexprint_shared.times import rfc3339

LONGEST_ROUND: Final = 2 * 3600.0
"""Seconds after which reading ends, whatever has not been read by then."""


_CHECK_INS: Final = 3
"""Check-ins of one wake at most: one as a rule, another one to tell what became of a command."""


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
    keep.handed.interrupt()
    if due is None:
        due = Due(search_due(keep, settings, started), round=True)
    with Line(keep, settings) as line:
        one = _Wake(keep, settings, now, _Round(keep, settings, now, progress, alive), line, on_stop)
        if was_cut:
            # Whatever it was that ended the last wake: what that had read does not wait until this one comes through.
            one.send()
            one.failure = None
        one.work(search=due.search, read=due.round)
        if due.round and not isinstance(one.failure, Stopped):
            keep.notes.put_instant(LAST_ROUND, started)
        alive()
        reached = one.send()
        keep.spool.forget_history(started)
        keep.credentials.forget_old_refusals(started)
        following = plan(keep, settings, now(), awake=True)
        if reached:
            one.check_in(alive)
            following = plan(keep, one.settings, now(), awake=True)
    result = one.round.result() | {
        "sent": one.sent,
        "seconds": round(time.monotonic() - begun, 1),
        "next_wake_at": rfc3339(following),
    }
    keep.wakes.end(number, now(), result | {"error": None if one.failure is None else str(one.failure)})
    return Woken(result, one.failure)


@dataclass(slots=True)
class _Wake:
    """One wake under way. `failure` is what last kept it from doing something."""

    keep: Keep
    settings: Settings
    now: Clock
    round: "_Round"
    line: Line
    on_stop: Callable[[], object]
    sent: dict[str, int] = field(default_factory=lambda: dict(NOTHING_SENT))
    failure: AgentError | None = None

    def work(self, *, search: bool, read: bool) -> None:
        """Searches and reads."""
        steps = [self.round.search] if search else []
        steps += [self.round.read, self.round.seek] if read else []
        for step in steps:
            try:
                step()
            except (NothingToSearch, UnknownExclusion, TookTooLong) as error:
                self.failure = error
            except (KeyboardInterrupt, SearchStopped) as error:
                self.round.packets += error.result["packets"] if isinstance(error, SearchStopped) else 0
                self.failure = Stopped(
                    "stopped; what was found and read until then is kept, the next wake goes on from there"
                )
                self.on_stop()
                return

    def send(self, *, report: bool = False) -> bool:
        """Hands over what there is; whether the collector was there, or not needed."""
        try:
            handed = hand_over(self.keep, self.settings, self.now, report=report, line=self.line)
        except AgentError as error:
            self.failure = error
            return False
        except KeyboardInterrupt:
            self.sent["waiting"] = self.keep.spool.count("waiting")
            self.failure = Stopped(
                "stopped before all was sent; what was read is kept and waits for the next wake, or for `send`"
            )
            return False
        _add(self.sent, handed.result)
        self.failure = handed.failure or self.failure
        return not handed.result["waiting"]

    def check_in(self, alive: Callable[[], object]) -> None:
        """Tells the collector how the agent is, does what it asks for, and tells it what came of that."""
        from flexprint_agent.wake.checking_in import check_in

        with_log = False
        for _ in range(_CHECK_INS):
            alive()
            came_to = self.round.figures() | {"error": None if self.failure is None else str(self.failure)}
            try:
                told = check_in(self.keep, self.settings, self.now, self.line, came_to, with_log=with_log)
            except AgentError as error:
                self.failure = error
                return
            except KeyboardInterrupt:
                self.failure = Stopped("stopped before the collector was told how the agent is; the next wake tells it")
                return
            if not told.commands and not told.changed:
                return
            self.settings = self.round.settings = in_force(self.keep)
            for command in told.commands:
                self._obey(command)
            with_log = any(command.name == "log" for command in told.commands)
            plan(self.keep, self.settings, self.now(), awake=True)

    def _obey(self, command: Command) -> None:
        """Does what a command of the closed list says; what this wake has done already is not done again."""
        before, self.failure = self.failure, None
        said = ""
        match command.name:
            case "search":
                if not self.round.searched:
                    self.work(search=True, read=False)
                if self.round.new and self.failure is None:
                    self.work(search=False, read=True)
                self.send()
                said = f"{self.keep.devices.count()} printers known, {self.round.new} of them new"
            case "read":
                if not self.round.were_read:
                    self.work(search=False, read=True)
                    self.send()
                said = f"{self.round.figures()['read']} printers read, {len(self.round.silent)} silent"
            case "send" if not recipients(self.keep):
                self.failure = AgentError("the workbook goes to nobody: there are no recipients")
            case "send":
                self.send(report=True)
                said = "the workbook was asked for"
            case "log":
                said = "sent"
            case _:
                self.keep.handed.settle(command.id, "unknown", "this agent knows no such command")
                self.failure = before
                return
        state = "done" if self.failure is None else "failed"
        self.keep.handed.settle(command.id, state, said if self.failure is None else str(self.failure))
        self.failure = self.failure or before


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
    new: int = 0
    """Printers that the search found and nobody knew before."""
    were_read: int = 0
    found_again: int = 0
    silent: set[Spot] = field(default_factory=set)
    """Where printers were asked and did not answer."""
    unread: list[dict[str, str]] = field(default_factory=list)
    left_alone: list[dict[str, str]] = field(default_factory=list)
    not_asked: list[dict[str, str]] = field(default_factory=list)

    def search(self) -> None:
        """Raises NothingToSearch, UnknownExclusion, SearchStopped."""
        found = search(self.keep, self.settings, self.now, self._told)
        self.packets += found["packets"]
        self.new += found["new"]
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

    def figures(self) -> dict[str, Any]:
        """What it came to, in figures alone: no word of it names a device."""
        return {
            "searched": self.searched,
            "read": self.were_read + self.found_again,
            "silent": len(self.silent),
            "found_again": self.found_again,
            "packets": self.packets,
        }

    def result(self) -> dict[str, Any]:
        return self.figures() | {
            "unread": self.unread,
            "left_alone": self.left_alone,
            "not_asked": self.not_asked,
        }
