"""One SNMP request to every device of the local networks: broadcast over IPv4, multicast to ff02::1 over IPv6.

A request leaves through each interface by itself, from a socket of its own that is bound to the interface's address:
what answers there is on that network, and an answer from anywhere else is dropped and counted. Over IPv4 it goes to
the network's own broadcast address and to 255.255.255.255, as some agents (net-snmp up to 5.9.3 on current Linux)
answer only one of them; in every version and with every community, and all of it twice, as a broadcast is lost like
any other packet. Where there is a user of SNMPv3, the question for the engine (RFC 3414, section 4) goes with it: who
answers nothing else answers that, whoever asks.

Over IPv6 the request also asks for the first of the device's IPv4 addresses (ipAdEntAddr, RFC 4293), so that a device
that is excluded, or that was found already, is known before anything is sent to it alone.
"""

import contextlib
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Self

from flexprint_agent.search.interfaces import Interface
from flexprint_agent.search.sweep import SYS_DESCR, SYS_OBJECT_ID, V3, Answered
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.snmp.wire import LARGEST_DATAGRAM, widen

ATTEMPTS: Final = 2
APART: Final = 0.1
"""Seconds between two requests to the same network, so that the answers of a large one do not all come at once."""

PATIENCE: Final = 5
"""A wait for answers ends when no new device has answered for the timeout, and after this many timeouts whatever
comes."""

MOST: Final = 16_384
"""Devices that are taken notice of; more on one network is somebody's joke."""

_TURN: Final = 0.02  # seconds waited at one time, before whoever drives this gets a turn
_AT_ONE_GO: Final = 512
_EVERYONE: Final = "255.255.255.255"
_ALL_NODES: Final = "ff02::1"
_LINK_LOCAL: Final = IPv6Network("fe80::/10")
_IP_BOUND_IF, _IPV6_BOUND_IF = 25, 125  # <netinet/in.h>, <netinet6/in6.h> of macOS

# ipAdEntAddr (RFC 4293); what comes after its instance for 127.255.255.255 is an address that is not the loopback.
_IP_AD_ENT_ADDR: Final = ber.oid("1.3.6.1.2.1.4.20.1.1")
_AFTER_LOOPBACK: Final = ber.oid("1.3.6.1.2.1.4.20.1.1.127.255.255.255")
_ASKED: Final[Mapping[int, tuple[int, tuple[bytes, ...]]]] = {
    4: (ber.GET, (SYS_DESCR, SYS_OBJECT_ID)),
    6: (ber.GET_NEXT, (ber.parent(SYS_DESCR), ber.parent(SYS_OBJECT_ID), _IP_AD_ENT_ADDR, _AFTER_LOOPBACK)),
}

Network = IPv4Network | IPv6Network


@dataclass(slots=True, frozen=True)
class Outlet:
    """Where a request leaves this computer, whom it is for, and whose answers count: `source` is the address it is
    sent from, without a scope, `groups` the broadcast or multicast addresses it goes to."""

    interface: str
    index: int
    source: str
    groups: tuple[str, ...]
    network: Network

    @property
    def version(self) -> int:
        return self.network.version


def broadcast_outlets(interfaces: Iterable[Interface]) -> list[Outlet]:
    """One for every IPv4 network of these interfaces that has a broadcast address (RFC 3021: a /31 has none)."""
    return [
        Outlet(
            one.name,
            one.index,
            str(address.ip),
            (str(address.network.broadcast_address), _EVERYONE),
            address.network,
        )
        for one in interfaces
        if one.broadcast
        for address in one.addresses
        if isinstance(address.network, IPv4Network) and address.network.prefixlen <= 30
    ]


def multicast_outlets(interfaces: Iterable[Interface]) -> list[Outlet]:
    """One for every interface with a link-local IPv6 address: the first of them, as ff02::1 is the same for all."""
    outlets: dict[str, Outlet] = {}
    for one in interfaces:
        for address in one.addresses if one.multicast else ():
            if isinstance(address.ip, IPv6Address) and address.ip in _LINK_LOCAL:
                outlet = Outlet(one.name, one.index, str(address.ip), (_ALL_NODES,), _LINK_LOCAL)
                outlets.setdefault(one.name, outlet)
    return list(outlets.values())


Way = tuple[int, str]
"""A version as on the wire, and the community; none with V3."""


def ways(communities: Sequence[str], versions: Sequence[int], *, secured: bool = False) -> list[Way]:
    """How everybody is asked, in this order: who answers to a community is not asked anew over SNMPv3."""
    asked = [(version, community) for community in communities for version in versions]
    return [*asked, (V3, "")] if secured else asked


def packets(outlets: Sequence[Outlet], asked: Sequence[Way]) -> int:
    """How many packets leave."""
    return ATTEMPTS * len(asked) * sum(len(one.groups) for one in outlets)


def octets(outlets: Sequence[Outlet], asked: Sequence[Way]) -> int:
    """How many octets they have, with IP and UDP headers."""
    return ATTEMPTS * sum(
        len(one.groups) * (len(_request(one, *way, bytes(4))) + (28 if one.version == 4 else 48))
        for one in outlets
        for way in asked
    )


def seconds(outlets: Sequence[Outlet], asked: Sequence[Way], timeout: float) -> float:
    """About how long it takes: the requests apart from each other, and a wait that is longer with each attempt."""
    if not outlets:
        return 0.0
    in_turn = len(asked) * max(len(one.groups) for one in outlets)
    return ATTEMPTS * in_turn * APART + sum(timeout * attempt for attempt in range(1, ATTEMPTS + 1))


def _request(outlet: Outlet, version: int, community: str, request_id: bytes) -> bytes:
    if version == V3:
        from flexprint_agent.snmp import v3

        before, after = v3.discovery()
        return before + request_id + after
    pdu, asked = _ASKED[outlet.version]
    before, after = ber.request(pdu, version, community.encode(), asked)
    return before + request_id + after


@dataclass(slots=True, frozen=True)
class Heard(Answered):
    """A device that answered. Over IPv6 its address has its scope (fe80::1%eth0), and `also` are the IPv4 addresses
    it says it has."""

    also: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What was sent and what came back. `strays` are answers from another network, from another port or to nothing
    asked; `surplus` devices beyond MOST; `unsent` says, for an interface, why nothing left through it."""

    packets: int = 0
    octets_out: int = 0
    octets_in: int = 0
    answered: int = 0
    strays: int = 0
    malformed: int = 0
    surplus: int = 0
    unsent: dict[str, str] = field(default_factory=dict)


class Broadcast:
    """Asks everyone behind these outlets as it is iterated over; gives each device once, as it answers, and None
    where nothing did for a moment, so that whoever drives it can do something else in between.

    port: where agents listen, and answer from. asked: in which ways (of `ways`). timeout: seconds without a new device
    after which a wait ends; the wait after the last attempt is longer. pace: the budget shared with whatever else
    sends.
    """

    def __init__(
        self,
        outlets: Sequence[Outlet],
        *,
        asked: Sequence[Way],
        timeout: float,
        pace: Pace,
        port: int = 161,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[int], bytes] = os.urandom,
        system: str = sys.platform,
    ) -> None:
        self.tally = Tally()
        self._outlets = outlets
        self._timeout, self._pace, self._port = timeout, pace, port
        self._clock, self._system = clock, system
        first = ber.FIRST_ID + int.from_bytes(chance(8), "big") % (ber.LAST_ID - ber.FIRST_ID - len(asked) + 1)
        self._ways = dict(enumerate(asked, first))  # by request id
        self._known: set[str] = set()

    def __iter__(self) -> Iterator[Heard | None]:
        with contextlib.ExitStack() as closing, selectors.DefaultSelector() as selector:
            opened = [each for outlet in self._outlets for each in self._open(outlet, closing)]
            for each in opened:
                selector.register(each.socket, selectors.EVENT_READ, each)
            for attempt in range(1, ATTEMPTS + 1) if opened else ():
                yield from self._ask(opened, selector)
                wait = attempt * self._timeout
                yield from self._listen(selector, wait, max(wait, PATIENCE * self._timeout))

    def _open(self, outlet: Outlet, closing: contextlib.ExitStack) -> Iterator["_Opened"]:
        try:
            yield closing.enter_context(_Opened(outlet, self._system))
        except OSError as error:  # the address went away, or the system forbids it
            self.tally.unsent[outlet.interface] = error.strerror or str(error)

    def _ask(self, opened: Sequence["_Opened"], selector: selectors.BaseSelector) -> Iterator[Heard | None]:
        """One request to each group of each outlet in each way, paced and apart from each other."""
        for group in range(max(len(each.outlet.groups) for each in opened)):
            for request_id, (version, community) in self._ways.items():
                for each in opened:
                    if group < len(each.outlet.groups):
                        while wait := self._pace.wait(self._clock()):
                            yield from self._listen(selector, wait, wait)
                        datagram = _request(each.outlet, version, community, request_id.to_bytes(4, "big"))
                        self._send(each, datagram, each.outlet.groups[group])
                yield from self._listen(selector, APART, APART)

    def _send(self, each: "_Opened", datagram: bytes, group: str) -> None:
        self._pace.spend(self._clock())
        try:
            each.send(datagram, group, self._port)
        except OSError as error:
            self.tally.unsent[each.outlet.interface] = error.strerror or str(error)
        else:
            self.tally.packets += 1
            self.tally.octets_out += len(datagram)

    def _listen(self, selector: selectors.BaseSelector, quiet: float, most: float) -> Iterator[Heard | None]:
        """Until no new device has answered for `quiet` seconds, `most` seconds at most."""
        begun = since = self._clock()
        while (left := min(since + quiet, begun + most) - self._clock()) > 0:
            for key, _ in selector.select(min(left, _TURN)):
                for datagram, address, port in key.data.receive():
                    heard = self._heard(key.data.outlet, datagram, address, port)
                    if heard is not None:
                        since = self._clock()
                        yield heard
            yield None

    def _heard(self, outlet: Outlet, datagram: bytes, address: str, port: int) -> Heard | None:
        """The device that a datagram is from, if it is new and on the network of its outlet."""
        tally = self.tally
        tally.octets_in += len(datagram)
        try:
            request_id, heard = _understood(datagram, *self._placed(outlet, address, port))
        except ber.Malformed:
            tally.malformed += 1
            return None
        way = self._ways.get(request_id)
        if way is None or heard is None or port != self._port or not belongs(outlet, address):
            tally.strays += address != outlet.source  # an agent on this very computer hears us as well
            return None
        if heard.address in self._known or (way[0] == V3) != (heard.engine is not None):
            return None
        if len(self._known) == MOST:
            tally.surplus += 1
            return None
        self._known.add(heard.address)
        tally.answered += 1
        return replace(heard, community=way[1])

    @staticmethod
    def _placed(outlet: Outlet, address: str, port: int) -> tuple[str, int]:
        return (address if outlet.version == 4 else f"{address}%{outlet.interface}"), port


def _understood(datagram: bytes, address: str, port: int) -> tuple[int, Heard | None]:
    """The id of what is answered, and what the device says; None for what is no answer. Raises Malformed."""
    try:
        message = ber.decode(datagram)
    except ber.OtherVersion:
        from flexprint_agent.snmp import v3

        envelope = v3.parse(datagram)
        if not envelope.engine.id:
            raise ber.Malformed("an engine without an id") from None
        return envelope.message_id, Heard(address, port, V3, "", None, None, envelope.engine)
    return message.request_id, of_answer(message, address, port) if message.pdu == ber.RESPONSE else None


class _Opened:
    """An outlet with its socket."""

    def __init__(self, outlet: Outlet, system: str) -> None:
        self.outlet = outlet
        self.socket = socket.socket(socket.AF_INET if outlet.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            widen(self.socket, linux=system == "linux")
            self._keep_to_interface(system)
            if outlet.version == 4:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                self.socket.bind((outlet.source, 0))
            else:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, outlet.index)
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
                self.socket.bind((outlet.source, 0, 0, outlet.index))
        except BaseException:
            self.socket.close()
            raise

    def _keep_to_interface(self, system: str) -> None:
        """Being bound to its address is enough for most; two interfaces in one network need more, and so does
        255.255.255.255 on macOS."""
        with contextlib.suppress(OSError):  # Linux before 5.7 lets only the administrator
            if system == "linux":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.outlet.interface.encode())
            elif system == "darwin":
                level, option = (
                    (socket.IPPROTO_IP, _IP_BOUND_IF)
                    if self.outlet.version == 4
                    else (socket.IPPROTO_IPV6, _IPV6_BOUND_IF)
                )
                self.socket.setsockopt(level, option, self.outlet.index)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, datagram: bytes, group: str, port: int) -> None:
        to = (group, port) if self.outlet.version == 4 else (group, port, 0, self.outlet.index)
        self.socket.sendto(datagram, to)

    def receive(self) -> Iterator[tuple[bytes, str, int]]:
        """The datagrams that have arrived, each with the address and the port it is from; not more than a turn's
        worth, so that a flood cannot keep the end of a wait from being seen."""
        for _ in range(_AT_ONE_GO):
            try:
                datagram, source = self.socket.recvfrom(LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # Windows tells here that somebody's port is closed
                continue
            yield datagram, source[0].partition("%")[0], source[1]


def belongs(outlet: Outlet, address: str) -> bool:
    """Whether an answer from `address` (without a scope) is from a device on the outlet's own network."""
    ip = ip_address(address)
    network = outlet.network
    if ip not in network or address == outlet.source:
        return False
    return isinstance(network, IPv6Network) or ip not in (network.network_address, network.broadcast_address)


def of_answer(message: ber.Message, address: str, port: int) -> Heard:
    """What an answer says of its device."""
    given = {name: (tag, content) for name, tag, content in message.bindings}
    tag, description = given.get(SYS_DESCR, (ber.NULL, b""))
    return Heard(
        address=address,
        port=port,
        version=message.version,
        community="",
        description=description[:255] if tag == ber.OCTET_STRING else None,  # a DisplayString is no longer (RFC 3418)
        object_id=ber.object_id(given.get(SYS_OBJECT_ID, (ber.NULL, b""))),
        also=tuple(
            str(IPv4Address(content))
            for name, tag, content in message.bindings
            if tag == ber.IP_ADDRESS and len(content) == 4 and name.startswith(_IP_AD_ENT_ADDR)
        ),
    )
