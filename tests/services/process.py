"""Programs that live no longer than the test process that started them."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO


class DidNotStart(Exception):
    """A service ended or stayed silent instead of becoming ready. The message holds the end of its log."""


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Returns once `ready()` is true; raises TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.01)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def dies_with_us(command: Sequence[str], how: str = "KILL") -> list[str]:
    """`command`, ended by signal `how` when this process ends, however it ends (Linux; elsewhere unchanged)."""
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", how, "--", *command]
    return list(command)


class Program:
    """One running program whose output goes to `log`."""

    def __init__(self, command: Sequence[str], log: Path, *, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self.running = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )

    @property
    def pid(self) -> int:
        return self.running.pid

    def ready_when(self, ready: Callable[[], bool], seconds: float = 30.0) -> "Program":
        deadline = time.monotonic() + seconds
        while not ready():
            if self.running.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise DidNotStart(f"{self.running.args!r} did not become ready:\n{self.text()[-2000:]}")
            time.sleep(0.01)
        return self

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self, how: int = signal.SIGTERM, seconds: float = 20.0) -> int:
        """Ends the program and returns its exit status."""
        if self.running.poll() is None:
            self.running.send_signal(how)
        try:
            return self.running.wait(seconds)
        except subprocess.TimeoutExpired:
            self.running.kill()
            return self.running.wait()


def first_line(stream: IO[str], seconds: float = 30.0) -> str:
    """The first line of a program's output. Raises TimeoutError when it does not come."""
    import threading

    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(seconds)
    if not lines:
        raise TimeoutError(f"no line within {seconds:g} s")
    return lines[0]
