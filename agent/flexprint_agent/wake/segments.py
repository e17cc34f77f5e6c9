"""From this computer and its gateway to the segments that may be selected.

A segment that is selected is a target like any other (`keep.choices`); what is kept beside it is who named it, and
when. Routers are asked from here alone, and only when a person asks for the list: the default gateway, or the one that
was named instead, and with `hops` those behind it. One that is excluded is never asked.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flexprint_agent import targets
from flexprint_agent.keep import Keep
from flexprint_agent.keep.segments import THIS_COMPUTER, Segment, Source
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span
from flexprint_agent.wake.credentials import Keyring, keyring
from flexprint_agent.wake.reading import Clock, exchange_for, excluded, look_up, patient
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.search.interfaces import Interface
    from flexprint_agent.snmp.conversation import Conversation, Traits
    from flexprint_agent.snmp.exchange import Endpoint, Outcome

T = TypeVar("T")

Place = tuple[str, int]
"""Address and port of a router."""

PATIENCE: Final = 60.0
"""Seconds that one router may take to tell its routes."""

_LONGEST_LOCAL: Final = 30
"""Bits of the prefix of a network of this computer: a printer may be all there is on its other network card."""


@dataclass(slots=True, frozen=True)
class Asked:
    """How asking one router went. `answered` None: nobody wanted to ask it. `whole`: it told all its routes. `hops`:
    routers behind it."""

    address: str
    answered: bool | None
    error: str | None = None
    excluded: bool = False
    whole: bool = False
    segments: tuple[IPv4Network, ...] = ()
    hops: tuple[str, ...] = ()
    packets: int = 0

    def as_json(self) -> dict[str, Any]:
        told = ("answered", "error", "excluded", "whole", "packets")
        return {"address": self.address or None} | {name: getattr(self, name) for name in told}


def learn(
    keep: Keep, settings: Settings, now: Clock, *, gateway: Place | None = None, hops: bool = False
) -> dict[str, Any]:
    """Looks at this computer's own networks, asks the gateway for its routes, keeps what they say, and gives the
    document of `segments`. Raises UnknownExclusion."""
    refused = excluded(keep)
    places, error = ([gateway], None) if gateway else _default_gateways()
    ask = partial(_ask_router, keyring(keep, settings, look_up), settings, refused=refused, at=now())
    first = ask(places[0]) if places else Asked("", answered=False, error=error)
    further = [ask((address, targets.SNMP_PORT)) if hops else Asked(address, answered=None) for address in first.hops]
    own = _own_networks()
    # What is named twice counts as named by the nearest, which is kept last.
    named: list[tuple[str, Source, str]] = [(str(one), "hop", hop.address) for hop in further for one in hop.segments]
    named += [(str(one), "gateway", first.address) for one in first.segments]
    named += [(str(one), "local", THIS_COMPUTER) for one in own]
    whole = [router.address for router in (first, *further) if router.whole]
    keep.segments.learn(named, [*whole, THIS_COMPUTER] if own else whole, _selected(keep), now())
    return {
        "segments": listed(keep.segments.all(), keep.choices.targets(), refused),
        "gateway": {
            **first.as_json(),
            "others": [address for address, _ in places[1:]],
            "hops": [router.as_json() for router in further],
        },
    }


# This computer


def _default_gateways() -> tuple[list[Place], str | None]:
    """The routers of this computer, the preferred one first; or why there is none."""
    from flexprint_agent.search.gateway import default_gateways

    try:
        found = default_gateways()
    except OSError as error:
        return [], str(error)
    return [(address, targets.SNMP_PORT) for address in found], None if found else "this computer has no gateway"


def _own_networks() -> list[IPv4Network]:
    from flexprint_agent.search.interfaces import local_interfaces

    try:
        return networks_of(local_interfaces())
    except OSError:
        return []  # what was known of them stays


def networks_of(interfaces: Iterable["Interface"]) -> list[IPv4Network]:
    """The IPv4 networks in which printers may be beside this computer. A tunnel to one other end is none."""
    from flexprint_agent.search.routes import Network, is_segment

    networks = [
        address.network
        for interface in interfaces
        if interface.broadcast
        for address in interface.addresses
        if isinstance(address.network, IPv4Network)
    ]
    return [
        one
        for one in dict.fromkeys(networks)
        if is_segment(Network(int(one.network_address), one.prefixlen))
        or (one.prefixlen == _LONGEST_LOCAL and not one.is_link_local)
    ]


# Routers


def _ask_router(ring: Keyring, settings: Settings, place: Place, refused: Sequence[Span], at: datetime) -> Asked:
    from flexprint_agent.search.routes import ask_routes
    from flexprint_agent.search.sweep import SYS_DESCR
    from flexprint_agent.snmp.conversation import get

    address, port = place
    if targets.is_excluded(refused, address, port):
        return Asked(address, answered=False, error="it is excluded, so it was not asked", excluded=True)
    # One small question first: most gateways answer no SNMP, and that should not take long to find out.
    knock = replace(settings, snmp_timeout=settings.search_timeout)
    endpoint = ring.endpoint(address, port, {}, at, insist=True)
    met = _hold(knock, endpoint, lambda traits: get((SYS_DESCR,), traits))
    if met.result is None:
        return Asked(address, answered=met.answered, error=met.error, packets=met.packets)
    worked: dict[str, Any] = {"users": (met.user,), "communities": (), "engine": met.engine}
    if met.user is None:
        worked = {"users": (), "communities": (met.community,), "versions": (met.version,)}
    endpoint = replace(endpoint, traits=met.traits, **worked)
    deadline = time.monotonic() + PATIENCE
    told = _hold(patient(settings), endpoint, partial(ask_routes, over=lambda: time.monotonic() > deadline))
    packets = met.packets + told.packets
    if told.result is None:
        return Asked(address, answered=True, error=told.error, packets=packets)
    return Asked(
        address,
        answered=True,
        whole=told.result.whole,
        segments=tuple(map(IPv4Network, told.result.segments)),
        hops=tuple(str(IPv4Address(hop)) for hop in told.result.hops),
        packets=packets,
    )


def _hold(settings: Settings, endpoint: "Endpoint", begin: Callable[["Traits"], "Conversation[T]"]) -> "Outcome[T]":
    (outcome,) = exchange_for(settings).run([(endpoint, begin)])
    return outcome


# The list


def listed(segments: Iterable[Segment], texts: Iterable[str], refused: Sequence[Span]) -> list[dict[str, Any]]:
    """Every segment that was learned, and every block among the targets `texts`, in the order of addresses. One is
    selected when targets cover all of its addresses."""
    chosen = [target for target in map(targets.parse, texts) if isinstance(target, Span)]
    rows: dict[tuple[IPv4Network, int | None], dict[str, Any]] = {}
    for block, port in filter(None, map(block_of, texts)):
        rows[block, port] = {"source": "manual", "router": None, "seen_at": None, "gone": False, "selected": True}
    for segment in segments:
        network = IPv4Network(segment.cidr)
        rows[network, None] = {
            "source": segment.source,
            "router": segment.router or None,
            "seen_at": rfc3339(segment.last_seen_at),
            "gone": segment.gone,
            "selected": _covers(chosen, network),
        }
    return [
        {
            "cidr": str(network),
            "addresses": len(_span(network)),
            "large": targets.is_large(_span(network)),
            "port": port,
            **row,
            "excluded": _covers(refused, network),
        }
        for (network, port), row in sorted(rows.items(), key=lambda one: (one[0][0], one[0][1] or 0))
    ]


def _span(network: IPv4Network) -> Span:
    span = targets.parse(str(network))
    assert isinstance(span, Span)
    return span


def _covers(spans: Sequence[Span], network: IPv4Network) -> bool:
    """Whether `spans` leave no address of it at the usual port."""
    return not targets.allowed([_span(network)], spans, lambda _name: ())


def block_of(text: str) -> tuple[IPv4Network, int | None] | None:
    """The whole network that a target is, and its port; None where it is a name, an address or another range."""
    place, _, port = text.partition(":")
    if place.endswith("*"):
        octets = place.split(".")
        known_octets = [octet for octet in octets if octet != "*"]
        place = f"{'.'.join([*known_octets, *['0'] * (4 - len(known_octets))])}/{8 * len(known_octets)}"
    if "/" not in place:
        return None
    try:
        return IPv4Network(place, strict=False), int(port) if port else None
    except ValueError:
        return None


def _selected(keep: Keep) -> set[str]:
    """The CIDR of every learned segment that is selected."""
    return {row["cidr"] for row in listed(keep.segments.all(), keep.choices.targets(), ()) if row["selected"]}
