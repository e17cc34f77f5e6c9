"""The simulated site as a process of its own: one UDP socket that answers for every loopback address.

    python -m tests.lab.simulator --office --port 16161      the office, alone, until SIGTERM or its parent's end
    python -m tests.lab.simulator --control                  for `lab.site.Lab`: JSON lines in and out

Which address was asked comes with each datagram (IP_PKTINFO, Linux); the answer leaves from that address.
Addresses without a device are silent, and every packet to them is counted.

Control: the first line on standard input gives the devices, each following line is one order, each is
answered by one line on standard output. The end of standard input ends the process.
"""

import argparse
import json
import os
import random
import selectors
import signal
import socket
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final

from . import wire
from .device import Device, Quirks
from .office import Placed, grown, office
from .recording import Row

DEFAULT_PORT: Final = 16161
BUFFER_OCTETS: Final = 8 << 20
# Linux' numbers; Python names IP_PKTINFO from 3.13 on, SO_RCVBUFFORCE never.
IP_PKTINFO: Final = 8
SO_RCVBUFFORCE: Final = 33
_PACKET_INFO: Final = struct.Struct("=I4s4s")  # interface, address that answers, address that was asked
_TURN: Final = 200  # packets answered before orders and delayed answers get their turn
_MOST_TURNS: Final = 100  # a flood does not keep an order waiting for ever
_GROWTH_SECONDS: Final = 30.0


@dataclass(slots=True)
class Tally:
    """What one address was asked and said."""

    packets: int = 0
    answers: int = 0
    get: int = 0
    next: int = 0
    bulk: int = 0
    set: int = 0
    malformed: int = 0
    octets_in: int = 0
    octets_out: int = 0

    def as_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


_KINDS: Final = {wire.GET: "get", wire.GETNEXT: "next", wire.GETBULK: "bulk", wire.SET: "set"}


@dataclass(slots=True)
class Standing:
    """A device in its place: when it was last started, whether it is up, how often it was asked."""

    device: Device
    started: float
    ticks: int
    up: bool = True
    asked: int = 0


@dataclass(slots=True, order=True)
class Delayed:
    due: float
    message: bytes = field(compare=False)
    source: str = field(compare=False)
    asker: tuple[str, int] = field(compare=False)


class Site:
    """All devices behind one socket."""

    def __init__(self, port: int, *, clock: Callable[[], float] = time.monotonic, seed: int = 1) -> None:
        self._clock = clock
        self._chance = random.Random(seed)
        self._standing: dict[str, Standing] = {}
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._delayed: list[Delayed] = []
        self.socket = _socket(port)
        self.port: int = self.socket.getsockname()[1]
        self._other: socket.socket | None = None
        self._broadcasts: frozenset[str] = frozenset()

    def answer_broadcasts(self, addresses: Iterable[str]) -> None:
        """From now on every device answers, from its own address, what was sent to one of these."""
        self._broadcasts = frozenset(addresses)

    def place(self, address: str, rows: Iterable[Row], quirks: Quirks) -> None:
        device = Device(rows, quirks)
        self._standing[address] = Standing(device, self._clock(), device.boot_ticks)

    def answer_waiting(self) -> bool:
        """Answers what has come in, at most a turn's worth. Whether there may be more."""
        for _ in range(_TURN):
            try:
                message, ancillary, _, asker = self.socket.recvmsg(65535, 64)
            except BlockingIOError:
                return False
            self._answer(message, socket.inet_ntoa(_asked_address(ancillary)), asker)
        return True

    def _answer(self, message: bytes, address: str, asker: tuple[str, int]) -> None:
        for one in self._standing if address in self._broadcasts else (address,):
            self._answer_as(one, message, asker)

    def _answer_as(self, address: str, message: bytes, asker: tuple[str, int]) -> None:
        tally = self._tallies[address]
        tally.packets += 1
        tally.octets_in += len(message)
        try:
            question = wire.parse(message)
            kind = _KINDS[question.kind]
            setattr(tally, kind, getattr(tally, kind) + 1)
            standing = self._standing.get(address)
            if standing is None or not standing.up:
                return
            now = self._clock()
            said = standing.device.answer(
                question,
                ticks=standing.ticks + int((now - standing.started) * 100),
                asked=standing.asked,
                luck=self._chance.random() if standing.device.quirks.loss else 1.0,
            )
        except wire.Malformed:
            tally.malformed += 1
            return
        standing.asked += 1
        if said is None:
            return
        tally.answers += 1
        tally.octets_out += len(said)
        quirks = standing.device.quirks
        source = quirks.reply_address or address
        if quirks.reply_port:
            self._from_elsewhere().sendto(said, asker)
        elif quirks.latency:
            heappush(self._delayed, Delayed(now + quirks.latency, said, source, asker))
        else:
            self._send(said, source, asker)

    def _send(self, message: bytes, source: str, asker: tuple[str, int]) -> None:
        origin = _PACKET_INFO.pack(0, socket.inet_aton(source), b"\0\0\0\0")
        try:
            self.socket.sendmsg([message], [(socket.IPPROTO_IP, IP_PKTINFO, origin)], 0, asker)
        except (BlockingIOError, ConnectionRefusedError):
            # The asker is gone or its buffer is full: on a real network this answer is lost, too.
            return

    def _from_elsewhere(self) -> socket.socket:
        if self._other is None:
            self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        return self._other

    def send_due(self) -> float | None:
        """Sends the delayed answers whose time has come; seconds until the next, None when there is none."""
        while self._delayed:
            wait = self._delayed[0].due - self._clock()
            if wait > 0:
                return wait
            late = heappop(self._delayed)
            self._send(late.message, late.source, late.asker)
        return None

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carries out one order of the control channel."""
        match order["do"]:
            case "report":
                return self._report()
            case "forget":
                self._tallies.clear()
            case "change":
                for address, rows in order["rows"].items():
                    self._standing[address].device.change(_rows(rows))
            case "place":
                self.place(order["address"], _rows(order["rows"]), _quirks(order["quirks"]))
            case "hear":
                self.answer_broadcasts(order["broadcasts"])
            case "away":
                del self._standing[order["address"]]
            case "up" | "down" as way:
                self._standing[order["address"]].up = way == "up"
            case "restart":
                standing = self._standing[order["address"]]
                standing.started, standing.ticks, standing.asked = self._clock(), 0, 0
            case unknown:
                raise ValueError(f"the lab knows no order {unknown!r}")
        return {}

    def change(self, address: str, rows: Iterable[Row]) -> None:
        self._standing[address].device.change(rows)

    def _report(self) -> dict[str, Any]:
        tallies = self._tallies.values()
        return {
            "requests": sum(tally.packets for tally in tallies),
            **{
                name: sum(getattr(tally, name) for tally in tallies)
                for name in ("answers", "get", "next", "bulk", "set", "malformed", "octets_in", "octets_out")
            },
            "per address": {address: tally.as_json() for address, tally in self._tallies.items()},
        }

    def close(self) -> None:
        self.socket.close()
        if self._other is not None:
            self._other.close()


def _socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_OCTETS)
        with suppress(PermissionError):  # only root may go past net.core.rmem_max
            made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_OCTETS)
        made.bind(("0.0.0.0", port))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _asked_address(ancillary: list[tuple[int, int, bytes]]) -> bytes:
    for level, kind, content in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            asked: bytes = _PACKET_INFO.unpack_from(content)[2]
            return asked
    raise OSError("this system does not say which address was asked; the lab needs Linux")


def _rows(rows: list[list[Any]]) -> list[Row]:
    return [Row(dotted, tag, bytes.fromhex(content)) for dotted, tag, content in rows]


def _quirks(values: dict[str, Any]) -> Quirks:
    loop = values.get("loop")
    return Quirks(**{**values, "loop": tuple(loop) if loop else None})


class Orders:
    """The control channel: whole lines out of what arrives on standard input."""

    def __init__(self) -> None:
        self._rest = b""
        self.ended = False

    def arrived(self) -> list[dict[str, Any]]:
        piece = os.read(0, 1 << 20)
        self.ended = not piece
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _obeyed(site: Site, order: dict[str, Any]) -> dict[str, Any]:
    try:
        return site.obey(order)
    except (KeyError, ValueError, TypeError) as wrong:
        return {"error": f"{type(wrong).__name__}: {wrong}"}


def serve_controlled(port: int) -> None:
    """Devices and orders from standard input, until that ends."""
    site = Site(port)
    orders = Orders()
    waiting = selectors.DefaultSelector()
    waiting.register(site.socket, selectors.EVENT_READ)
    waiting.register(0, selectors.EVENT_READ)
    placed = False
    while not orders.ended:
        for key, _ in waiting.select(site.send_due()):
            if key.fd != 0:
                site.answer_waiting()
                continue
            # An order sees every packet that came before it, else the counts of a report were a matter of luck.
            for _ in range(_MOST_TURNS):
                if not site.answer_waiting():
                    break
            for order in orders.arrived():
                if placed:
                    _say(_obeyed(site, order))
                    continue
                for one in order["devices"]:
                    site.place(one["address"], _rows(one["rows"]), _quirks(one["quirks"]))
                site.answer_broadcasts(order["broadcasts"])
                placed = True
                _say({"ready": True, "port": site.port})
    site.close()


def serve_office(port: int) -> None:
    """The office alone: its printers print a little, all the time, until SIGTERM or the parent's end."""
    site = Site(port)
    devices: list[Placed] = office()
    for one in devices:
        site.place(one.address, one.rows, one.quirks)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopped.append(received))
    parent = os.getppid()
    _say({"ready": True, "port": site.port, "devices": len(devices)})
    waiting = selectors.DefaultSelector()
    waiting.register(site.socket, selectors.EVENT_READ)
    grow_at = time.monotonic() + _GROWTH_SECONDS
    while not stopped and os.getppid() == parent:
        if waiting.select(min(1.0, site.send_due() or 1.0)):
            site.answer_waiting()
        if time.monotonic() >= grow_at:
            grow_at += _GROWTH_SECONDS
            devices = [grown(one, 1 + place % 7) if one.truth else one for place, one in enumerate(devices)]
            for one in devices:
                site.change(one.address, one.rows)
    site.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lab.simulator", description="A simulated site on loopback addresses.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="UDP port all devices answer on (0: any)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--office", action="store_true", help="serve the simulated office")
    what.add_argument("--control", action="store_true", help="devices and orders come as JSON lines")
    chosen = parser.parse_args(arguments)
    try:
        (serve_office if chosen.office else serve_controlled)(chosen.port)
    except OSError as trouble:
        print(f"lab: port {chosen.port}: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
