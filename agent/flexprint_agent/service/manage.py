"""Installing, removing and looking at the agent's service, whatever the system calls that."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from flexprint_agent.errors import AgentError
from flexprint_agent.service import sleeper

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program to its end, whatever that is."""


ASLEEP: Final = Path(sleeper.__file__).with_name("asleep.py")
"""The program of the process that sleeps."""


class ServiceFailed(AgentError):
    """The system did not do what was asked."""


@dataclass(slots=True, frozen=True)
class State:
    """`where` is the file, or the name, that makes it a service; `says` the system's own word for how it is."""

    installed: bool
    running: bool
    where: str
    says: str


class Service(Protocol):
    """One kind of service. `kind` says which, in words; install() and remove() say what they did, remove() nothing
    where there was none. All raise ServiceFailed."""

    @property
    def kind(self) -> str: ...
    def install(self, command: Sequence[str]) -> list[str]: ...
    def remove(self) -> list[str]: ...
    def state(self) -> State: ...


def program(home: str) -> list[str]:
    """The agent on this home, as words of a command; -P, as nothing is to be imported from where it is started."""
    return [sys.executable, "-P", "-m", "flexprint_agent", "--home", home]


def command_of(home: str, platform: str) -> list[str]:
    """What the system runs: on Windows the small process itself, as that has to tell Windows how it is."""
    if platform == "win32":
        return [sys.executable, "-I", "-S", str(ASLEEP), "--service", home, *program(home)]
    return [*program(home), "run"]


def here(home: Path) -> Service:
    """That of this computer, for whoever runs this."""
    return of_this_system(
        sys.platform,
        is_root=hasattr(os, "geteuid") and os.geteuid() == 0,
        user_home=Path.home(),
        home=home,
        program=[sys.prefix, sys.base_prefix, str(ASLEEP.parents[2])],
        run=ran,
    )


def of_this_system(
    platform: str, *, is_root: bool, user_home: Path, home: Path, program: Sequence[str], run: Run
) -> Service:
    """That of this system. `home` is the agent's, `program` are the folders that the service has to read."""
    if platform == "win32":
        from flexprint_agent.service.windows import WindowsService

        return WindowsService(run, str(home), program, str(user_home))
    if platform == "darwin":
        from flexprint_agent.service.launchd import Launchd

        library = Path("/Library/LaunchDaemons") if is_root else user_home / "Library" / "LaunchAgents"
        return Launchd(run, of_system=is_root, folder=library)
    from flexprint_agent.service.systemd import Systemd

    units = Path("/etc/systemd/system") if is_root else user_home / ".config" / "systemd" / "user"
    return Systemd(run, of_system=is_root, folder=units)


def ran(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Runs it. Raises ServiceFailed where it is not there or does not end."""
    try:
        return subprocess.run(list(command), capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceFailed(f"`{command[0]}` could not be run ({error}); run it by hand to see why") from error


def replaced(path: Path, content: bytes) -> list[str]:
    """Writes the file whole; what was done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".fresh")
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise ServiceFailed(
            f"{path} cannot be written ({error.strerror}); run this as an administrator, or as yourself"
        ) from error
    return [f"{path} was written"]
