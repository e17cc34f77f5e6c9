"""Installing, removing and looking at the agent's service, whatever the system calls that."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flexprint_agent.errors import AgentError

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program to its end, whatever that is."""


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
