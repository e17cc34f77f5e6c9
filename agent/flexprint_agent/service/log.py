"""The log of wakes: a line each, bounded, without a secret.

agent.log lies in the home; agent.log.1 is what stood in it before it was full.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flexprint_agent.errors import AgentError

FILE: Final = "agent.log"
LARGEST: Final = 256 << 10
"""Octets of each of the two files at most."""

LONGEST_LINE: Final = 8 << 10
_SHORTEST_SECRET: Final = 3
MASK: Final = "********"


class Log:
    """`secrets` are texts that never stand in it."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self.secrets: Sequence[str] = ()

    def line(self, text: str) -> None:
        """Adds it, with the time. Where that is not possible (a full disk), nothing is said: the wake goes on."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        octets = f"{at} {scrubbed(text, self.secrets)}\n".encode("utf-8", "replace")[:LONGEST_LINE]
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size + len(octets) > LARGEST:
                self._path.replace(self._path.with_suffix(".log.1"))
            with open(self._path, "ab", opener=_for_this_account) as file:
                file.write(octets)


def _for_this_account(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """`text` with every one of `secrets` masked, and what could steer a terminal made harmless. Pure."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def kept(home: Path) -> str:
    """All that the log holds, the oldest first."""
    texts = []
    for name in (f"{FILE}.1", FILE):
        with contextlib.suppress(OSError):
            texts.append((home / name).read_text(encoding="utf-8", errors="replace"))
    return "".join(texts)


@contextlib.contextmanager
def diary(home: Path) -> Iterator[Log]:
    """A log for one piece of work, which says why that ended where it did not end well."""
    log = Log(home)
    try:
        yield log
    except AgentError as error:
        log.line(f"ended: {error}")
        raise
    except KeyboardInterrupt:
        log.line("ended by a person or by the system; what was read so far is kept")
        raise
    except Exception:
        import traceback

        log.line("ended by a mistake in the agent; show this to your dealer\n" + traceback.format_exc())
        raise
