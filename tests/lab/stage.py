"""What the demo runs on: lines of progress for people, and programs that end when the demo ends."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO, TypeVar

T = TypeVar("T")

_TAIL_LINES: Final = 15
_STOP_SECONDS: Final = 15.0


class StepFailed(Exception):
    """A step of the demo did not work. `log` is the file of the program that failed, when there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class Screen:
    """One line per step; on a terminal the line of the running step shows how long it has been running."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self.step_name = ""

    def say(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Shows `name` while the block runs, then the result that the block gave to the yielded function."""
        self.step_name = name
        results: list[str] = []
        started = time.monotonic()
        done = threading.Event()
        ticking = threading.Thread(target=self._tick, args=(name, started, done), daemon=True) if self._live else None
        if ticking:
            ticking.start()
        try:
            yield results.append
        except BaseException:
            self._finish(done, ticking)
            self.say(f"  ✗ {name}")
            raise
        self._finish(done, ticking)
        told = f": {results[-1]}" if results else ""
        self.say(f"  ✓ {name}{told}  ({time.monotonic() - started:.1f} s)")

    def _tick(self, name: str, started: float, done: threading.Event) -> None:
        while True:
            self._out.write(f"\r  … {name}  {time.monotonic() - started:.0f} s ")
            self._out.flush()
            if done.wait(0.25):
                return

    def _finish(self, done: threading.Event, ticking: threading.Thread | None) -> None:
        done.set()
        if ticking:
            ticking.join()
            self._out.write("\r\x1b[K")


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    if not log.exists():
        return "    (no log)"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (the log is empty)"


def installed(program: str) -> str:
    """The program as this Python's environment installed it. Raises StepFailed where it is not."""
    path = Path(sysconfig.get_path("scripts")) / program
    if not path.exists():
        raise StepFailed(f"{path} is not there; run `make setup`")
    return str(path)


def environment(data: Path) -> dict[str, str]:
    """This environment without settings of another FlexPrint, without proxies for loopback, and `data` as
    the collector's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEXPRINT_")}
    loopback = "127.0.0.1,localhost"
    return kept | {"FLEXPRINT_DATA": str(data), "NO_PROXY": loopback, "no_proxy": loopback, "PYTHONUNBUFFERED": "1"}


def bound(command: Sequence[str]) -> list[str]:
    """The command, ended with this process however that ends (Linux; elsewhere only where it can say goodbye)."""
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", "TERM", "--", *command]
    return list(command)


def finished(
    command: Sequence[str], log: Path, env: Mapping[str, str], *, words: str = "", seconds: float = 300.0
) -> str:
    """Runs a program to its end and returns what it printed; `words` go to its standard input. Its messages
    are added to `log`. Raises StepFailed with its exit status."""
    name = Path(command[0]).name
    told = [word for word in command[1:] if not word.startswith("--key=")]
    with log.open("ab") as messages:
        messages.write(f"$ {name} {' '.join(told)}\n".encode())
        messages.flush()
        try:
            done = subprocess.run(
                bound(command),
                input=words.encode(),
                stdout=subprocess.PIPE,
                stderr=messages,
                env=env,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StepFailed(f"{name} did not end within {seconds:.0f} s", log) from None
    if done.returncode:
        with log.open("ab") as messages:
            messages.write(done.stdout)
        raise StepFailed(f"{name} ended with exit status {done.returncode}", log)
    return done.stdout.decode("utf-8", "replace")


class Child:
    """A program that runs beside the demo, its output in `log`. It leads a session of its own, so that
    Ctrl-C in the terminal reaches the demo alone, which then ends it in order."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._running = subprocess.Popen(
                bound(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env),
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises StepFailed when the program has ended."""
        status = self._running.poll()
        if status is not None:
            raise StepFailed(f"{self.log.stem} ended with exit status {status}", self.log)

    def stop(self) -> None:
        """SIGTERM, and the whole session killed when that is not enough."""
        if self._running.poll() is not None:
            return
        self._running.send_signal(signal.SIGTERM)
        try:
            self._running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()


def until(ready: Callable[[], T | None], what: str, children: Sequence[Child], seconds: float = 60.0) -> T:
    """The first thing `ready` gives that is not None. Raises StepFailed when a child ends or time runs out."""
    deadline = time.monotonic() + seconds
    while True:
        found = ready()
        if found is not None:
            return found
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} within {seconds:.0f} s", children[0].log if children else None)
        time.sleep(0.05)
