"""Which of many addresses answer SNMP: one socket, one deadline a pass, no object for a silent address.

A pass asks every address that is still silent, then waits. The passes alternate between the versions, v2c
first: with one retry an address gets at most two packets, one in v2c and one in v1. A device that speaks
both is so found unless both packets (or their answers) are lost; one that speaks v1 only, or v2c only,
has one chance. Each further community has its own passes, for the addresses that none before it found: a
silent address then gets two packets for each community.

A request's id is a salt plus the address's place in the list, and the answer must come from that address
and port. Ranges are interleaved in proportion to their size, because behind one router all silent
addresses of a range wait for the same ARP queue.
"""

import math
import os
import socket
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.snmp.wire import Unsendable, Wire

# sysDescr.0 and sysObjectID.0 (RFC 3418): every agent has them, and together they are a tiny answer.
SYS_DESCR = ber.oid("1.3.6.1.2.1.1.1.0")
SYS_OBJECT_ID = ber.oid("1.3.6.1.2.1.1.2.0")

# Below this many packets loading ctypes costs more than sendmmsg saves.
_WORTH_A_BURST = 2048
_AT_ONE_GO = 64

_UNKNOWN, _ANSWERED, _UNREACHABLE = range(3)

Target = int | str | tuple[int | str, int]
Progress = Callable[[int, int], object]


@dataclass(slots=True, frozen=True)
class Answered:
    """An address that answered, how it was asked, and the two objects as given (None: it has not got it).

    `version` is the one of the answer; a device that answered v1 may speak v2c as well.
    """

    address: str
    port: int
    version: int
    community: str = field(repr=False)
    description: bytes | None
    object_id: str | None


@dataclass(slots=True)
class SweepResult:
    """What a sweep found and what it cost. `unreachable` are addresses the network or this machine
    reported as such; they are left out of later passes. `dropped` is None where the system does not say."""

    answered: list[Answered]
    asked: int = 0
    packets: int = 0
    octets_out: int = 0
    octets_in: int = 0
    seconds: float = 0.0
    strays: int = 0
    malformed: int = 0
    unreachable: int = 0
    dropped: int | None = None


def sweep(
    ranges: Iterable[Iterable[Target]],
    *,
    port: int = 161,
    communities: Sequence[str] = ("public",),
    timeout: float = 1.0,
    retries: int = 1,
    versions: Sequence[int] = (ber.V2C, ber.V1),
    packets_per_second: float,
    range_packets_per_second: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[int], bytes] = os.urandom,
    progress: Progress | None = None,
    linux: bool = sys.platform == "linux",
) -> SweepResult:
    """Asks every address of these ranges; an address may be a number, a text, or a pair with its port.

    An address is asked once however often it is named. timeout: seconds a pass waits after its last
    packet. versions: of the passes, in turn. packets_per_second is for all ranges together,
    range_packets_per_second for each of them; math.inf is no limit.
    progress is told the packets sent and the addresses that answered, up to now.
    ValueError on what is no IPv4 address or port.
    """
    places = _Places(ranges, port)
    if not places.keys:
        return SweepResult([])
    rate = min(packets_per_second, range_packets_per_second * places.spread)
    pace = Pace(rate, burst=min(_AT_ONE_GO, rate / 50))
    with Wire(linux=linux) as wire:
        round_ = _Round(places, wire, clock, pace, chance)
        if progress:
            round_.progress = progress
        started = clock()
        for community in communities:
            for attempt in range(retries + 1):
                round_.ask(versions[attempt % len(versions)], community, linux=linux)
                round_.listen(timeout)
        result = round_.result
        result.seconds = clock() - started
        result.dropped = wire.dropped()
    result.answered.sort(key=lambda one: (socket.inet_aton(one.address), one.port))
    return result


class _Places:
    """Every address once, in the order they are asked: the address and its port in one number each.

    spread: how many packets go to all ranges together for each one to the largest range.
    """

    def __init__(self, ranges: Iterable[Iterable[Target]], port: int) -> None:
        seen: set[int] = set()
        keys, shares = array("Q"), array("d")
        self.spread = 1.0
        largest = 0
        for addresses in ranges:
            fresh = [key for key in dict.fromkeys(_key(one, port) for one in addresses) if key not in seen]
            seen.update(fresh)
            keys.extend(fresh)
            shares.extend((place + 0.5) / len(fresh) for place in range(len(fresh)))
            largest = max(largest, len(fresh))
        if 0 < largest < len(keys):
            order = sorted(range(len(keys)), key=shares.__getitem__)
            keys = array("Q", map(keys.__getitem__, order))
            self.spread = len(keys) / largest
        self.keys = keys


def _key(target: Target, port: int) -> int:
    if isinstance(target, tuple):
        target, port = target
    if isinstance(target, str):
        try:
            target = int.from_bytes(socket.inet_pton(socket.AF_INET, target), "big")
        except OSError:
            raise ValueError(f"{target} is not an IPv4 address") from None
    if not (0 <= target < 1 << 32 and 0 < port < 1 << 16):
        raise ValueError(f"{target}, port {port}: no IPv4 address and UDP port")
    return target << 16 | port


def _text(key: int) -> str:
    return socket.inet_ntoa((key >> 16).to_bytes(4, "big"))


class _Round:
    """The passes of one sweep over one socket."""

    def __init__(
        self,
        places: _Places,
        wire: Wire,
        clock: Callable[[], float],
        pace: Pace,
        chance: Callable[[int], bytes],
    ) -> None:
        self.keys = places.keys
        self.wire, self.clock, self.pace = wire, clock, pace
        self.states = bytearray(len(self.keys))
        self.unknown = len(self.keys)
        room = ber.LAST_ID - ber.FIRST_ID - len(self.keys)
        if room < 0:
            raise ValueError("more addresses than request ids; sweep them in parts")
        self.salt = ber.FIRST_ID + int.from_bytes(chance(8), "big") % (room + 1)
        self.parts = (b"", b"")
        self.community = ""
        self.result = SweepResult([], asked=len(self.keys))
        self.progress: Progress = lambda _sent, _answered: None

    def ask(self, version: int, community: str, *, linux: bool) -> None:
        """One packet to every address that is still unknown, paced."""
        self.community = community
        self.parts = ber.request(ber.GET, version, community.encode(), (SYS_DESCR, SYS_OBJECT_ID))
        waiting = array("I", (place for place, state in enumerate(self.states) if state == _UNKNOWN))
        send = self.burst() if linux and len(waiting) >= _WORTH_A_BURST else self.one_by_one
        at = 0
        while at < len(waiting):
            now = self.clock()
            room = self.pace.room(now, _AT_ONE_GO)
            if not room:
                self.wire.wait(self.pace.wait(now))
            else:
                send([place for place in waiting[at : at + room] if self.states[place] == _UNKNOWN])
                self.pace.spend(now, len(waiting[at : at + room]))
                at += room
                self.progress(self.result.packets, len(self.result.answered))
            self.take()

    def listen(self, seconds: float) -> None:
        deadline = self.clock() + seconds
        while self.unknown and (left := deadline - self.clock()) > 0:
            self.wire.wait(left)
            self.take()
        self.progress(self.result.packets, len(self.result.answered))

    def one_by_one(self, places: list[int]) -> None:
        before, after = self.parts
        for place in places:
            key = self.keys[place]
            datagram = before + (self.salt + place).to_bytes(4, "big") + after
            try:
                self.wire.send(datagram, (_text(key), key & 0xFFFF))
            except Unsendable:
                self.give_up(place)
            else:
                self.sent(1)

    def burst(self) -> Callable[[list[int]], None]:
        from flexprint_agent.snmp.burst import Burst

        burst = Burst(self.wire, self.parts)

        def send(places: list[int]) -> None:
            for at, place in enumerate(places):
                key = self.keys[place]
                burst.put(at, self.salt + place, key >> 16, key & 0xFFFF)
            at = 0
            while at < len(places):
                try:
                    taken = burst.send(at, len(places))
                except Unsendable:
                    self.give_up(places[at])
                    at += 1
                else:
                    self.sent(taken)
                    at += taken

        return send

    def sent(self, packets: int) -> None:
        self.result.packets += packets
        self.result.octets_out += packets * (len(self.parts[0]) + 4 + len(self.parts[1]))

    def give_up(self, place: int) -> None:
        if self.states[place] == _UNKNOWN:
            self.states[place] = _UNREACHABLE
            self.unknown -= 1
            self.result.unreachable += 1

    def place_of(self, request_id: int, source: tuple[str, int]) -> int | None:
        """The place that was asked with this id, if this is its address and port."""
        place = request_id - self.salt
        key = int.from_bytes(socket.inet_aton(source[0]), "big") << 16 | source[1]
        return place if 0 <= place < len(self.keys) and self.keys[place] == key else None

    def take(self) -> None:
        """What has arrived: answers, and reports that something cannot be reached."""
        for datagram, source in self.wire.receive():
            self.result.octets_in += len(datagram)
            try:
                message = ber.decode(datagram)
            except ber.Malformed:
                self.result.malformed += 1
                continue
            place = self.place_of(message.request_id, source)
            if place is None or message.pdu != ber.RESPONSE:
                self.result.strays += 1
            elif self.states[place] != _ANSWERED:
                self.unknown -= self.states[place] == _UNKNOWN
                self.states[place] = _ANSWERED
                self.result.answered.append(self.answered(message, source))
        for source, _, datagram in self.wire.undeliverable():
            id_at = len(self.parts[0])
            place = self.place_of(int.from_bytes(datagram[id_at : id_at + 4], "big"), source)
            if place is not None:
                self.give_up(place)

    def answered(self, message: ber.Message, source: tuple[str, int]) -> Answered:
        given = {name: (tag, content) for name, tag, content in message.bindings}
        tag, description = given.get(SYS_DESCR, (ber.NULL, b""))
        return Answered(
            address=source[0],
            port=source[1],
            version=message.version,
            community=self.community,
            description=description if tag == ber.OCTET_STRING else None,
            object_id=ber.object_id(given.get(SYS_OBJECT_ID, (ber.NULL, b""))),
        )
