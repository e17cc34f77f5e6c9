"""Printers that announce themselves in the local networks: mDNS and DNS-SD (RFC 6762, RFC 6763), by zeroconf.

Browsing asks once more after a second and is over after SECONDS. What is announced is only a place to ask by SNMP, and
a hint for people: a printer says here what it is, anybody can say it in its stead, and nothing of it enters a read.
"""

import asyncio
import contextlib
import logging
import queue
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from zeroconf import Error, ServiceBrowser, ServiceInfo, Zeroconf

from flexprint_shared.text import clean

SERVICES: Final = ("_ipp._tcp.local.", "_ipps._tcp.local.", "_printer._tcp.local.", "_pdl-datastream._tcp.local.")
SECONDS: Final = 3.0
QUERIES: Final = 2
"""Queries that leave each interface in that time, at about 0 and 1 s."""

LOOKED_UP: Final = 30
"""Announcements whose addresses did not come along, as they should, and are asked for; each costs two queries or so."""

MOST_PACKETS: Final = 100
"""Packets that leave each interface at most, whatever is announced: the second query names whoever has answered."""

QUERY_OCTETS: Final = 82
"""Octets of a query for all SERVICES. The second one is longer where many have answered."""

MOST: Final = 2000
"""Announcements that are taken notice of; more is somebody's joke."""

_TURN: Final = 0.02  # seconds waited at one time, before whoever drives this gets a turn


@dataclass(slots=True, frozen=True)
class Announced:
    """A printer that announced itself: every address it gives, and what it says it is and where it stands."""

    addresses: tuple[str, ...]
    model: str | None
    location: str | None


def told(addresses: Iterable[str], properties: Mapping[bytes, bytes | None]) -> Announced:
    """What the addresses and the TXT record of an announcement say (keys of Apple's Bonjour Printing
    Specification)."""

    def text(key: bytes) -> str | None:
        return clean((properties.get(key) or b"").decode(errors="replace")) or None

    product = text(b"product")
    model = text(b"ty") or (product.strip("()") if product else None) or text(b"usb_MDL")
    return Announced(tuple(sorted(set(addresses))), model, text(b"note"))


def local_address(announced: Announced, networks: Sequence[IPv4Network]) -> str | None:
    """Its first IPv4 address in one of these networks: an announcement may name any address there is, and only those
    that can have heard us are believed."""
    for text in announced.addresses:
        with contextlib.suppress(ValueError):
            address = IPv4Address(text)
            if any(address in one and address not in (one.network_address, one.broadcast_address) for one in networks):
                return text
    return None


class Browsing:
    """Browses out of these IPv4 addresses of this computer as it is iterated over; gives each announcement once, and
    None where there was nothing for a moment. `packets` and `octets` (of mDNS) count what was sent, `failure`
    says why nothing could be."""

    def __init__(self, sources: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._clock = clock
        self._incomplete: dict[str, ServiceInfo] = {}
        self._names: set[str] = set()
        self._known: set[Announced] = set()
        self._looked_up: list[Future[bool]] = []
        self.packets = self.octets = 0
        self.failure: str | None = None

    def __iter__(self) -> Iterator[Announced | None]:
        # What a malformed packet makes the library say helps nobody here.
        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
        names: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

        def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: object) -> None:
            names.put((service_type, name))

        # From a port of its own, answers come back to it alone: nothing listens on 5353, and the firewalls that let
        # nobody listen there let these answers pass. macOS would then send through one interface only.
        try:
            opened = _Counting(list(self._sources), unicast=sys.platform != "darwin")
        except (OSError, Error) as error:
            self.failure = str(error) or type(error).__name__
            return
        with opened as library:
            browser = ServiceBrowser(library, list(SERVICES), handlers=[heard])
            deadline = self._clock() + SECONDS
            while (left := deadline - self._clock()) > 0:
                with contextlib.suppress(queue.Empty):
                    yield from self._announced(library, *names.get(timeout=min(left, _TURN)))
                self.packets, self.octets = library.packets, library.octets
                yield None
            for service in list(self._incomplete.values()):
                yield from self._complete(library, service)
            browser.cancel()
            for future in self._looked_up:
                future.cancel()

    def _announced(self, library: "_Counting", service_type: str, name: str) -> Iterator[Announced]:
        if name in self._names or len(self._names) == MOST:
            return
        self._names.add(name)
        try:
            service = ServiceInfo(service_type, name)
        except Error:  # a name of another type
            return
        yield from self._complete(library, service)
        if not service.addresses:
            self._incomplete[name] = service
            if len(self._looked_up) < LOOKED_UP and library.loop is not None:
                asking = service.async_request(library, SECONDS * 1000)
                self._looked_up.append(asyncio.run_coroutine_threadsafe(asking, library.loop))

    def _complete(self, library: "_Counting", service: ServiceInfo) -> Iterator[Announced]:
        """What is known of a service by now, if that is where it is."""
        service.load_from_cache(library)
        if service.addresses:
            announced = told(service.parsed_addresses(), service.properties)
            if announced not in self._known:
                self._known.add(announced)  # the same printer under each of its services
                yield announced


class _Counting(Zeroconf):
    """The library, counting what it sends, and keeping to MOST_PACKETS."""

    packets = octets = 0

    def async_send(self, out: Any, *to: Any, **how: Any) -> None:
        datagrams, senders = out.packets(), len(self.engine.senders)
        if self.packets + len(datagrams) * senders > MOST_PACKETS * senders:
            return
        self.packets += len(datagrams) * senders
        self.octets += sum(map(len, datagrams)) * senders
        super().async_send(out, *to, **how)
