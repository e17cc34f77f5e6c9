"""One page for one home: started, found again by a second command, opened in a browser and shown to nobody else."""

import contextlib
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep.errors import NotWritable
from flexprint_agent.keep.home import prepare
from flexprint_agent.keep.protect import close_to_others
from flexprint_agent.lock import Lock
from flexprint_agent.page.door import Door
from flexprint_agent.page.server import Server
from flexprint_agent.page.site import Site
from flexprint_agent.page.work import Work
from flexprint_agent.wake.reading import Clock

LOCK: Final = "page.lock"
RUNNING: Final = "page.json"
"""Where the page that runs can be asked for an address. Like the rest of the home it is its owner's alone."""

DOORSTEP: Final = "page.html"
"""A page that leads a browser in. Its file's name is what others see in the list of processes, not the token."""

_PATIENCE: Final = 10.0
"""Seconds that a second command waits for the first to say where it is."""


class NoPage(AgentError):
    """A page runs for this home, and does not answer."""


@contextmanager
def opened(home: Path, now: Clock, clock: Callable[[], float] = time.monotonic) -> Iterator["Running"]:
    """The page of this home, listening; `run` answers until it is closed. Raises Held where one runs."""
    prepare(home)
    with Lock(str(home / LOCK), "showing its page"):
        running = Running(home, now, clock)
        write_private(home / RUNNING, json.dumps({"port": running.door.port, "control": running.door.control}))
        try:
            yield running
        finally:
            running.close()
            for name in (RUNNING, DOORSTEP):
                with contextlib.suppress(OSError):
                    (home / name).unlink()


class Running:
    """The parts of a page, put together."""

    def __init__(self, home: Path, now: Clock, clock: Callable[[], float]) -> None:
        self.home = home
        self.work = Work(home, now)
        self.server = Server(lambda: self.work.running, clock)
        self.door = Door(self.server.port, clock)
        self.site = Site(home, self.door, self.work, now, self.server.used)
        self.server.answers_with(self.site, self._answered)

    def run(self) -> None:
        """Answers until the person closes it, nobody uses it, or Ctrl-C."""
        self.server.run()

    def _answered(self) -> None:
        if self.site.closing.asked:
            self.server.close_soon()

    def close(self) -> None:
        self.server.server_close()
        self.work.stop()
        self.work.wait()


def address_of_running(home: Path, clock: Callable[[], float] = time.monotonic) -> str:
    """A new address of the page that runs for this home. Raises NoPage."""
    until = clock() + _PATIENCE
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            told = json.loads((home / RUNNING).read_text("utf-8"))
            return _ask(int(told["port"]), str(told["control"]))
        if clock() > until:
            raise NoPage(f"a page runs for {home} and does not answer; end that flexprint-agent, then try again")
        time.sleep(0.1)


def _ask(port: int, control: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request(
            "POST",
            "/again",
            body=b"",
            headers={
                "Authorization": f"Bearer {control}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(answer.status)
        return answer.read(1000).decode("ascii")
    finally:
        connection.close()


def open_browser(home: Path, address: str) -> bool:
    """Opens the address where there is a browser and a screen. False where there is none."""
    import webbrowser

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False  # a browser in the terminal would cover what was just printed there
    step = home / DOORSTEP
    write_private(
        step,
        f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={escape(address)}"><title>FlexPrint</title>',
    )
    try:
        return webbrowser.open(step.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False


def write_private(path: Path, text: str) -> None:
    """A file that no other account can read, not for a moment. Raises NotWritable."""
    fresh = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            close_to_others(fresh)  # Windows knows no modes: its files are as open as their folder
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise NotWritable(f"{path} cannot be written ({error.strerror}); check who owns the folder") from error
