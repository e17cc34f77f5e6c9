"""What sees to it that a wake ends: a watch on whether it still gets on, and the system's wish that it stop."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

SILENCE: Final = 30 * 60.0
"""Seconds without a sign of life after which a wake hangs: no device and no server is given nearly as long."""

WHOLE: Final = 12 * 3600.0
"""Seconds that a wake may take at most. Its search, its reading and its sending have bounds of their own below it."""

_LOOK: Final = 30.0


def overdue(now: float, begun: float, last_sign: float) -> str | None:
    """Why a wake has to be ended now; None while it may go on. Pure; seconds of one clock."""
    if now - last_sign > SILENCE:
        return f"nothing happened in it for {SILENCE / 60:g} minutes"
    return f"it took longer than {WHOLE / 3600:g} hours" if now - begun > WHOLE else None


class Watchdog:
    """Ends the process when the work within `with` hangs: nothing is lost, for the next wake goes on where this one
    was. A thread of its own does it, as what hangs may be a call of the system that comes back to no one."""

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        look: float = _LOOK,
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._say = say
        self._look = look
        self._clock = clock
        self._end = end
        self._begun = self._last_sign = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def sign(self) -> None:
        """The work gets on."""
        self._last_sign = self._clock()

    def _watch(self) -> None:
        while not self._over.wait(self._look):
            why = overdue(self._clock(), self._begun, self._last_sign)
            if why is not None:
                self._say(f"the wake was ended: {why}; what was read is kept, and the next wake sends it first")
                self._end(1)
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within it the system's wish to stop is answered as Ctrl-C is: what was read so far is kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))
        if number is not None
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
