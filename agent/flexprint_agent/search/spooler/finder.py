"""The finder that asks the spooler: a network printer with a queue on this computer may be asked, as somebody here set
it up to print on. `wake.local` sees to the printers on a cable."""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan, may_ask
from flexprint_agent.search.spooler.queues import NoSpooler, Queue, queues
from flexprint_agent.targets import SNMP_PORT

NAME: Final = "spooler"


def places(found: Iterable[Queue]) -> dict[str, str]:
    """The IPv4 addresses of the network printers behind these queues -> the name of the first queue that leads there.
    Names are looked up; one that nobody knows leads nowhere now."""
    known: dict[str, str] = {}
    for queue in found:
        if queue.port.kind == "network" and queue.port.host:
            with contextlib.suppress(OSError, UnicodeError):
                for entry in socket.getaddrinfo(queue.port.host, None, socket.AF_INET, socket.SOCK_DGRAM):
                    known.setdefault(str(entry[4][0]), queue.name)
    return known


def _candidates(ground: Ground) -> list[tuple[Candidate, str]]:
    """With the queue's name. A spooler that cannot be asked has no queues: `doctor` says what is wrong with it."""
    try:
        found = places(queues())
    except NoSpooler:
        return []
    return [(Candidate(address, SNMP_PORT, NAME, granted=True), queue) for address, queue in found.items()]


def _plan(ground: Ground) -> Plan:
    from flexprint_agent.search.plan import HEADERS, request_sizes

    settings = ground.settings
    sizes = request_sizes(settings.communities, settings.snmp_versions, 1) * len(settings.snmp_versions)
    packets = len(sizes) * (1 + settings.snmp_retries)
    octets = (sum(sizes) + HEADERS * len(sizes)) * (1 + settings.snmp_retries)
    seconds = packets * settings.snmp_timeout
    parts = [
        Part(NAME, f"queue {queue}", 1, packets, octets, seconds)
        for candidate, queue in _candidates(ground)
        if may_ask(ground, candidate)
    ]
    return Plan(parts, seconds if parts else 0.0)


def _find(ground: Ground, effort: Effort) -> Iterator[Candidate | None]:
    for candidate, _ in _candidates(ground):
        effort.asked += 1
        yield candidate


SPOOLER: Final = Finder(NAME, on=lambda settings: settings.spooler, plan=_plan, find=_find)
