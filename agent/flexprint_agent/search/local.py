"""The finders of the networks that this computer is in: broadcast, IPv6 multicast, and mDNS.

They ask everybody at once and need no target. What answers is in a local network, and that it may then be asked by
itself is what a person grants who leaves them on. The grant holds while this computer is in that network: elsewhere
the same address is somebody else.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, ip_address
from typing import TYPE_CHECKING, Final

from flexprint_agent import targets
from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan
from flexprint_agent.targets import SNMP_PORT, Span

if TYPE_CHECKING:
    from flexprint_agent.search.broadcast import Outlet
    from flexprint_agent.search.interfaces import Interface


_BROADCAST, _MULTICAST, _MDNS = "broadcast", "multicast", "mdns"

AFTER_IPV4: Final = 1.0
"""Seconds that the multicast gives the broadcast first."""

_TURN: Final = 0.02  # seconds waited at one time, before whoever drives this gets a turn


def interfaces_now() -> "list[Interface]":
    """The interfaces of this computer; none where the system will not tell."""
    from flexprint_agent.search import interfaces

    try:
        return interfaces.local_interfaces()
    except OSError:
        return []


def own_networks() -> list[Span]:
    """The IPv4 networks that this computer is in."""
    return [
        Span(int(own.network.network_address), int(own.network.broadcast_address))
        for one in interfaces_now()
        for own in one.addresses
        if isinstance(own.network, IPv4Network)
    ]


def is_local(address: str, interfaces: "Iterable[Interface]") -> bool:
    """Whether `address`, with its scope where it is link-local, is in a network of these interfaces."""
    ip, _, scope = address.partition("%")
    if scope:
        return any(scope == one.name for one in interfaces)
    number = ip_address(ip)
    return any(number in own.network for one in interfaces if one.broadcast for own in one.addresses)


def outlets_of(interfaces: "Iterable[Interface]", refused: "Iterable[Span]") -> "list[Outlet]":
    """Where broadcasts leave: not into a network that is excluded as a whole, as nobody there may be asked."""
    from flexprint_agent.search.broadcast import broadcast_outlets

    refused = list(refused)
    return [one for one in broadcast_outlets(interfaces) if targets.allowed([_hosts(one)], refused, lambda _: ())]


def _hosts(outlet: "Outlet") -> Span:
    assert isinstance(outlet.network, IPv4Network)
    return Span(int(outlet.network.network_address) + 1, int(outlet.network.broadcast_address) - 1, SNMP_PORT)


def _broadcast_outlets(ground: Ground) -> "list[Outlet]":
    return outlets_of(interfaces_now(), ground.refused)


def _multicast_outlets(ground: Ground) -> "list[Outlet]":
    from flexprint_agent.search.broadcast import multicast_outlets

    return multicast_outlets(interfaces_now())


def _plan(name: str, outlets: "list[Outlet]", ground: Ground) -> Plan:
    """What asking everybody behind these outlets sends."""
    from flexprint_agent.search import broadcast

    asked = _ways(name, ground)
    took = broadcast.seconds(outlets, asked, ground.settings.search_timeout)
    parts = [
        Part(
            name,
            str(one.network) if one.version == 4 else f"{one.groups[0]}%{one.interface}",
            0,
            broadcast.packets([one], asked),
            broadcast.octets([one], asked),
            round(took, 1),
        )
        for one in outlets
    ]
    return Plan(parts, took)


def _ask(name: str, outlets: "list[Outlet]", ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    """Asks everybody behind these outlets."""
    from flexprint_agent.search.broadcast import Broadcast

    settings = ground.settings
    asking = Broadcast(
        outlets,
        asked=_ways(name, ground),
        timeout=settings.search_timeout,
        pace=ground.pace,
    )
    note = _progress(effort, _plan(name, outlets, ground))
    for heard in asking:
        note(asking.tally.packets)
        effort.answered = asking.tally.answered
        if heard is None:
            yield None
        elif heard.engine is None:
            yield Candidate(heard.address, heard.port, name, heard.community, granted=True, also=heard.also)
        elif _has_users(ground, heard.address):
            yield Candidate(heard.address, heard.port, name, granted=True, engine=heard.engine)


def _ways(name: str, ground: Ground) -> "list[tuple[int, str]]":
    """With a user of SNMPv3 for whomever, the broadcast asks for the engine, too. The multicast does not: an engine
    tells no IPv4 address, and one that is excluded could not be left alone."""
    from flexprint_agent.search.broadcast import ways

    secured = name == _BROADCAST and any(scope.community is None for scope in ground.scopes)
    return ways(ground.settings.communities, ground.settings.snmp_versions, secured=secured)


def _has_users(ground: Ground, address: str) -> bool:
    """Whether a user is meant for this address; no other need be asked who has said nothing but its engine."""
    from flexprint_agent.search.scopes import by_way

    return any(way.secured for way, _ in by_way([targets.single(address, SNMP_PORT)], ground.scopes, ()))


def _multicast(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    """After a second: a device that has answered over IPv4 by then is known by that address, and not asked twice."""
    later = time.monotonic() + AFTER_IPV4
    while (left := later - time.monotonic()) > 0:
        time.sleep(min(left, _TURN))
        yield None
    yield from _ask(_MULTICAST, _multicast_outlets(ground), ground, effort)


def _plan_mdns(ground: Ground) -> Plan:
    from flexprint_agent.search import mdns

    outlets = _broadcast_outlets(ground)
    return Plan(
        [
            Part(
                _MDNS,
                str(one.network),
                0,
                mdns.QUERIES,
                mdns.QUERIES * (mdns.QUERY_OCTETS + 28),
                mdns.SECONDS,
            )
            for one in outlets
        ],
        mdns.SECONDS if outlets else 0.0,
    )


def _mdns(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    outlets = _broadcast_outlets(ground)
    if not outlets:
        return
    from flexprint_agent.search.mdns import Browsing, local_address

    networks = [one.network for one in outlets if isinstance(one.network, IPv4Network)]
    browsing = Browsing([one.source for one in outlets])
    note = _progress(effort, _plan_mdns(ground))
    for announced in browsing:
        note(browsing.packets)
        address = None if announced is None else local_address(announced, networks)
        if announced is None or address is None:
            yield None
            continue
        effort.answered += 1
        also = tuple(one for one in announced.addresses if one != address)
        hint = " ".join(filter(None, (announced.model, announced.location and f"({announced.location})")))
        yield Candidate(address, SNMP_PORT, _MDNS, granted=True, also=also, hint=hint or None)


def _progress(effort: Effort, plan: Plan) -> Callable[[int], None]:
    """Notes the packets sent by now, and what is left of the plan."""
    begun, planned = time.monotonic(), sum(part.packets for part in plan.parts)

    def note(packets: int) -> None:
        effort.packets, effort.packets_ahead = packets, max(0, planned - packets)
        effort.seconds_ahead = max(0.0, plan.seconds - (time.monotonic() - begun))

    return note


def _holds(address: str) -> bool:
    return is_local(address, interfaces_now())


BROADCAST: Final = Finder(
    _BROADCAST,
    on=lambda settings: settings.broadcast,
    plan=lambda ground: _plan(_BROADCAST, _broadcast_outlets(ground), ground),
    find=lambda ground, effort: _ask(_BROADCAST, _broadcast_outlets(ground), ground, effort),
    holds=_holds,
)
MULTICAST: Final = Finder(
    _MULTICAST,
    on=lambda settings: settings.multicast,
    plan=lambda ground: _plan(_MULTICAST, _multicast_outlets(ground), ground),
    find=_multicast,
    holds=_holds,
)
MDNS: Final = Finder(_MDNS, on=lambda settings: settings.mdns, plan=_plan_mdns, find=_mdns, holds=_holds)
