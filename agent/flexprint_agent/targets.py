"""What the customer types, as addresses: names, single addresses, wildcards, ranges and CIDR blocks.

    front-desk-printer    10.10.10.7    10.10.10.*    10.10.10.5-40    10.10.0.0/22    each with an optional :port
    2001:db8::7    2001:db8::/120    fe80::1%eth0    [2001:db8::7]:1161

A link-local IPv6 address is one only with the interface it is reached through. An exclusion of one holds for every
interface, however that is spelled. IPv4 addresses written as IPv6 (::ffff:10.1.1.1) are IPv4 addresses.

Pure: nothing here touches the network. Names are resolved by a function that the caller brings.
Everything is kept as spans (first, last, port) and never as a list of addresses, so a /8 costs no more memory
than one printer. Exclusions always win.
"""

import ipaddress
import re
import socket
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from flexprint_agent.errors import AgentError, WrongUsage

SNMP_PORT: Final = 161
LARGE: Final = 1 << 12
"""Addresses (a /20) above which a range is only taken when the person says so again."""

LARGEST: Final = 1 << 24
"""Addresses (a /8) above which a range is a mistake."""

LARGEST_SIX: Final = 1 << 12
"""Addresses (a /116) above which an IPv6 block cannot be swept: even a single network has 2^64."""

Resolve = Callable[[str], Iterable[str]]
"""The addresses of a name, those to be preferred first; empty when it has none."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_OCTETS: Final = re.compile(r"[0-9.*\-]+")
# 0.0.0.0/8 names this network, 224.0.0.0 and above are groups, reserved and the broadcast: no printer lives there.
# Over IPv6 that is the unspecified address and the groups.
_NOWHERE: Final = {4: ((0, (1 << 24) - 1), (224 << 24, (1 << 32) - 1)), 6: ((0, 0), (0xFF << 120, (1 << 128) - 1))}
_LINK_LOCAL: Final = ipaddress.IPv6Network("fe80::/10")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,32}")


class UnknownExclusion(AgentError):
    """An excluded name of which no address is known, now or from before: nothing may be asked, as it might be it."""


class BadTarget(WrongUsage):
    """`text` is no target, for `reason`."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text}: {reason}")
        self.text = text
        self.reason = reason


@dataclass(slots=True, frozen=True)
class Span:
    """The addresses from `first` to `last`, both asked, as numbers. `port` None means the usual one for a target and
    every one for an exclusion. `version` is that of IP, `scope` the interface of link-local IPv6 addresses."""

    first: int
    last: int
    port: int | None = None
    version: int = 4
    scope: str = ""

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[str]:
        """Every address, written."""
        return (written(number, self.version, self.scope) for number in range(self.first, self.last + 1))

    def places(self) -> Iterator[tuple[int | str, int]]:
        """Every address and the port it is asked at; of IPv4 as a number, as they may be very many."""
        port = self.port or SNMP_PORT
        addresses = range(self.first, self.last + 1) if self.version == 4 else self
        return ((address, port) for address in addresses)


@dataclass(slots=True, frozen=True)
class Name:
    """A host name, lower case; its addresses are looked up when packets are about to be sent."""

    name: str
    port: int | None = None


Target = Span | Name


def parse(text: str) -> Target:
    """The target in `text`. Raises BadTarget."""
    return _parse(text, edges=False)


def parse_exclusion(text: str) -> Target:
    """Like `parse`, but a block keeps its network and broadcast addresses: they are excluded as well."""
    return _parse(text, edges=True)


def _parse(text: str, *, edges: bool) -> Target:
    stripped = normal(text)
    if "://" in stripped:
        raise BadTarget(text, "this is a web address; write only the name or the address in it")
    if stripped.startswith("[") or stripped.count(":") > 1:
        return _six(text, stripped, edges=edges)
    host, colon, port_text = stripped.partition(":")
    port = _port(text, port_text) if colon else None
    if "/" in host:
        first, last = _block(text, host, edges=edges)
    elif _OCTETS.fullmatch(host):
        first, last = _pattern(text, host, edges=edges)
    else:
        return Name(_name(text, host), port)
    return _checked(text, Span(first, last, port))


def normal(text: str) -> str:
    """`text` as it is kept: lower case but for the name of an interface, without the dot at the end of a name."""
    host, percent, scope = text.strip().partition("%")
    return host.lower().rstrip(".") + percent + scope


def _checked(text: str, span: Span) -> Span:
    if span.last - span.first >= LARGEST:  # not by len(), which a 32-bit Python cannot say of so many
        raise BadTarget(text, f"this is more than {LARGEST} addresses; name the networks that hold printers")
    if _nowhere(span):
        raise BadTarget(text, "these addresses belong to no device (0.x.x.x, 224.0.0.0 and above, :: or ff00::/8)")
    return span


def _nowhere(span: Span) -> bool:
    return any(span.first <= end and start <= span.last for start, end in _NOWHERE[span.version])


def _six(text: str, written: str, *, edges: bool) -> Span:
    """`2001:db8::7`, `[2001:db8::7]:161`, `2001:db8::/120`, `2001:db8::5-2001:db8::40`, `fe80::1%eth0`."""
    inside, port = written, None
    if written.startswith("["):
        inside, bracket, after = written[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise BadTarget(text, "write an IPv6 address with a port as [2001:db8::7]:161")
        port = _port(text, after[1:]) if after else None
    host, percent, scope = inside.partition("%")
    if percent:
        # The interface stands before the length of a block (RFC 4007, section 11.7).
        scope, slash, length = scope.partition("/")
        host += slash + length
        if not _SCOPE.fullmatch(scope):
            raise BadTarget(text, "the interface after the % is missing; write it as fe80::1%eth0")
    first, last = _six_block(text, host, edges=edges) if "/" in host else _six_range(text, host)
    if first >> 32 == last >> 32 == int(_MAPPED.network_address) >> 32:
        return _checked(text, Span(first & 0xFFFFFFFF, last & 0xFFFFFFFF, port))
    if edges:
        return Span(first, last, port, 6)
    link_local = ipaddress.IPv6Address(first) in _LINK_LOCAL
    if link_local and not scope:
        raise BadTarget(text, "a link-local address needs its interface; write it as fe80::1%eth0")
    if scope and not link_local:
        raise BadTarget(text, "only a link-local address (fe80::) has an interface; leave out the % and what follows")
    if last - first >= LARGEST_SIX:
        raise BadTarget(text, f"more than {LARGEST_SIX} IPv6 addresses (a /116) cannot be searched one by one")
    return _checked(text, Span(first, last, port, 6, scope))


def _six_block(text: str, block: str, *, edges: bool) -> tuple[int, int]:
    try:
        network = ipaddress.IPv6Network(block, strict=False)
    except ValueError:
        raise BadTarget(text, "this is no block of addresses; write it as 2001:db8::/120") from None
    first, last = int(network.network_address), int(network.broadcast_address)
    # The first address of a network is that of its routers (RFC 4291, 2.6.1).
    return (first, last) if edges or network.prefixlen >= 127 else (first + 1, last)


def _six_range(text: str, host: str) -> tuple[int, int]:
    start, dash, end = host.partition("-")
    try:
        first = int(ipaddress.IPv6Address(start))
        last = int(ipaddress.IPv6Address(end)) if dash else first
    except ValueError:
        raise BadTarget(
            text, "this is no IPv6 address; write it as 2001:db8::7, with a port as [2001:db8::7]:161"
        ) from None
    if first > last:
        raise BadTarget(text, "the range ends before it begins")
    return first, last


def written(number: int, version: int = 4, scope: str = "") -> str:
    """An address as text."""
    if version == 4:
        return dotted(number)
    # As a socket writes it, which `ipaddress` does not for ::1.2.3.4.
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big")) + (f"%{scope}" if scope else "")


def single(address: str, port: int | None = None) -> Span:
    """The span of one address as a resolver or a socket writes it. ValueError when it is none."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return Span(int(found), int(found), port, 6, found.scope_id or "")
        found = found.ipv4_mapped
    return Span(int(found), int(found), port)


def _port(text: str, port: str) -> int:
    if port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535:
        return int(port)
    raise BadTarget(text, f"{port or 'nothing'!r} is no port; write a number from 1 to 65535 after the colon")


def _block(text: str, block: str, *, edges: bool) -> tuple[int, int]:
    try:
        network = ipaddress.IPv4Network(block, strict=False)
    except ValueError:
        raise BadTarget(text, "this is no block of addresses; write it as 10.10.10.0/24") from None
    first, last = int(network.network_address), int(network.broadcast_address)
    # A /31 and a /32 have no network and broadcast address (RFC 3021).
    return (first, last) if edges or network.prefixlen >= 31 else (first + 1, last - 1)


def _pattern(text: str, pattern: str, *, edges: bool) -> tuple[int, int]:
    """`10.1.2.3`, `10.1.2.*`, `10.1.*.*`, `10.1.2.5-40`, `10.1.2.5-10.1.3.40`."""
    start, dash, end = pattern.partition("-")
    if dash:
        first = _address(text, start)
        last = _address(text, end if "." in end else f"{start.rpartition('.')[0]}.{end}")
        if first > last:
            raise BadTarget(text, "the range ends before it begins")
        return first, last
    if "*" not in pattern:
        first = _address(text, pattern)
        return first, first
    known = pattern.rstrip(".*")
    octets = known.split(".") if known else []
    if "*" in known or pattern != ".".join([*octets, *["*"] * (4 - len(octets))]) or not octets:
        raise BadTarget(text, "a star stands for whole octets at the end; write it as 10.10.10.*")
    network = ".".join([*octets, *["0"] * (4 - len(octets))])
    _address(text, network)
    # 10.10.10.* is how people write 10.10.10.0/24.
    return _block(text, f"{network}/{8 * len(octets)}", edges=edges)


def _address(text: str, address: str) -> int:
    try:
        return int(ipaddress.IPv4Address(address))
    except ValueError:
        raise BadTarget(text, f"{address!r} is no address; it takes four numbers from 0 to 255") from None


def _name(text: str, name: str) -> str:
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise BadTarget(text, "this is neither an address nor a name that a network can know")
    if name.rpartition(".")[2].isdigit():
        raise BadTarget(text, "this is no address; it takes four numbers from 0 to 255")
    return name


def is_large(target: Target) -> bool:
    """True for a range that a person should confirm before it is searched."""
    return isinstance(target, Span) and len(target) > LARGE


def dotted(address: int) -> str:
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def excluded(exclusions: Iterable[Target], addresses: Resolve) -> list[Span]:
    """What may never be sent a packet. `addresses` gives all that an excluded name has, or had when it was last
    known. Raises UnknownExclusion where that is nothing: an exclusion never vanishes because a name server is down."""
    refused = []
    for exclusion in exclusions:
        if isinstance(exclusion, Span):
            refused.append(exclusion)
            continue
        found = [single(address, exclusion.port) for address in addresses(exclusion.name)]
        if not found:
            raise UnknownExclusion(
                f"{exclusion.name} is excluded, and its address is not known, so nothing was asked; exclude it by its "
                f"address (`flexprint-agent exclude 10.10.10.7`), then `flexprint-agent remove {exclusion.name}`"
            )
        refused += found
    return refused


def is_excluded(refused: Iterable[Span], address: str, port: int) -> bool:
    """True where `address` and `port` lie in one of `refused` (of `excluded`), through whichever interface."""
    one = single(address)
    return any(
        span.version == one.version and span.port in (None, port) and span.first <= one.first <= span.last
        for span in refused
    )


def allowed(targets: Iterable[Target], refused: Iterable[Span], resolve: Resolve) -> list[Span]:
    """The disjoint spans, each with its port, that may be sent packets: what was chosen less what is
    `refused` (of `excluded`). In the order chosen, every address and port once."""
    return [span for share in shares(targets, refused, resolve) for span in share]


def shares(targets: Iterable[Target], refused: Iterable[Span], resolve: Resolve) -> Iterator[list[Span]]:
    """The same for each target: what it adds to those before it."""
    refused = list(refused)
    taken: dict[tuple[int, int, str], list[tuple[int, int]]] = {}
    for target in targets:
        share = []
        for span in _spans(target, resolve):
            port = span.port or SNMP_PORT
            kind = port, span.version, span.scope
            if kind not in taken:
                holes = (no for no in refused if no.version == span.version and no.port in (None, port))
                taken[kind] = sorted((no.first, no.last) for no in holes)
            pieces = _less((span.first, span.last), taken[kind])
            share += [replace(span, first=first, last=last, port=port) for first, last in pieces]
            insort(taken[kind], (span.first, span.last))
        yield share


def _spans(target: Target, resolve: Resolve) -> Iterator[Span]:
    if isinstance(target, Span):
        yield target
        return
    for address in resolve(target.name):
        span = single(address, target.port)
        # A name server may say 0.0.0.0 for a name that it blocks.
        if not _nowhere(span):
            yield span


def cut(span: Span, within: Iterable[Span], without: Iterable[Span]) -> list[Span]:
    """The parts of `span` (with its port) that lie in one of `within`, whatever its port, and in none of `without`."""
    of_kind = [one for one in within if one.version == span.version]
    holes = sorted((one.first, one.last) for one in without if (one.version, one.port) == (span.version, span.port))
    outside = _less((span.first, span.last), sorted((one.first, one.last) for one in of_kind))
    return [
        replace(span, first=first, last=last)
        for first, last in _less((span.first, span.last), sorted([*outside, *holes]))
    ]


def _less(span: tuple[int, int], holes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of `span` when every one of `holes` (sorted, and free to overlap) is cut out."""
    pieces = []
    first, last = span
    for hole_first, hole_last in holes:
        if hole_last < first:
            continue
        if hole_first > last:
            break
        if hole_first > first:
            pieces.append((first, hole_first - 1))
        first = hole_last + 1
    if first <= last:
        pieces.append((first, last))
    return pieces


def contains(spans: Iterable[Span], address: str, port: int) -> bool:
    """True where `address` and `port` lie in one of `spans` (of `allowed`)."""
    one = single(address)
    place = one.version, one.scope, port
    return any(
        (span.version, span.scope, span.port) == place and span.first <= one.first <= span.last for span in spans
    )


def count(spans: Iterable[Span]) -> int:
    return sum(map(len, spans))
