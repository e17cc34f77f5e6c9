"""The folder that holds everything the agent keeps, and the lock that lets one agent work in it at a time."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flexprint_agent.keep.errors import Busy, NotWritable

LOCK: Final = "wake.lock"


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
def only_one(home: Path) -> Iterator[None]:
    """Holds the home's lock. Raises Busy while another process works: two would double every packet.

    The system drops the lock when its holder ends, however it ends, so a killed agent never locks out the next.
    """
    path = home / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise NotWritable(f"{path} cannot be opened ({error.strerror}); check who owns {home}") from error
    try:
        if not _lock(descriptor):
            raise Busy(f"another flexprint-agent is at work in {home}; wait until it has finished, then try again")
        yield
    finally:
        os.close(descriptor)


def is_locked(home: Path) -> bool:
    """True while another process works in this home."""
    try:
        with only_one(home):
            return False
    except Busy:
        return True


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
