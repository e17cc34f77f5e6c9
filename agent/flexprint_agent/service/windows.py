"""The agent as a service of Windows: a few calls of advapi32, without anything to install beside Python.

It runs under an account of its own that Windows makes for it, which may do next to nothing on the computer and nothing
on others, and starts with Windows, whoever signs in. `WindowsService` installs and removes
it, `serve` is what runs in it.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Final, Protocol

from flexprint_agent.service.manage import Run, ServiceFailed, State

NAME: Final = "FlexPrintAgent"
TITLE: Final = "FlexPrint Agent"
ABOUT: Final = "Reads the meters of the printers on this network a few times a day and sends them to your dealer."
ACCOUNT: Final = rf"NT SERVICE\{NAME}"

_NOT_THERE: Final = 1060
_NOT_ALLOWED: Final = 5
_BEING_REMOVED: Final = 1072
_ALREADY_RUNNING: Final = 1056
_NOT_RUNNING: Final = 1062

STATES: Final = {
    1: "stopped",
    2: "starting",
    3: "stopping",
    4: "running",
    5: "continuing",
    6: "pausing",
    7: "paused",
}


class WindowsFailed(ServiceFailed):
    """Windows did not do what was asked; `code` is its error."""

    def __init__(self, what: str, code: int) -> None:
        steps = {
            _NOT_ALLOWED: "open a command prompt with `Run as administrator` and try again",
            _BEING_REMOVED: "restart the computer: the service is being removed, and another program still looks at it",
        }
        super().__init__(f"Windows could not {what} (error {code}); {steps.get(code, 'show this to your dealer')}")
        self.code = code


_PATIENCE: Final = 40.0
"""Seconds that a service has to end, or to start."""


@dataclass(slots=True, frozen=True)
class Found:
    """`state` is one of STATES' words, `command` the command line that Windows runs."""

    state: str
    command: str


class Services(Protocol):
    """Windows' service control manager, as far as it concerns this service. Every call raises WindowsFailed."""

    def install(self, command: str) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def remove(self) -> None: ...
    def find(self) -> Found | None: ...


def command_line(words: Sequence[str]) -> str:
    """One command line of these words, as Windows' programs take it apart again. Pure."""
    import subprocess

    return subprocess.list2cmdline(words)


def grants(home: str, program: Sequence[str], profile: str) -> list[list[str]]:
    """The commands that let the service's account write in the home, and read the program where that lies in a person's
    own folder, which others cannot look into. Pure."""
    within = PureWindowsPath(profile)
    read = dict.fromkeys(folder for folder in program if PureWindowsPath(folder).is_relative_to(within))
    wanted = [(home, "M"), *((folder, "RX") for folder in read)]
    return [["icacls", folder, "/grant", f"{ACCOUNT}:(OI)(CI){right}", "/Q"] for folder, right in wanted]


def revocations(home: str, program: Sequence[str], profile: str) -> list[list[str]]:
    """The commands that take back what grants() gave. Pure."""
    return [["icacls", words[1], "/remove:g", ACCOUNT, "/Q"] for words in grants(home, program, profile)]


class WindowsService:
    """`run` runs a program; `program` are the folders that the service has to read, `profile` is the person's own."""

    kind = "a service of Windows"

    def __init__(
        self, run: Run, home: str, program: Sequence[str], profile: str, services: Services | None = None
    ) -> None:
        self._run = run
        self._of = home, program, profile
        self._services = services or manager()

    def install(self, command: Sequence[str]) -> list[str]:
        did = self.remove()
        self._services.install(command_line(command))
        did.append(f"the service {NAME} was made, with an account of its own ({ACCOUNT})")
        for words in grants(*self._of):
            done = self._run(words)
            may = "was let into" if done.returncode == 0 else "could not be let into"
            did.append(f"that account {may} {words[1]}")
        self._services.start()
        return [*did, "it starts with Windows", "it runs now"]

    def remove(self) -> list[str]:
        if self._services.find() is None:
            return []
        self._services.stop()
        until = time.monotonic() + _PATIENCE
        while (found := self._services.find()) is not None and found.state != "stopped" and time.monotonic() < until:
            time.sleep(0.2)
        self._services.remove()
        for words in revocations(*self._of):
            self._run(words)
        return ["it was stopped", f"the service {NAME} was removed"]

    def state(self) -> State:
        found = self._services.find()
        if found is None:
            return State(installed=False, running=False, where=NAME, says="")
        return State(installed=True, running=found.state == "running", where=NAME, says=found.state)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _OWN_PROCESS: Final = 0x10
    _AUTO_START: Final = 2
    _ERROR_NORMAL: Final = 1
    _ALL_ACCESS: Final = 0xF01FF
    _MANAGER_CONNECT: Final = 0x1
    _MANAGER_CREATE: Final = 0x2
    _QUERY: Final = 0x1 | 0x4
    _STOP_CONTROL: Final = 1
    _DESCRIPTION: Final = 1
    _FAILURE_ACTIONS: Final = 2
    _DELAYED: Final = 3
    _RESTART: Final = 1
    _MINUTE: Final = 60_000

    class _Status(ctypes.Structure):
        _fields_ = tuple(
            (name, wintypes.DWORD) for name in ("type", "state", "accepts", "exit", "own_exit", "checkpoint", "hint")
        )

    class _Config(ctypes.Structure):
        _fields_ = (
            ("type", wintypes.DWORD),
            ("start", wintypes.DWORD),
            ("error", wintypes.DWORD),
            ("command", wintypes.LPWSTR),
            ("group", wintypes.LPWSTR),
            ("tag", wintypes.DWORD),
            ("dependencies", wintypes.LPWSTR),
            ("account", wintypes.LPWSTR),
            ("title", wintypes.LPWSTR),
        )

    class _Action(ctypes.Structure):
        _fields_ = (("type", ctypes.c_int), ("delay", wintypes.DWORD))

    class _Failures(ctypes.Structure):
        _fields_ = (
            ("reset", wintypes.DWORD),
            ("message", wintypes.LPWSTR),
            ("command", wintypes.LPWSTR),
            ("count", wintypes.DWORD),
            ("actions", ctypes.POINTER(_Action)),
        )

    class _Text(ctypes.Structure):
        _fields_ = (("text", wintypes.LPWSTR),)

    class _Switch(ctypes.Structure):
        _fields_ = (("on", wintypes.BOOL),)

    def _advapi() -> "ctypes.WinDLL":
        library = ctypes.WinDLL("advapi32", use_last_error=True)
        for name in ("OpenSCManagerW", "OpenServiceW", "CreateServiceW", "RegisterServiceCtrlHandlerExW"):
            getattr(library, name).restype = ctypes.c_void_p
        return library

    class _Manager:
        def __init__(self) -> None:
            self._api = _advapi()

        @contextmanager
        def _opened(self, handle: int | None, what: str) -> Iterator[ctypes.c_void_p]:
            """Until all handles are closed, a service that is removed stays."""
            if not handle:
                raise WindowsFailed(what, ctypes.get_last_error())
            held = ctypes.c_void_p(handle)
            try:
                yield held
            finally:
                self._api.CloseServiceHandle(held)

        @contextmanager
        def _service(self, access: int, what: str) -> Iterator[ctypes.c_void_p]:
            with (
                self._opened(self._api.OpenSCManagerW(None, None, _MANAGER_CONNECT), what) as manager,
                self._opened(self._api.OpenServiceW(manager, NAME, access), what) as service,
            ):
                yield service

        def install(self, command: str) -> None:
            """Creates the service, which starts with Windows and again after a failure."""
            what, api = "install the service", self._api
            with self._opened(api.OpenSCManagerW(None, None, _MANAGER_CONNECT | _MANAGER_CREATE), what) as manager:
                made = api.CreateServiceW(
                    manager, NAME, TITLE, _ALL_ACCESS, _OWN_PROCESS, _AUTO_START, _ERROR_NORMAL, command,
                    None, None, None, ACCOUNT, None,
                )  # fmt: skip
                with self._opened(made, what) as service:
                    actions = (_Action * 1)(_Action(_RESTART, _MINUTE))
                    self._configure(service, _DESCRIPTION, _Text(ABOUT))
                    self._configure(service, _DELAYED, _Switch(True))
                    self._configure(service, _FAILURE_ACTIONS, _Failures(86_400, None, None, 1, actions))

        def _configure(self, service: ctypes.c_void_p, what: int, how: ctypes.Structure) -> None:
            # A service without its description, or not started anew after a failure, is still one.
            self._api.ChangeServiceConfig2W(service, what, ctypes.byref(how))

        def start(self) -> None:
            with self._service(_ALL_ACCESS, "start the service") as service:
                started = self._api.StartServiceW(service, 0, None)
                self._must(started or ctypes.get_last_error() == _ALREADY_RUNNING, "start the service")

        def stop(self) -> None:
            with self._service(_ALL_ACCESS, "stop the service") as service:
                stopped = self._api.ControlService(service, _STOP_CONTROL, ctypes.byref(_Status()))
                self._must(stopped or ctypes.get_last_error() == _NOT_RUNNING, "stop the service")

        def remove(self) -> None:
            with self._service(_ALL_ACCESS, "remove the service") as service:
                self._must(self._api.DeleteService(service), "remove the service")

        @staticmethod
        def _must(done: bool, what: str) -> None:
            if not done:
                raise WindowsFailed(what, ctypes.get_last_error())

        def find(self) -> Found | None:
            """How the service is; None where there is none."""
            try:
                with self._service(_QUERY, "look at the service") as service:
                    status, room, needed = _Status(), ctypes.create_string_buffer(8192), wintypes.DWORD()
                    self._api.QueryServiceStatus(service, ctypes.byref(status))
                    self._api.QueryServiceConfigW(service, room, len(room), ctypes.byref(needed))
                    command = _Config.from_buffer(room).command
            except WindowsFailed as failed:
                if failed.code == _NOT_THERE:
                    return None
                raise
            return Found(STATES.get(status.state, "unknown"), command or "")

    def manager() -> Services:
        return _Manager()

    _MAIN = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
    _HANDLER = ctypes.WINFUNCTYPE(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)

    class _Entry(ctypes.Structure):
        _fields_ = (("name", wintypes.LPWSTR), ("main", _MAIN))

    def serve(work: Callable[[Callable[[float], bool]], None]) -> None:
        """Runs `work` as the service that Windows has started. It is given a function that rests for seconds, and says
        whether Windows wants it to end. Raises WindowsFailed where no service was started."""
        import threading

        api, ending = _advapi(), threading.Event()
        handle = ctypes.c_void_p()

        def tell(state: int, accepts: int = 0, hint: int = 0) -> None:
            status = _Status(_OWN_PROCESS, state, accepts, 0, 0, 0, hint)
            api.SetServiceStatus(handle, ctypes.byref(status))

        def handler(control: int, event: int, data: object, context: object) -> int:
            if control in (_STOP_CONTROL, 5):  # 5: the computer is shut down
                tell(3, hint=30_000)
                ending.set()
            return 0

        def main(count: int, words: object) -> None:
            handle.value = api.RegisterServiceCtrlHandlerExW(NAME, kept, None)
            tell(4, accepts=0x1 | 0x4)
            try:
                work(ending.wait)
            finally:
                tell(1)

        kept = _HANDLER(handler)
        table = (_Entry * 2)(_Entry(NAME, _MAIN(main)), _Entry(None, _MAIN()))
        if not api.StartServiceCtrlDispatcherW(table):
            raise WindowsFailed("run the service", ctypes.get_last_error())

else:

    def manager() -> Services:
        raise ServiceFailed("this is not Windows")

    def serve(work: Callable[[Callable[[float], bool]], None]) -> None:
        raise ServiceFailed("this is not Windows")
