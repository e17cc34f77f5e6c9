"""A real cupsd with printers on cables that do not exist: its own folder, its own socket, nothing of the system's.

    with Cupsd(folder) as cups:
        cups.add("till", "usb://Example/Laser%20400?serial=USB12345")
        cups.print("till", pages=3)

The `usb` backend is a script: it prints nothing, and says how many pages it did and what is left of the toner.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final, Self

CUPSD: Final = shutil.which("cupsd", path="/usr/sbin:/sbin:/usr/bin")
_SERVER_BIN: Final = Path("/usr/lib/cups")
_SECONDS: Final = 20.0

# Without arguments a backend lists its devices (backend(7)).
_BACKEND: Final = """#!/bin/sh
if [ $# -eq 0 ]; then
    echo 'direct usb://Example/Laser%20400?serial=USB12345 "Example Laser 400" "Example Laser 400" \
"MFG:Example;MDL:Laser 400;SN:USB12345;" ""'
    exit 0
fi
pages=$(cat "${6:--}" | tr -cd 0-9)
echo 'ATTR: marker-names="Black Toner,Drum" marker-types=toner,opc marker-colors=#000000,none marker-levels=42,80' >&2
echo 'STATE: +toner-low-warning' >&2
page=1
while [ "$page" -le "$pages" ]; do echo "PAGE: $page 1" >&2; page=$((page + 1)); done
"""

_FILES: Final = """
ServerRoot {folder}
ServerBin {folder}/bin
RequestRoot {folder}/spool
CacheDir {folder}/cache
StateDir {folder}/state
TempDir {folder}/temp
AccessLog {folder}/access_log
ErrorLog {folder}/error_log
PageLog {folder}/page_log
FileDevice Yes
"""
_DAEMON: Final = """
Listen {folder}/cups.sock
Browsing No
WebInterface No
DefaultAuthType None
PreserveJobHistory Yes
MaxJobs 50
LogLevel info
<Location />
Order allow,deny
Allow all
</Location>
<Policy default>
<Limit All>
Order allow,deny
Allow all
</Limit>
</Policy>
"""


def missing() -> str | None:
    """Why there can be no cupsd here; None when there can."""
    if CUPSD is None or not shutil.which("lpadmin"):
        return "no cupsd: `make test-system` installs it"
    if os.geteuid() != 0:
        return "cupsd needs root"
    return None


class Cupsd:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "cups.sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for name in ("spool", "cache", "state", "temp", "bin", "bin/backend", "ppd"):
            (self.folder / name).mkdir(exist_ok=True)
        for part in (*_SERVER_BIN.iterdir(), *(_SERVER_BIN / "backend").iterdir()):
            if part.name not in ("backend", "usb"):
                (self.folder / "bin" / part.relative_to(_SERVER_BIN)).symlink_to(part)
        backend = self.folder / "bin" / "backend" / "usb"
        backend.write_text(_BACKEND)
        # Readable by root alone: cupsd runs such a backend as root, who may enter this folder.
        backend.chmod(0o700)
        (self.folder / "cups-files.conf").write_text(_FILES.format(folder=self.folder))
        (self.folder / "cupsd.conf").write_text(_DAEMON.format(folder=self.folder))
        self.start()
        return self

    def start(self) -> None:
        assert CUPSD
        command = [CUPSD, "-f", "-c", self.folder / "cupsd.conf", "-s", self.folder / "cups-files.conf"]
        nowhere = subprocess.DEVNULL
        self._daemon = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        self._until(lambda: "is running" in self.run("lpstat", "-r", check=False).stdout)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(_SECONDS)
            self._daemon = None

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add(self, queue: str, uri: str, *more: str) -> None:
        self.run("lpadmin", "-p", queue, "-E", "-v", uri, "-m", "raw", *more)

    def remove(self, queue: str) -> None:
        self.run("lpadmin", "-x", queue)

    def print(self, queue: str, pages: int, *options: str, wait: bool = True) -> None:
        """Prints a document of so many pages, and waits until the spooler has done it."""
        self.run("lp", "-d", queue, "-t", "the secret title", *options, typed=f"{pages}\n")
        if wait:
            self._until(lambda: not self.run("lpstat", "-o", queue).stdout)

    def forget_jobs(self) -> None:
        """Purges every job from the history."""
        self.run("cancel", "-a", "-x")

    def run(self, *command: str, typed: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "CUPS_SERVER": str(self.socket), "LC_ALL": "C"}
        return subprocess.run(
            command, input=typed, capture_output=True, text=True, check=check, env=environment, timeout=_SECONDS
        )

    def _until(self, true: object) -> None:
        assert callable(true)
        until = time.monotonic() + _SECONDS
        while not true():
            if time.monotonic() > until:
                log = self.folder / "error_log"
                raise TimeoutError(log.read_text()[-3000:] if log.exists() else "cupsd does not answer")
            time.sleep(0.05)
