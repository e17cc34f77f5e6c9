"""The process that sleeps: it holds no database, no socket and no code of the agent, and starts each wake as a child.

    next-wake   in the home: when the next wake is due, and how much later it may be where that was missed

The file is written by whoever knows the schedule (`wake.planning`), and read here every few minutes, so that a changed
schedule, a computer that slept and a clock that was set are noticed. Only the smallest modules are imported: what is
imported here stays in memory all day. (`typing` alone would be an eighth of it.)
"""

from __future__ import annotations

import os
import sys
import time

from flexprint_agent import lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Child(Protocol):
        """A wake under way."""

        def ended(self) -> bool: ...
        def terminate(self) -> None: ...
        def kill(self) -> None: ...


LOCK = "run.lock"
APPOINTMENT = "next-wake"

CHECK = 300.0
"""Seconds between two looks at the clock: a sleeping computer's monotonic clock stands still."""

SOON = CHECK + 60.0
"""A wake that is later than this was missed: the computer was off or asleep."""

FARTHEST = 25 * 3600.0
"""Seconds to the next wake at most; there is one each day, so a longer time says that the clock was set back."""

AGAIN = 3600.0
"""Seconds until the next wake where the last one has not said when that is."""

LONGEST_WAKE = 24 * 3600.0
"""Seconds after which a wake is killed that did not end itself long before."""

GRACE = 20.0
"""Seconds that a wake has to end when the service is stopped."""

_POLL = 1.0


class Stopped(BaseException):
    """The system, or a person, ends the service."""


class Appointment:
    """A wake at an instant, by whichever clock reaches it first: `wall` in seconds since 1970, `monotonic` in seconds.
    The wall clock knows how long a computer was asleep, the other one does not go back."""

    __slots__ = ("monotonic", "wall")

    def __init__(self, wall: float, now: float, monotonic: float) -> None:
        self.wall = wall
        self.monotonic = monotonic + wall - now

    def left(self, now: float, monotonic: float) -> float:
        return max(0.0, min(self.wall - now, self.monotonic - monotonic))


def appointment(due: float, delay: float, now: float, monotonic: float) -> Appointment:
    """When to wake, for a wake that is `due`. One that was missed comes `delay` seconds from now: in the morning many
    computers are switched on at once. So does one that is impossibly far away. Pure."""
    missed, impossible = now - due > SOON, due - now > FARTHEST
    return Appointment(now + delay if missed or impossible else due, now, monotonic)


def parsed(text: str) -> tuple[float, float] | None:
    """(due, delay) of the file's words; None where they say nothing that can be used."""
    words = text.split()
    if len(words) != 2 or not all(word.isascii() and word.isdigit() and len(word) < 12 for word in words):
        return None
    return float(words[0]), min(float(words[1]), AGAIN)


class Sleeper:
    """`look` gives the words of the file, or an empty text, `start` begins a wake, `rest` sleeps for seconds and raises
    Stopped when the service is to end."""

    def __init__(
        self,
        look: Callable[[], str],
        start: Callable[[], Child],
        rest: Callable[[float], None],
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._start = start
        self._rest = rest
        self._wall = wall
        self._monotonic = monotonic

    def run(self) -> None:
        """Sleeps and wakes until Stopped is raised in it."""
        seen: tuple[float, float] | None = None
        kept: Appointment | None = None
        while True:
            now, monotonic, told = self._wall(), self._monotonic(), parsed(self._look())
            if kept is None or (told is not None and told != seen):
                kept = appointment(*(told or (now, 0.0)), now, monotonic)
                seen = told
            elif now - kept.wall > SOON:
                # Overslept: it is noticed here once, and from then on this is the appointment.
                kept = appointment(kept.wall, told[1] if told else 0.0, now, monotonic)
            left = kept.left(now, monotonic)
            if left > 0:
                self._rest(min(left, CHECK))
                continue
            self._wake()
            # Where the wake has not said when the next one is due, the words are those of before.
            now, monotonic = self._wall(), self._monotonic()
            kept = Appointment(now + AGAIN, now, monotonic)

    def _wake(self) -> None:
        child = self._start()
        until = self._monotonic() + LONGEST_WAKE
        try:
            while not child.ended():
                if self._monotonic() > until:
                    child.kill()
                self._rest(_POLL)
        except Stopped:
            child.terminate()
            self._see_off(child)
            raise

    def _see_off(self, child: Child) -> None:
        until = self._monotonic() + GRACE
        while not child.ended() and self._monotonic() < until:
            time.sleep(_POLL / 10)
        if not child.ended():
            child.kill()


# ---------------------------------------------------------------- the parts that touch the system


if sys.platform == "win32":
    import subprocess

    class _Process:
        def __init__(self, command: Sequence[str]) -> None:
            self._running = subprocess.Popen(command, creationflags=subprocess.CREATE_NO_WINDOW)

        def ended(self) -> bool:
            return self._running.poll() is not None

        def terminate(self) -> None:
            # Windows has no gentle way to end a program without a window; one that is killed loses nothing.
            self._running.kill()

        def kill(self) -> None:
            self._running.kill()

else:
    import signal

    class _Process:
        """posix_spawn, as the module subprocess would be half of what this process holds."""

        def __init__(self, command: Sequence[str]) -> None:
            self._pid: int | None = os.posix_spawn(command[0], list(command), os.environ)

        def ended(self) -> bool:
            if self._pid is not None and os.waitpid(self._pid, os.WNOHANG)[0]:
                self._pid = None
            return self._pid is None

        def terminate(self) -> None:
            self._send(signal.SIGTERM)

        def kill(self) -> None:
            self._send(signal.SIGKILL)

        def _send(self, what: int) -> None:
            if self._pid is not None:
                os.kill(self._pid, what)


def stop_on_signals() -> None:
    """SIGTERM, Ctrl-C, a terminal or a console that is closed: Stopped is raised where the process rests."""
    import signal

    def stop(number: int, frame: object) -> None:
        raise Stopped

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


def run(home: str, program: Sequence[str], rest: Callable[[float], None] = time.sleep) -> int:
    """Sleeps and wakes in this home; `program` is the agent's, with its options. The exit status."""
    path = os.path.join(home, APPOINTMENT)  # noqa: PTH118 - pathlib stays out of this process

    def look() -> str:
        try:
            with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - the same
                return file.read(100)
        except OSError:
            return ""

    try:
        with lock.Lock(os.path.join(home, LOCK), "asleep"):  # noqa: PTH118 - the same
            Sleeper(look, lambda: _Process([*program, "wake", "--due"]), rest).run()
    except lock.Held as other:
        sys.stderr.write(
            f"flexprint-agent: this home is looked after already ({other.holder}); stop that one first, "
            "`flexprint-agent service status` says whether it is the service\n"
        )
        return 1
    except OSError as error:
        sys.stderr.write(f"flexprint-agent: {error}; check who owns {home}, and that the agent is still installed\n")
        return 1
    except Stopped:
        pass
    return 0


def main(arguments: Sequence[str]) -> int:
    """[--service] HOME PROGRAM...; --service is what Windows starts."""
    if arguments[0] == "--service":
        return _as_service_of_windows(arguments[1], arguments[2:])
    stop_on_signals()
    return run(arguments[0], arguments[1:])


def _as_service_of_windows(home: str, program: Sequence[str]) -> int:
    from flexprint_agent.service import windows

    def work(ends_within: Callable[[float], bool]) -> None:
        def rest(seconds: float) -> None:
            if ends_within(seconds):
                raise Stopped

        run(home, program, rest)

    windows.serve(work)
    return 0
