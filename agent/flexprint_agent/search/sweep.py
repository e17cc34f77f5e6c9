"""Which of many addresses answer SNMP: one socket, one deadline a pass, no object for a silent IPv4 address.

A pass asks every address that is still silent, then waits. The passes alternate between the versions, v2c
first: with one retry an address gets at most two packets, one in v2c and one in v1. A device that speaks
both is so found unless both packets (or their answers) are lost; one that speaks v1 only, or v2c only,
has one chance. Each further community has its own passes, for the addresses that none before it found: a
silent address then gets two packets for each community. Where SNMPv3 is asked for, its own passes come first, with
the question for the engine (RFC 3414, section 4), which is answered whoever asks.

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
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.snmp.wire import Address, Unsendable, Wire, in_order, spelled

if TYPE_CHECKING:
    from flexprint_agent.snmp.v3 import Engine

# sysDescr.0 and sysObjectID.0 (RFC 3418): every agent has them, and together they are a tiny answer.
SYS_DESCR = ber.oid("1.3.6.1.2.1.1.1.0")
SYS_OBJECT_ID = ber.oid("1.3.6.1.2.1.1.2.0")

# Below this many packets loading ctypes costs more than sendmmsg saves.
_WORTH_A_BURST = 2048
_AT_ONE_GO = 64
# Seconds that a sweep waits at one time, before whoever drives it gets a turn.
_TURN = 0.02

_UNKNOWN, _ANSWERED, _UNREACHABLE = range(3)

# snmp.v3 is imported where it is asked for.
V3 = 3

Target = int | str | tuple[int | str, int]


@dataclass(slots=True, frozen=True)
class Answered:
    """An address that answered, how it was asked, and the two objects as given (None: it has not got it).

    `version` is the one of the answer; a device that answered v1 may speak v2c as well. One that answered v3 told its
    `engine`, and neither object.
    """

    address: str
    port: int
    version: int
    community: str = field(repr=False)
    description: bytes | None
    object_id: str | None
    engine: "Engine | None" = None


@dataclass(slots=True)
class SweepResult:
    """What a sweep found and what it cost, up to now. `unreachable` are addresses the network or this machine
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


class Sweep:
    """Asks every address of these ranges as it is iterated over; gives each that answers, and None where nothing
    did for a moment, so that whoever drives it can do something else in between. `result` is kept up to date.

    An address may be a number, a text, or a pair with its port; it is asked once however often it is named.
    timeout: seconds a pass waits after its last packet. versions: of the passes, in turn. secured: whether there are
    passes with SNMPv3 before them. pace is the budget that this sweep shares with whatever else sends;
    range_packets_per_second is for each of the ranges; math.inf is no limit.
    ValueError on what is no address or port.
    """

    def __init__(
        self,
        ranges: Iterable[Iterable[Target]],
        *,
        port: int = 161,
        communities: Sequence[str] = ("public",),
        timeout: float = 1.0,
        retries: int = 1,
        versions: Sequence[int] = (ber.V2C, ber.V1),
        secured: bool = False,
        pace: Pace,
        range_packets_per_second: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
        linux: bool = sys.platform == "linux",
    ) -> None:
        places = _Places(ranges, port)
        self.places, self.keys = places, places.keys
        self.clock, self.chance, self.linux = clock, chance, linux
        self.timeout = timeout
        self.ways = [(V3, "")] * (retries + 1) if secured else []
        self.ways += [(versions[n % len(versions)], one) for one in communities for n in range(retries + 1)]
        rate = range_packets_per_second * places.spread
        self.paces = (pace, Pace(rate, burst=min(_AT_ONE_GO, rate / 50)))
        self.rate = min(pace.per_second, rate)
        self.result = SweepResult([])
        self.ahead = len(self.keys) * len(self.ways)
        """Packets that are still to be sent at most."""
        self.passes_ahead = len(self.ways)
        self._silent = self.keys

    @property
    def seconds_ahead(self) -> float:
        """About how long it still takes at most."""
        return self.ahead / self.rate + self.passes_ahead * self.timeout

    def __iter__(self) -> Iterator[Answered | None]:
        if not self.keys:
            return
        started = self.clock()
        with Wire(linux=self.linux) as wire:
            round_ = _Round(self, wire)
            try:
                for place, (version, community) in enumerate(self.ways, start=1):
                    self.passes_ahead = len(self.ways) - place + 1
                    yield from round_.ask(version, community, later_passes=len(self.ways) - place)
                    yield from round_.listen(self.timeout)
            finally:
                self.result.seconds = self.clock() - started
                self.result.dropped = wire.dropped()
                self._silent = array("Q", (self.keys[n] for n, state in enumerate(round_.states) if state == _UNKNOWN))
                self.ahead = self.passes_ahead = 0

    def silent(self) -> Iterator[tuple[int | str, int]]:
        """The places that have not answered, once the sweep is done."""
        for key in self._silent:
            yield self.places.address(key) if key & _SIX else (key >> 16, key & 0xFFFF)

    def room(self, now: float) -> int:
        """Packets that may leave at this instant."""
        return min(pace.room(now, _AT_ONE_GO) for pace in self.paces)

    def wait(self, now: float) -> float:
        """Seconds until one may."""
        return max(pace.wait(now) for pace in self.paces)

    def spend(self, now: float, packets: int) -> None:
        for pace in self.paces:
            pace.spend(now, packets)


def sweep(ranges: Iterable[Iterable[Target]], **manners: Any) -> SweepResult:
    """A whole `Sweep` (which says what `manners` there are), the answers sorted by address."""
    whole = Sweep(ranges, **manners)
    deque(whole, maxlen=0)
    whole.result.answered.sort(key=lambda one: in_order(one.address, one.port))
    return whole.result


# A key of an IPv6 address is this bit and its place in a list of such addresses: they are few, as no IPv6 network can
# be swept. That of an IPv4 address holds address and port.
_SIX = 1 << 63


class _Places:
    """Every address once, in the order they are asked, as one number each.

    spread: how many packets go to all ranges together for each one to the largest range.
    """

    def __init__(self, ranges: Iterable[Iterable[Target]], port: int) -> None:
        self._six: dict[Address, int] = {}
        self._listed: list[Address] = []
        seen: set[int] = set()
        keys, shares = array("Q"), array("d")
        self.spread = 1.0
        largest = 0
        for addresses in ranges:
            fresh = [key for key in dict.fromkeys(self._key(one, port) for one in addresses) if key not in seen]
            seen.update(fresh)
            keys.extend(fresh)
            shares.extend((place + 0.5) / len(fresh) for place in range(len(fresh)))
            largest = max(largest, len(fresh))
        if 0 < largest < len(keys):
            order = sorted(range(len(keys)), key=shares.__getitem__)
            keys = array("Q", map(keys.__getitem__, order))
            self.spread = len(keys) / largest
        self.keys = keys

    def _key(self, target: Target, port: int) -> int:
        if isinstance(target, tuple):
            target, port = target
        if not 0 < port < 1 << 16:
            raise ValueError(f"{target}, port {port}: no UDP port")
        if isinstance(target, str):
            text = spelled(target)
            if ":" in text:
                key = self._six.setdefault((text, port), _SIX | len(self._listed))
                if key == _SIX | len(self._listed):
                    self._listed.append((text, port))
                return key
            target = int.from_bytes(socket.inet_aton(text), "big")
        if not 0 <= target < 1 << 32:
            raise ValueError(f"{target}: no IPv4 address")
        return target << 16 | port

    def address(self, key: int) -> Address:
        if key & _SIX:
            return self._listed[key ^ _SIX]
        return socket.inet_ntoa((key >> 16).to_bytes(4, "big")), key & 0xFFFF

    def key_of(self, address: Address) -> int | None:
        """The key of an address; None for one over IPv6 that was never among these."""
        if ":" in address[0]:
            return self._six.get(address)
        return int.from_bytes(socket.inet_aton(address[0]), "big") << 16 | address[1]


def question(version: int, community: str) -> tuple[bytes, bytes]:
    """What a pass asks, as what comes before and after the four octets of its id."""
    if version != V3:
        return ber.request(ber.GET, version, community.encode(), (SYS_DESCR, SYS_OBJECT_ID))
    from flexprint_agent.snmp import v3

    return v3.discovery()


class _Round:
    """The passes of one sweep over one socket."""

    def __init__(self, sweep: Sweep, wire: Wire) -> None:
        self.sweep, self.wire, self.clock = sweep, wire, sweep.clock
        self.places, self.keys, self.result = sweep.places, sweep.keys, sweep.result
        self.states = bytearray(len(self.keys))
        self.unknown = len(self.keys)
        room = ber.LAST_ID - ber.FIRST_ID - len(self.keys)
        if room < 0:
            raise ValueError("more addresses than request ids; sweep them in parts")
        self.salt = ber.FIRST_ID + int.from_bytes(sweep.chance(8), "big") % (room + 1)
        self.parts = (b"", b"")
        self.community = ""

    def ask(self, version: int, community: str, *, later_passes: int) -> Iterator[Answered | None]:
        """One packet to every address that is still unknown, paced."""
        self.community = community
        self.parts = question(version, community)
        waiting = array("I", (place for place, state in enumerate(self.states) if state == _UNKNOWN))
        send = self.burst() if self.sweep.linux and len(waiting) >= _WORTH_A_BURST else self.one_by_one
        at = 0
        while at < len(waiting):
            now = self.clock()
            room = self.sweep.room(now)
            if not room:
                self.wire.wait(min(self.sweep.wait(now), _TURN))
            else:
                send([place for place in waiting[at : at + room] if self.states[place] == _UNKNOWN])
                self.sweep.spend(now, len(waiting[at : at + room]))
                at += room
                self.result.asked = max(self.result.asked, min(at, len(waiting)))
            self.sweep.ahead = max(0, len(waiting) - at) + self.unknown * later_passes
            yield from self.take()
            yield None

    def listen(self, seconds: float) -> Iterator[Answered | None]:
        deadline = self.clock() + seconds
        while self.unknown:
            # What has arrived is taken before the deadline counts: whoever drives the sweep may have been busy.
            left = deadline - self.clock()
            self.wire.wait(min(left, _TURN))
            yield from self.take()
            if left <= 0:
                return
            yield None

    def one_by_one(self, places: list[int]) -> None:
        before, after = self.parts
        for place in places:
            datagram = before + (self.salt + place).to_bytes(4, "big") + after
            try:
                self.wire.send(datagram, self.places.address(self.keys[place]))
            except Unsendable:
                self.give_up(place)
            else:
                self.sent(1)

    def burst(self) -> Callable[[list[int]], None]:
        from flexprint_agent.snmp.burst import Burst

        burst = Burst(self.wire, self.parts)

        def send(places: list[int]) -> None:
            self.one_by_one([place for place in places if self.keys[place] & _SIX])
            places = [place for place in places if not self.keys[place] & _SIX]
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

    def place_of(self, request_id: int, source: Address) -> int | None:
        """The place that was asked with this id, if this is its address and port."""
        place = request_id - self.salt
        key = self.places.key_of(source)
        return place if 0 <= place < len(self.keys) and self.keys[place] == key else None

    def take(self) -> Iterator[Answered]:
        """What has arrived: answers, and reports that something cannot be reached."""
        for datagram, source in self.wire.receive():
            self.result.octets_in += len(datagram)
            try:
                answered, place = self.told(datagram, source)
            except ber.Malformed:
                self.result.malformed += 1
                continue
            if place is None:
                self.result.strays += 1
            elif self.states[place] != _ANSWERED:
                self.unknown -= self.states[place] == _UNKNOWN
                self.states[place] = _ANSWERED
                self.result.answered.append(answered)
                yield answered
        for source, _, datagram in self.wire.undeliverable():
            id_at = len(self.parts[0])
            place = self.place_of(int.from_bytes(datagram[id_at : id_at + 4], "big"), source)
            if place is not None:
                self.give_up(place)

    def told(self, datagram: bytes, source: Address) -> tuple[Answered, int | None]:
        """What an answer says, and the place that it answers for; None where it was not asked. Raises Malformed."""
        try:
            message = ber.decode(datagram)
        except ber.OtherVersion:
            from flexprint_agent.snmp import v3

            envelope = v3.parse(datagram)
            if not envelope.engine.id:
                raise ber.Malformed("an engine without an id") from None
            return Answered(*source, V3, "", None, None, envelope.engine), self.place_of(envelope.message_id, source)
        place = self.place_of(message.request_id, source)
        return self.answered(message, source), place if message.pdu == ber.RESPONSE else None

    def answered(self, message: ber.Message, source: Address) -> Answered:
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
