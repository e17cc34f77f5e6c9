"""What the customer types, as addresses: names, single addresses, wildcards, ranges and CIDR blocks.

    front-desk-printer    10.10.10.7    10.10.10.*    10.10.10.5-40    10.10.0.0/22    each with an optional :port

Pure: nothing here touches the network. Names are resolved by a function that the caller brings.
Everything is kept as spans (first, last, port) and never as a list of addresses, so a /8 costs no more memory
than one printer. Exclusions always win.
"""

import ipaddress
import re
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from flexprint_agent.errors import AgentError, WrongUsage

SNMP_PORT: Final = 161
LARGE: Final = 1 << 12
"""Addresses (a /20) above which a range is only taken when the person says so again."""

LARGEST: Final = 1 << 24
"""Addresses (a /8) above which a range is a mistake."""

Resolve = Callable[[str], Iterable[str]]
"""The IPv4 addresses of a name; empty when it has none."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_OCTETS: Final = re.compile(r"[0-9.*\-]+")
# 0.0.0.0/8 names this network, 224.0.0.0 and above are groups, reserved and the broadcast: no printer lives there.
_NOWHERE: Final = ((0, (1 << 24) - 1), (224 << 24, (1 << 32) - 1))


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
    """The IPv4 addresses from `first` to `last`, both asked, as numbers. `port` None means the usual one for
    a target and every one for an exclusion."""

    first: int
    last: int
    port: int | None = None

    def __len__(self) -> int:
        return self.last - self.first + 1

    def places(self) -> Iterator[tuple[int, int]]:
        """Every address and the port it is asked at."""
        port = self.port or SNMP_PORT
        return ((number, port) for number in range(self.first, self.last + 1))


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
    stripped = text.strip().lower().rstrip(".")
    if "://" in stripped:
        raise BadTarget(text, "this is a web address; write only the name or the address in it")
    if stripped.count(":") > 1 or stripped.startswith("["):
        raise BadTarget(text, "IPv6 addresses are not supported yet; write the printer's IPv4 address or its name")
    host, colon, port_text = stripped.partition(":")
    port = _port(text, port_text) if colon else None
    if "/" in host:
        first, last = _block(text, host, edges=edges)
    elif _OCTETS.fullmatch(host):
        first, last = _pattern(text, host, edges=edges)
    else:
        return Name(_name(text, host), port)
    if last - first + 1 > LARGEST:
        raise BadTarget(text, f"this is more than {LARGEST} addresses; name the networks that hold printers")
    if _nowhere(first, last):
        raise BadTarget(text, "these addresses belong to no device (0.x.x.x, or 224.0.0.0 and above)")
    return Span(first, last, port)


def _nowhere(first: int, last: int) -> bool:
    return any(first <= end and start <= last for start, end in _NOWHERE)


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
        numbers = [int(ipaddress.IPv4Address(address)) for address in addresses(exclusion.name)]
        if not numbers:
            raise UnknownExclusion(
                f"{exclusion.name} is excluded, and its address is not known, so nothing was asked; exclude it by its "
                f"address (`flexprint-agent exclude 10.10.10.7`), then `flexprint-agent remove {exclusion.name}`"
            )
        refused += [Span(number, number, exclusion.port) for number in numbers]
    return refused


def is_excluded(refused: Iterable[Span], address: str, port: int) -> bool:
    """True where `address` and `port` lie in one of `refused` (of `excluded`)."""
    number = int(ipaddress.IPv4Address(address))
    return any(span.port in (None, port) and span.first <= number <= span.last for span in refused)


def allowed(targets: Iterable[Target], refused: Iterable[Span], resolve: Resolve) -> list[Span]:
    """The disjoint spans, each with its port, that may be sent packets: what was chosen less what is
    `refused` (of `excluded`). In the order chosen, every address and port once."""
    return [span for share in shares(targets, refused, resolve) for span in share]


def shares(targets: Iterable[Target], refused: Iterable[Span], resolve: Resolve) -> Iterator[list[Span]]:
    """The same for each target: what it adds to those before it."""
    refused = list(refused)
    taken: dict[int, list[tuple[int, int]]] = {}
    for target in targets:
        share = []
        for span in _spans(target, resolve):
            port = span.port or SNMP_PORT
            if port not in taken:
                taken[port] = sorted((no.first, no.last) for no in refused if no.port in (None, port))
            share += [Span(first, last, port) for first, last in _less((span.first, span.last), taken[port])]
            insort(taken[port], (span.first, span.last))
        yield share


def _spans(target: Target, resolve: Resolve) -> Iterator[Span]:
    if isinstance(target, Span):
        yield target
        return
    for address in resolve(target.name):
        number = int(ipaddress.IPv4Address(address))
        # A name server may say 0.0.0.0 for a name that it blocks.
        if not _nowhere(number, number):
            yield Span(number, number, target.port)


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
    number = int(ipaddress.IPv4Address(address))
    return any(span.port == port and span.first <= number <= span.last for span in spans)


def count(spans: Iterable[Span]) -> int:
    return sum(map(len, spans))
