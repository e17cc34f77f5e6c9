"""The folder that holds everything the agent keeps, and the lock that lets one agent work in it at a time."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from flexprint_agent.keep.errors import Busy, NotWritable
from flexprint_agent.lock import Held, Lock, holder

LOCK: Final = "wake.lock"
SLEEPER: Final = "run.lock"
"""Held by the process that sleeps between wakes (`service.sleeper`)."""

APPOINTMENT: Final = "next-wake"


def default_home(environ: Mapping[str, str], platform: str, *, is_root: bool, user_home: Path) -> Path:
    """Where this system keeps the state of a service, or a person's own folder for a person."""
    if platform == "win32":
        return Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "FlexPrint" / "Agent"
    if platform == "darwin":
        library = Path("/Library") if is_root else user_home / "Library"
        return library / "Application Support" / "FlexPrint Agent"
    if is_root:
        return Path("/var/lib/flexprint-agent")
    return Path(environ.get("XDG_STATE_HOME") or user_home / ".local" / "state") / "flexprint-agent"


def prepare(home: Path) -> None:
    """Makes the folder, for this user alone. Raises NotWritable."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritable(
            f"the folder {home} cannot be made ({error.strerror}); choose another with --home, "
            "or run this as the user that the service runs as"
        ) from error


@contextmanager
def only_one(home: Path, what: str = "at work") -> Iterator[None]:
    """Holds the home's lock, which says `what` is done. Raises Busy while another process works: two would double every
    packet."""
    path = home / LOCK
    holding = Lock(str(path), what)
    try:
        holding.__enter__()
    except Held as other:
        raise Busy(
            f"another flexprint-agent is at work in {home} ({other.holder}); wait until it has finished, then try again"
        ) from None
    except OSError as error:
        raise NotWritable(f"{path} cannot be opened ({error.strerror}); check who owns {home}") from error
    try:
        yield
    finally:
        holding.__exit__()


def at_work(home: Path) -> str | None:
    """Who works in this home now, in words; None when nobody does."""
    return holder(str(home / LOCK))


def sleeper(home: Path) -> str | None:
    """Who sleeps in this home until the next wake is due, in words; None where nothing wakes it by itself."""
    return holder(str(home / SLEEPER))


def appoint(home: Path, at: datetime, delay: timedelta) -> None:
    """Tells the process that sleeps when the next wake is due, and how much later it may be where that was missed."""
    path = home / APPOINTMENT
    fresh = path.with_suffix(f".{os.getpid()}")
    # Where it cannot be written (a full disk), that process wakes us again before long.
    with contextlib.suppress(OSError):
        try:
            fresh.write_text(f"{int(at.timestamp())} {int(delay.total_seconds())}\n", encoding="ascii")
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
