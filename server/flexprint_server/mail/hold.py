"""Holding on: to what a worker has claimed, for as long as it is alive, and to what it has learned."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

_log: Final = logging.getLogger(__name__)
# The relay has the mail: that is tried to be written down for so long, in seconds, while the database is away.
_INSIST: Final = (0.1, 0.2, 0.5, *(1.0,) * 600)


class Held:
    """Renews a claim every `every` seconds in a thread of its own: building is long, and a mail server may think for
    ten minutes. `what` names it in the log."""

    def __init__(self, what: str, every: float, renew: Callable[[], object]) -> None:
        self._what = what
        self._every = every
        self._renew = renew
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease of {what}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._renew()
            except DBAPIError as error:
                _log.warning("%s: its lease is not renewed: %s", self._what, error.orig)


def insist(what: str, write: Callable[[], object]) -> bool:
    """Writes down what the mail server said, however long the database is away: an acceptance that is forgotten is a
    mail sent twice. False when it stayed away."""
    for wait in _INSIST:
        try:
            write()
        except (OperationalError, InterfaceError) as error:
            _log.warning("%s, but the database is away: %s", what, error.orig)
            time.sleep(wait)
        else:
            return True
    return False
