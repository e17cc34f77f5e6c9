"""A file that one process at a time can hold, and that says who does.

The system drops the lock when its holder ends, however it ends, so one that was killed locks nobody out. The process
that sleeps imports this, so it imports next to nothing.
"""

import os
import sys
import time

_LONGEST = 200
"""Octets of the words about the holder."""


class Held(Exception):
    """Somebody else holds it: `holder` says who, in words, as far as is known."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """The lock in the file at `path`, which says `what` its holder is doing; held within `with`, which raises Held, and
    OSError where the file cannot be opened."""

    def __init__(self, path: str, what: str) -> None:
        self._path = path
        self._what = what
        self._descriptor = -1

    def __enter__(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _lock(descriptor):
            words = _words(descriptor)
            os.close(descriptor)
            raise Held(words)
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        _say(descriptor, f"{self._what}, process {os.getpid()}, since {since}")
        self._descriptor = descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def holder(path: str) -> str | None:
    """Who holds it now, in words; None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _lock(descriptor) else _words(descriptor)
    finally:
        os.close(descriptor)


def _words(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    said = os.read(descriptor, _LONGEST).decode("utf-8", "replace")
    return "".join(letter for letter in said if letter.isprintable()) or "another process"


def _say(descriptor: int, words: str) -> None:
    # A full disk does not keep anybody from working: the lock holds without words.
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, words.encode()[:_LONGEST])
    except OSError:
        pass


if sys.platform == "win32":
    _BEHIND_THE_WORDS = 1024

    def _lock(descriptor: int) -> bool:
        import msvcrt

        # A locked octet cannot be read by others, so it is one behind the words.
        os.lseek(descriptor, _BEHIND_THE_WORDS, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:

    def _lock(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
