"""What a search would cost, before anything is sent. Nothing here sends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flexprint_agent.search.sweep import V3, question
from flexprint_agent.targets import Span, count

RANGE_RATE: Final = 300
"""Packets a second into one range at most: about what a router's ARP queue for silent addresses takes."""

PORTION: Final = 1 << 16
"""Addresses that are swept at once. A sweep remembers a few octets for each."""

PASSES: Final = 2
"""How often a silent address is asked with each community, and over SNMPv3 where there is a user for it."""

HEADERS: Final = 28  # IPv4 and UDP
HEADERS_SIX: Final = 48  # IPv6 and UDP


@dataclass(slots=True, frozen=True)
class Cost:
    """The most that a sweep sends: addresses that answer are not asked again. `octets` with IP and UDP headers."""

    addresses: int
    packets: int
    octets: int
    seconds: float


def request_sizes(
    communities: Sequence[str], versions: Sequence[int], passes: int = PASSES, *, secured: bool = False
) -> list[int]:
    """Octets of the request of each pass: `passes` for every community, the versions in turn, and where SNMPv3 is asked
    for as many of it."""
    ways = [(V3, "")] * passes if secured else []
    ways += [(versions[number % len(versions)], community) for community in communities for number in range(passes)]
    return [sum(map(len, question(*way))) + 4 for way in ways]


def cost(
    spans: Sequence[Span],
    datagrams: Sequence[int],
    packets_per_second: float,
    timeout: float,
    networks: Sequence[Span] = (),
) -> Cost:
    """`datagrams` are the octets of the request in each pass, `timeout` the seconds that a pass waits at its end."""
    addresses = count(spans)
    seconds = sum(
        count(portion) / rate(portion, packets_per_second, networks) + timeout
        for portion in portions(spans)
        for _ in datagrams
    )
    headers = sum(len(span) * (HEADERS if span.version == 4 else HEADERS_SIX) for span in spans)
    octets = addresses * sum(datagrams) + headers * len(datagrams)
    return Cost(addresses, addresses * len(datagrams), octets, round(seconds, 1))


def rate(spans: Sequence[Span], packets_per_second: float, networks: Sequence[Span] = ()) -> float:
    """Packets a second for all of `spans` together, which are asked in turn: no range gets more than RANGE_RATE."""
    return min(packets_per_second, RANGE_RATE * count(spans) / max(map(count, ranges(spans, networks))))


def ranges(spans: Sequence[Span], networks: Sequence[Span] = ()) -> list[list[Span]]:
    """The spans that share one pace, as pieces of one network have the same router: those that begin in one of
    `networks`, and elsewhere in one /24 (a /64 over IPv6)."""
    together: dict[Shared, list[Span]] = {}
    for span in spans:
        together.setdefault(shared(span.first, span.version, span.scope, networks), []).append(span)
    return list(together.values())


Shared = tuple[int, int, int, str]
"""What the addresses that share one pace have in common."""


def shared(number: int, version: int, scope: str, networks: Sequence[Span]) -> Shared:
    """Of the `networks` that are known the smallest that holds an address, else its /24 or /64."""
    around = [one for one in networks if one.version == version and one.first <= number <= one.last]
    if around:
        network = min(around, key=len)
        return network.first, network.last, version, network.scope
    bits = 8 if version == 4 else 64
    return number >> bits << bits, (number >> bits << bits) + (1 << bits) - 1, version, scope


def portions(spans: Sequence[Span], most: int = PORTION) -> Iterator[list[Span]]:
    """`spans` in portions of `most` addresses, long ones cut."""
    portion: list[Span] = []
    room = most
    for span in spans:
        first = span.first
        while first <= span.last:
            last = min(span.last, first + room - 1)
            portion.append(replace(span, first=first, last=last))
            room -= last - first + 1
            first = last + 1
            if not room:
                yield portion
                portion, room = [], most
    if portion:
        yield portion
