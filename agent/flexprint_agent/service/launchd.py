"""The agent as a job of macOS' launchd: a daemon where an administrator installs it, else an agent of the person."""

import os
import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flexprint_agent.service.manage import Run, ServiceFailed, State, replaced

LABEL: Final = "flexprint-agent"


def plist(command: Sequence[str]) -> bytes:
    """The job that runs these words: from the start of the system, or the sign-in, on; again after a failure. Pure."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 60,
            "ExitTimeOut": 40,
            "ProcessType": "Background",
            "LowPriorityIO": True,
        }
    )


class Launchd:
    """`folder` is where the job's file lies, `run` runs a program."""

    def __init__(self, run: Run, *, of_system: bool, folder: Path) -> None:
        self._run = run
        self._of_system = of_system
        self._path = folder / f"{LABEL}.plist"
        self._domain = "system" if of_system else f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"

    @property
    def kind(self) -> str:
        return "a daemon of this Mac (launchd)" if self._of_system else "an agent of yours (launchd)"

    def install(self, command: Sequence[str]) -> list[str]:
        self._run(["launchctl", "bootout", f"{self._domain}/{LABEL}"])  # one from before, if there is one
        did = replaced(self._path, plist(command))
        self._must("bootstrap", self._domain, str(self._path))
        return [*did, "it starts with the Mac" if self._of_system else "it starts when you sign in", "it runs now"]

    def remove(self) -> list[str]:
        if not self._path.exists():
            return []
        self._run(["launchctl", "bootout", f"{self._domain}/{LABEL}"])
        self._path.unlink()
        return ["it was stopped, and starts no more", f"{self._path} was removed"]

    def state(self) -> State:
        if not self._path.exists():
            return State(installed=False, running=False, where=str(self._path), says="")
        shown = self._run(["launchctl", "print", f"{self._domain}/{LABEL}"])
        says = next(
            (line.split("=")[1].strip() for line in shown.stdout.splitlines() if "\tstate =" in line), "not loaded"
        )
        return State(installed=True, running=says == "running", where=str(self._path), says=says)

    def _must(self, *words: str) -> None:
        done = self._run(["launchctl", *words])
        if done.returncode:
            raise ServiceFailed(
                f"`launchctl {' '.join(words)}` failed ({done.stderr.strip() or done.returncode}); "
                "run it by hand to see why"
            )
