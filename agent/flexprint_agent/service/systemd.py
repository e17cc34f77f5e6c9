"""The agent as a service of systemd: of the system where an administrator installs it, else of the person who does."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flexprint_agent.service.manage import Run, ServiceFailed, State, replaced

NAME: Final = "flexprint-agent.service"

_UNIT: Final = """\
[Unit]
Description=FlexPrint Agent: reads the meters of printers a few times a day
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=60
KillMode=mixed
TimeoutStopSec=40
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=yes
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
{confined}
[Install]
WantedBy={target}
"""
# What needs an administrator's systemd to be put around a service.
_CONFINED: Final = """\
CapabilityBoundingSet=
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
PrivateTmp=yes
"""


def unit(command: Sequence[str], *, of_system: bool) -> str:
    """The unit file that runs these words. Pure."""
    return _UNIT.format(
        command=" ".join(map(_quoted, command)),
        confined=_CONFINED if of_system else "",
        target="multi-user.target" if of_system else "default.target",
    )


def _quoted(word: str) -> str:
    """A word of ExecStart (systemd.service, "Command lines"): % and $ mean something there."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


class Systemd:
    """`folder` is where the unit lies, `run` runs a program."""

    def __init__(self, run: Run, *, of_system: bool, folder: Path) -> None:
        self._run = run
        self._of_system = of_system
        self._path = folder / NAME
        self._systemctl = ["systemctl"] if of_system else ["systemctl", "--user"]

    @property
    def kind(self) -> str:
        return "a service of this computer (systemd)" if self._of_system else "a service of yours (systemd --user)"

    def install(self, command: Sequence[str]) -> list[str]:
        if shutil.which("systemctl") is None:
            raise ServiceFailed(
                "this system has no systemd; have what starts its services run `flexprint-agent run`, or start a wake "
                "from its own scheduler with `flexprint-agent wake`"
            )
        did = replaced(self._path, unit(command, of_system=self._of_system).encode())
        for words in (["daemon-reload"], ["enable", NAME], ["restart", NAME]):
            self._must(*words)
        did += ["it starts with the system" if self._of_system else "it starts when you sign in", "it runs now"]
        if not self._of_system:
            did.append("to have it run while you are signed out as well: loginctl enable-linger")
        return did

    def remove(self) -> list[str]:
        if not self._path.exists():
            return []
        self._must("disable", "--now", NAME)
        self._path.unlink()
        self._must("daemon-reload")
        return ["it was stopped, and starts no more", f"{self._path} was removed"]

    def state(self) -> State:
        if not self._path.exists():
            return State(installed=False, running=False, where=str(self._path), says="")
        says = self._run([*self._systemctl, "is-active", NAME]).stdout.strip()
        return State(installed=True, running=says == "active", where=str(self._path), says=says)

    def _must(self, *words: str) -> None:
        done = self._run([*self._systemctl, *words])
        if done.returncode:
            raise ServiceFailed(
                f"`{' '.join([*self._systemctl, *words])}` failed ({done.stderr.strip() or done.returncode}); "
                "run it by hand to see why"
            )
