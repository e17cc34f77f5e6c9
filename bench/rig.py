"""What the SNMP benchmarks share: the farm of printers, whole processes timed, the peers that can be had.

Everything goes to loopback addresses and into a temporary folder. The farm has the first core to itself
and the tool that is measured the second, where `taskset` can be had.
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_SOURCES = Path(__file__).resolve().parent / "farm"
_LIFE_SECONDS = 1800


class CannotMeasure(Exception):
    """Something the benchmark needs is not here."""


@dataclass(slots=True)
class Spent:
    """What one process took from its start to its end, and what it printed."""

    seconds: float
    cpu: float
    peak_mb: float
    out: str

    def facts(self) -> dict[str, Any]:
        """The JSON object on the last line."""
        facts: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return facts


def build(folder: Path) -> None:
    """The farm, the C sender and the tables of made-up printers."""
    if not shutil.which("cc"):
        raise CannotMeasure("no C compiler (cc) on PATH; the farm of printers and the C sender are built from source")
    for name, extra in (("farm", ["-pthread"]), ("blast", [])):
        subprocess.run(["cc", "-O2", "-o", folder / name, _SOURCES / f"{name}.c", *extra], check=True)
    subprocess.run([sys.executable, _SOURCES / "mkprinter.py", folder], check=True)


def pinned(core: int, command: Sequence[object]) -> list[str]:
    whole = [str(part) for part in command]
    return ["taskset", "-c", str(core), *whole] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else whole


def run(command: Sequence[object], timeout: float = 300) -> Spent:
    """Runs a tool to its end on the second core. CPU and peak memory are those of the whole process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        tool = subprocess.Popen(pinned(1, command), stdout=out, stderr=err, cwd=ROOT, stdin=subprocess.DEVNULL)
        watchdog = threading.Timer(timeout, tool.kill)
        watchdog.start()
        # wait4 alone tells what this one process used; Popen would have reaped it without a word.
        _, status, usage = os.wait4(tool.pid, 0)
        seconds = time.perf_counter() - began
        watchdog.cancel()
        tool.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if tool.returncode:
            said = err.read().decode(errors="replace")[-2000:]
            raise CannotMeasure(f"{' '.join(map(str, command))} ended with {tool.returncode}: {said}")
        cpu = usage.ru_utime + usage.ru_stime
        return Spent(seconds, cpu, usage.ru_maxrss / 1024, out.read().decode(errors="replace"))


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a running process has had since forget_peak() (Linux). Not ru_maxrss, which a process that
    was forked takes over from its parent."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak(pid: int | str = "self") -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peer(name: str, *arguments: object) -> list[object]:
    """A peer that is a Python program of ours around somebody's library."""
    return [sys.executable, "-m", f"bench.peers.{name}", *arguments]


def has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def count(pattern: str, text: str) -> int:
    return len(set(re.findall(pattern, text)))


class Farm:
    """A running farm; `printers` are the addresses that answer."""

    def __init__(self, folder: Path, ranges: Sequence[str], *options: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("", 0))
            self.port: int = free.getsockname()[1]
        self._reports, listing = folder / "reports.jsonl", folder / "printers.txt"
        self._reports.unlink(missing_ok=True)
        self._seen = 0
        wanted = [part for one in ranges for part in ("-r", one)]
        command = [folder / "farm", "-p", self.port, "-T", _LIFE_SECONDS, "-o", self._reports, "-L", listing]
        command += [*wanted, "-t", folder / "printer.snmprec", *options]
        self._farm = subprocess.Popen(pinned(0, command), stderr=subprocess.PIPE, text=True)
        assert self._farm.stderr
        ready = self._farm.stderr.readline()
        if "ready" not in ready:
            raise CannotMeasure(f"the farm did not start: {ready}")
        self.printers = [line.split()[0] for line in listing.read_text().splitlines()]

    def report(self) -> dict[str, Any]:
        """What the farm was asked since the last report."""
        self._farm.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            lines = self._reports.read_text().splitlines() if self._reports.exists() else []
            if len(lines) > self._seen:
                self._seen = len(lines)
                report: dict[str, Any] = json.loads(lines[-1])
                return report
            time.sleep(0.01)
        raise CannotMeasure("the farm gave no report")

    def close(self) -> None:
        self._farm.terminate()
        self._farm.wait(10)
        assert self._farm.stderr
        self._farm.stderr.close()


@contextmanager
def farm(folder: Path, ranges: Sequence[str], *options: object) -> Iterator[Farm]:
    running = Farm(folder, ranges, *options)
    try:
        yield running
    finally:
        running.close()


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
