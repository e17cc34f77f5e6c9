"""The main job on a simulated office, start to finish: `make demo`.

An office of printers and other devices answers SNMP on loopback addresses. The collector runs as it would for
a small dealer; the agent enrols, searches, reads and sends; a workbook is built and mailed. Everything is kept
under `.demo/`, which is wiped at each start. Only the commands that people use are used here.
"""

import argparse
import io
import json
import secrets
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path
from typing import Any, Final

from .office import SEGMENTS, Placed, addresses, office
from .simulator import DEFAULT_PORT
from .site import BEYOND_LOOPBACK, Lab, LabFailed
from .stage import Child, Screen, StepFailed, environment, finished, installed, tail, until

ROOT: Final = Path(__file__).resolve().parents[2]
PLACE: Final = ROOT / ".demo"
HTTP_PORT: Final = 8025
DEALER: Final = "Demo Dealer"
CUSTOMER: Final = "Fenwick & Lund"
SITE: Final = "Head office"
OWNER: Final = "owner@demo.example"
RECIPIENT: Final = "billing@demo.example"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_GROWTH_SECONDS: Final = 20.0


@dataclass(slots=True)
class Story:
    """What happened, for the summary at the end."""

    place: Path
    printers: int
    makers: int
    decoys: int
    silent: int
    url: str = ""
    password: str = field(default="", repr=False)
    found: int = 0
    reads: int = 0
    packets: int = 0
    octets: int = 0
    uploaded: int = 0
    mail_seconds: float = 0.0
    mail: Path | None = None
    workbook: Path | None = None

    def summary(self) -> str:
        """The block that is printed at the end."""
        lines = (
            ("Printers found", f"{self.found} of {self.printers}, of {self.makers} makers"),
            ("Told apart", f"{self.decoys} devices that are no printers, {self.silent} silent addresses"),
            ("Reads", f"{self.reads}, each serial and total as the printer holds it"),
            ("On the wire", f"{self.packets:,} SNMP packets sent, {octets(self.octets)} in both directions; {octets(self.uploaded)} uploaded"),
            ("Upload to mail", f"{self.mail_seconds:.1f} s, sealing and uploading included"),
            ("Mail", shown(self.mail)),
            ("Workbook", shown(self.workbook)),
            ("Dashboard", self.url),
            ("Sign in", f"{OWNER}  {self.password}"),
        )  # fmt: skip
        return "\n".join(f"  {name:<15} {text}" for name, text in lines)


def octets(count: int) -> str:
    """`count` octets for people."""
    for unit in ("bytes", "kB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000  # type: ignore[assignment]
    return f"{count:.1f} MB"


def shown(path: Path | None) -> str:
    """A path as short as it can be said from here."""
    if path is None:
        return "none"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def tcp_port(wanted: int) -> int:
    """`wanted`, or another free loopback port where that one is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StepFailed("there is no free TCP port on 127.0.0.1")


def open_lab(devices: Sequence[Placed]) -> Lab:
    """The office on its usual port, or on another where that one is taken."""
    try:
        return Lab(devices, DEFAULT_PORT).__enter__()
    except LabFailed:
        return Lab(devices).__enter__()


def attached_workbook(mail: bytes) -> tuple[str, bytes] | None:
    """Name and content of the workbook in a mail, None where there is none."""
    for part in message_from_bytes(mail, policy=modern).iter_attachments():
        if part.get_content_type() == XLSX:
            return Path(part.get_filename() or "report.xlsx").name, part.get_content()
    return None


def missed(devices: Iterable[Placed], found: Sequence[dict[str, Any]]) -> list[str]:
    """What a search got wrong: printers it did not find, other devices it took for printers."""
    taken = {one["address"] for one in found if one["printer"]}
    wrong = []
    for device in devices:
        if device.truth and device.address not in taken:
            wrong.append(f"not found: {device.truth.maker} {device.truth.model} at {device.address}")
        elif not device.truth and device.address in taken:
            wrong.append(f"taken for a printer: {device.kind} at {device.address}")
    return wrong


def misread(devices: Iterable[Placed], reads: Sequence[dict[str, Any]]) -> list[str]:
    """Reads whose serial or total is not what the printer holds."""
    by_address = {read["address"]: read for read in reads}
    wrong = []
    for device in devices:
        if device.truth is None:
            continue
        read = by_address.get(device.address)
        if read is None or read.get("error"):
            wrong.append(f"no read of {device.address}: {read['error'] if read else 'it is not in the list'}")
            continue
        serial = read["identity"]["serial"]
        total = next((meter["value"] for meter in read["meters"] if meter["name"] == "total"), None)
        if (serial, total) != (device.truth.serial, device.truth.total):
            truth = f"{device.truth.serial} with {device.truth.total}"
            wrong.append(
                f"{device.truth.maker} {device.truth.model} at {device.address}: read {serial} with {total}, is {truth}"
            )
    return wrong


def absent(devices: Iterable[Placed], workbook: bytes) -> list[str]:
    """Printers that no row of the workbook's first sheet names with both serial and total."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(workbook), read_only=True)
    rows = [set(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    book.close()
    held = [one.truth for one in devices if one.truth]
    return [
        f"not in the workbook: {truth.serial} with {truth.total}"
        for truth in held
        if not any({truth.serial, truth.total} - {None} <= row for row in rows)
    ]


def refuse(wrong: Sequence[str], what: str, log: Path) -> None:
    """Raises StepFailed when anything is wrong."""
    if wrong:
        more = f"\n    and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise StepFailed(f"{what}:\n    " + "\n    ".join(wrong[:8]) + more, log)


class Demo:
    """The steps in order. What they start is ended by `close`."""

    def __init__(self, place: Path, screen: Screen) -> None:
        self._place = place
        self._screen = screen
        self._data = place / "collector"
        self._env = environment(self._data)
        self._log = place / "commands.log"
        self._children: list[Child] = []
        self._lab: Lab | None = None
        self.devices = office()
        truths = [one.truth for one in self.devices if one.truth]
        self.story = Story(
            place,
            printers=len(truths),
            makers=len({truth.maker for truth in truths}),
            decoys=len(self.devices) - len(truths),
            silent=len(addresses()) - len(self.devices),
        )

    def run(self) -> None:
        """The main job. Raises StepFailed at the first step that does not work."""
        self._open_office()
        self._start_collector()
        self._enrol()
        self._search()
        self._read()
        self._send()

    def _open_office(self) -> None:
        with self._screen.step("Opening the simulated office") as told:
            if sys.platform != "linux":
                raise StepFailed("the simulated office needs Linux, where every address of 127.0.0.0/8 is this machine")
            self._lab = open_lab(self.devices)
            told(f"{self.story.printers} printers, {self.story.decoys} other devices, UDP port {self._lab.port}")

    def _start_collector(self) -> None:
        with self._screen.step("Starting the collector") as told:
            port = tcp_port(HTTP_PORT)
            self.story.url = f"http://127.0.0.1:{port}"
            up = [
                installed("flexprint-server"),
                "up",
                "--data",
                str(self._data),
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ]
            server = Child(up, self._place / "collector.log", self._env | {"FLEXPRINT_PUBLIC_URL": self.story.url})
            self._children.append(server)
            until(lambda: answers(f"{self.story.url}/readyz"), "the collector was not ready", [server])
            told(self.story.url)

    def _server(self, *words: str, said: str = "") -> str:
        return finished([installed("flexprint-server"), *words], self._log, self._env, words=said)

    def _agent(self, *words: str) -> str:
        home = str(self._place / "agent")
        return finished([installed("flexprint-agent"), "--home", home, *words], self._log, self._env)

    def _enrol(self) -> None:
        with self._screen.step("Enrolling the agent") as told:
            self.story.password = secrets.token_urlsafe(12)
            self._server("dealer", "add", DEALER, "--email", OWNER, "--password-stdin", said=self.story.password + "\n")
            key = self._server("install-key", "--dealer", DEALER, "--customer", CUSTOMER, "--site", SITE).strip()
            self._agent("enroll", "--server", self.story.url, "--insecure-loopback", f"--key={key}")
            for setting in BEYOND_LOOPBACK:
                self._agent("settings", setting, "off")
            self._agent("recipients", "add", RECIPIENT)
            assert self._lab
            self._agent("add", *(f"{segment}:{self._lab.port}" for segment in SEGMENTS))
            told(f"{CUSTOMER}, {SITE}")

    def _search(self) -> None:
        with self._screen.step(f"Searching {len(addresses())} addresses") as told:
            searched = json.loads(self._agent("search", "--json"))
            refuse(missed(self.devices, searched["found"]), "the search went wrong", self._log)
            self.story.found = sum(one["printer"] for one in searched["found"])
            told(f"{self.story.found} printers of {self.story.printers}, {searched['packets']:,} packets")

    def _read(self) -> None:
        with self._screen.step("Reading the printers") as told:
            reads = [json.loads(line) for line in self._agent("read", "--json").splitlines() if line.strip()]
            refuse(misread(self.devices, reads), "reads that are not what the printers hold", self._log)
            self.story.reads = len(reads)
            assert self._lab
            seen = self._lab.report()
            self.story.packets, self.story.octets = seen["requests"], seen["octets_in"] + seen["octets_out"]
            told(f"{len(reads)} reads")

    def _send(self) -> None:
        started = time.monotonic()
        with self._screen.step("Sending, sealed") as told:
            sent = json.loads(self._agent("send", "--report", "--json"))
            if sent["waiting"] or sent["refused"] or sent["acknowledged"] != sent["batches"]:
                raise StepFailed(f"not everything was acknowledged: {json.dumps(sent)}", self._log)
            self.story.uploaded = sent["bytes"]
            told(f"{sent['reads']} reads in {octets(sent['bytes'])}, acknowledged")
        with self._screen.step("Waiting for the workbook") as told:
            self.story.mail, name, workbook = until(self._mailed, "no workbook was mailed", self._children, 120)
            self.story.mail_seconds = time.monotonic() - started
            self.story.workbook = self._place / name
            self.story.workbook.write_bytes(workbook)
            refuse(absent(self.devices, workbook), "the workbook lacks printers", self._children[0].log)
            told(f"mailed to {RECIPIENT}")

    def _mailed(self) -> tuple[Path, str, bytes] | None:
        for mail in sorted((self._data / "mail").glob("**/*.eml")):
            workbook = attached_workbook(mail.read_bytes())
            if workbook:
                return mail, *workbook
        return None

    def stay(self) -> None:
        """Until Ctrl-C: the office goes on printing."""
        turn = 0
        while True:
            time.sleep(_GROWTH_SECONDS)
            for child in self._children:
                child.check()
            assert self._lab
            printers = [one.address for one in self._lab.devices.values() if one.machine]
            self._lab.grow(1 + turn % 9, printers[turn % len(printers)])
            turn += 1

    def close(self) -> None:
        for child in reversed(self._children):
            child.stop()
        if self._lab:
            self._lab.close()


def answers(url: str) -> bool | None:
    """True when the address answers 200, None while it does not."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
            return response.status == 200 or None
    except OSError:  # refused, reset, timed out, or an HTTP error such as 503 while it is getting ready
        return None


def fresh(place: Path) -> None:
    """An empty folder, whatever was there."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="end after the workbook; exit status 1 when a step failed")
    once = parser.parse_args(arguments).once
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a tick must not end the demo
    screen = Screen(sys.stdout)
    fresh(PLACE)
    demo = Demo(PLACE, screen)
    # SIGINT as well: a shell that starts this in the background has told it to ignore Ctrl-C.
    for ending in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), signal.default_int_handler)
    screen.say("FlexPrint Tracker, the main job on a simulated office\n")
    try:
        demo.run()
        screen.say(f"\n{demo.story.summary()}\n")
        if once:
            return 0
        screen.say(f"  The office goes on printing. Read it again with\n    {again(PLACE)}\n  Ctrl-C ends everything.")
        demo.stay()
    except (StepFailed, LabFailed) as failed:
        screen.say(f"\nFailed: {screen.step_name.lower()}\n  {failed}")
        log = failed.log if isinstance(failed, StepFailed) else None
        if log:
            screen.say(f"  The end of {shown(log)}:\n{tail(log)}")
        return 1
    except KeyboardInterrupt:
        screen.say("\n  Stopped.")
        return 130 if once else 0
    finally:
        demo.close()
    return 0


def again(place: Path) -> str:
    """The command that reads and sends once more."""
    agent = f"{shown(Path(installed('flexprint-agent')))} --home {shown(place / 'agent')}"
    return f"{agent} read && {agent} send --report"


if __name__ == "__main__":
    sys.exit(main())
