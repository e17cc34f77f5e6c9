"""What takes longer than a page: looking for networks, searching, reading, sending. One piece of work at a time, in a
thread of its own, and pages that show how it stands."""

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from flexprint_agent import wake as waking
from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake import local, reading, sending
from flexprint_agent.wake import segments as networks
from flexprint_agent.wake.chosen import in_force
from flexprint_agent.wake.finding import SearchStopped, Standing, search
from flexprint_agent.wake.planning import Due
from flexprint_agent.wake.reading import Clock

LONGEST_GOODBYE: Final = 5.0
"""Seconds that closing the page waits for work under way. What was done until then is kept in any case."""


@dataclass(slots=True, frozen=True)
class State:
    """A piece of work as a page shows it. `phase` is a word of the catalogue, `standing` how a search stands, `done` of
    `of` printers are read (None: not known). `failure` says why it did not do everything."""

    number: int
    name: str
    phase: str
    running: bool = True
    standing: Standing | None = None
    done: int = 0
    of: int | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: Exception | None = None

    def share(self) -> float | None:
        """From 0 to 1; None where nobody can say."""
        if self.phase == "searching" and self.standing is not None:
            whole = self.standing.seconds + self.standing.seconds_ahead
            return min(1.0, self.standing.seconds / whole) if whole > 0 else None
        return self.done / self.of if self.of else None


class Unexpected(AgentError):
    """A fault of the agent itself. What happened stands on the terminal that the page was started from."""


class Enough(KeyboardInterrupt):
    """A person does not want to wait for the search. It ends as if Ctrl-C had been pressed."""


Doing = Callable[["Work", Keep], Mapping[str, Any]]
"""A piece of work: tells `work` how it stands, and gives what came of it. Raises AgentError."""


class Work:
    """The work of one page. Its last state stays until the next piece of work begins."""

    def __init__(self, home: Path, now: Clock) -> None:
        self._home = home
        self.now = now
        self._lock = threading.Lock()
        self._state: State | None = None
        self._thread: threading.Thread | None = None
        self._enough = threading.Event()

    @property
    def state(self) -> State | None:
        return self._state

    @property
    def running(self) -> bool:
        return self._state is not None and self._state.running

    def start(self, name: str, doing: Doing) -> bool:
        """False where other work goes on: then nothing is begun."""
        with self._lock:
            if self.running:
                return False
            number = self._state.number + 1 if self._state else 1
            self._state = State(number, name, name)
            self._enough.clear()
            self._thread = threading.Thread(target=self._do, args=(doing,), daemon=True)
            self._thread.start()
            return True

    def tell(self, **how: Any) -> None:
        """Notes how the work stands."""
        assert self._state is not None
        self._state = replace(self._state, **how)

    def stop(self) -> None:
        """Ends the work where it may be ended, as soon as it may be."""
        self._enough.set()

    @property
    def stopped(self) -> bool:
        return self._enough.is_set()

    def forget(self) -> None:
        """What came of the last work is of no interest any more."""
        with self._lock:
            if not self.running:
                self._state = None

    def wait(self, seconds: float = LONGEST_GOODBYE) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def progress(self, standing: Standing) -> None:
        """What a search tells. Raises Enough."""
        self.tell(standing=standing)
        if self.stopped:
            raise Enough

    def _do(self, doing: Doing) -> None:
        result: Mapping[str, Any] = {}
        failure: Exception | None = None
        try:
            with Keep(self._home) as keep, keep.alone():
                result = doing(self, keep)
        except AgentError as error:
            failure = error
        except Enough:
            pass  # it was stopped where nothing had to be put in order
        except Exception as error:  # noqa: BLE001 - the thread's last word; a page must not wait for ever
            traceback.print_exc()
            failure = Unexpected(f"{type(error).__name__}: {error}")
        self.tell(running=False, result=result, failure=failure)


# The pieces of work


def check(work: Work, keep: Keep) -> Mapping[str, Any]:
    """Walks the way to the collector, step by step. Raises NotEnrolled."""
    from flexprint_agent.send.way import walk

    return {"way": walk(sending.route(keep.enrolments.require(), in_force(keep)), work.now())}


def learn(hops: bool = False) -> Doing:
    """Looks which networks there are, asking the gateway."""

    def doing(work: Work, keep: Keep) -> Mapping[str, Any]:
        return networks.learn(keep, in_force(keep), work.now, hops=hops)

    return doing


def find(work: Work, keep: Keep) -> Mapping[str, Any]:
    """Searches, then reads what is known."""
    settings = in_force(keep)
    try:
        found = search(keep, settings, work.now, work.progress)
    except SearchStopped as stopped:
        found = stopped.result
    return {"search": found, "read": _read_all(work, keep)}


def round_now(work: Work, keep: Keep) -> Mapping[str, Any]:
    """What the service does at each wake, but for the search: reads all printers, hands over, checks in."""
    woken = waking.wake(keep, in_force(keep), work.now, work.progress, due=Due(search=False, round=True))
    if woken.failure is not None:
        raise woken.failure
    return woken.result


def read_some(places: Iterable[reading.Place]) -> Doing:
    """Reads these places now; what answers and is a printer is known from then on."""
    asked = list(places)

    def doing(work: Work, keep: Keep) -> Mapping[str, Any]:
        work.tell(phase="reading", of=len(asked))
        return {"read": _count(work, reading.read_named(keep, in_force(keep), asked, work.now))}

    return doing


def read_local(queues: Iterable[str]) -> Doing:
    """Reads the printers on these print queues now."""
    asked = set(queues)

    def doing(work: Work, keep: Keep) -> Mapping[str, Any]:
        work.tell(phase="reading", of=len(asked))
        return {"read": _count(work, local.read_local(keep, in_force(keep), work.now, asked))}

    return doing


def send(*, report: bool, read_first: bool = True) -> Doing:
    """Reads, where that was not done just now, and hands over all that waits; `report` asks for the workbook."""

    def doing(work: Work, keep: Keep) -> Mapping[str, Any]:
        read = _read_all(work, keep) if read_first else {}
        work.tell(phase="sending", done=0, of=None)
        handed = sending.hand_over(keep, in_force(keep), work.now, report=report)
        if handed.failure is not None:
            raise handed.failure
        return {"read": read, "sent": handed.result}

    return doing


def _read_all(work: Work, keep: Keep) -> Mapping[str, int]:
    work.tell(phase="reading", done=0, of=keep.devices.count() or None)
    try:
        return _count(work, reading.read_known(keep, in_force(keep), work.now))
    except UnknownExclusion as error:
        work.tell(failure=error)
        return {"printers": 0, "silent": 0}


def _count(work: Work, outcomes: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    printers = silent = 0
    for done, outcome in enumerate(outcomes, start=1):
        printers += bool(outcome["printer"])
        silent += not outcome["answered"]
        work.tell(done=done)
        if work.stopped:
            break
    return {"printers": printers, "silent": silent}
