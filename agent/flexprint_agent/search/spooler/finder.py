"""The finder that asks the spooler: a network printer with a queue on this computer may be asked, as somebody here set
it up to print on. `wake.local` sees to the printers on a cable."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Final

from flexprint_agent import targets
from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan, may_ask
from flexprint_agent.search.spooler.queues import NoSpooler, Queue, queues
from flexprint_agent.targets import SNMP_PORT

NAME: Final = "spooler"


def places(found: Iterable[Queue]) -> dict[str, str]:
    """The addresses of the network printers behind these queues -> the name of the first queue that leads there. A host
    has those of IPv4, or, where it has none, of IPv6. Names are looked up; one that nobody knows leads nowhere now."""
    known: dict[str, str] = {}
    for queue in found:
        if queue.port.kind == "network" and queue.port.host:
            for address in _addresses(queue.port.host):
                known.setdefault(address, queue.name)
    return known


def _addresses(host: str) -> list[str]:
    from flexprint_agent.snmp.wire import spelled

    try:
        entries = socket.getaddrinfo(host, None, 0, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    found = [_written(entry[4]) for entry in entries if entry[0] in (socket.AF_INET, socket.AF_INET6)]
    four = [address for address in found if ":" not in address]
    usable = []
    for address in four or found:
        with contextlib.suppress(ValueError):  # a link-local one without its interface
            usable.append(spelled(address))
    return usable


def _written(place: tuple[Any, ...]) -> str:
    """A link-local address with its interface, where the system said which."""
    host = str(place[0]).partition("%")[0]
    return f"{host}%{place[3]}" if len(place) == 4 and place[3] else host


def _candidates(ground: Ground) -> list[tuple[Candidate, str]]:
    """With the queue's name. A spooler that cannot be asked has no queues: `doctor` says what is wrong with it."""
    try:
        found = places(queues())
    except NoSpooler:
        return []
    return [(Candidate(address, SNMP_PORT, NAME, granted=True), queue) for address, queue in found.items()]


def _plan(ground: Ground) -> Plan:
    parts = [_part(ground, candidate, queue) for candidate, queue in _candidates(ground) if may_ask(ground, candidate)]
    return Plan(parts, max((part.seconds for part in parts), default=0.0))


def _part(ground: Ground, candidate: Candidate, queue: str) -> Part:
    from flexprint_agent.search.plan import HEADERS, request_sizes
    from flexprint_agent.search.scopes import by_way

    settings = ground.settings
    place = targets.single(candidate.address, candidate.port)
    ((way, _),) = by_way([place], ground.scopes, settings.communities)
    sizes = request_sizes(way.communities, settings.snmp_versions, 1) * len(settings.snmp_versions)
    packets = len(sizes) * (1 + settings.snmp_retries)
    octets = (sum(sizes) + HEADERS * len(sizes)) * (1 + settings.snmp_retries)
    return Part(NAME, f"queue {queue}", 1, packets, octets, packets * settings.snmp_timeout)


def _find(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    for candidate, _ in _candidates(ground):
        effort.asked += 1
        yield candidate


SPOOLER: Final = Finder(NAME, on=lambda settings: settings.spooler, plan=_plan, find=_find)
