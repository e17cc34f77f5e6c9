"""What was chosen -> the printers in it."""

import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from flexprint_agent import targets
from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.notes import LAST_SEARCH, TARGETS_CHANGED
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span
from flexprint_agent.wake.reading import Clock, allowed, exchange_for

Progress = Callable[[int, int], object]
"""Is told packets sent and addresses that answered, up to now."""

AFTER_LOSS: Final = timedelta(days=1)
"""A printer that fell silent may have moved, so it is searched for; not more often than this."""


class NothingToSearch(AgentError):
    """No target was chosen, or all of them are excluded."""


def search_due(keep: Keep, settings: Settings, at: datetime) -> bool:
    """True when there is something to search and a reason to."""
    if not keep.choices.targets():
        return False
    last, changed = keep.notes.instant(LAST_SEARCH), keep.notes.instant(TARGETS_CHANGED)
    return is_search_due(at, last, changed, keep.devices.newest_silence(), settings.search_every)


def is_search_due(
    at: datetime, last: datetime | None, changed: datetime | None, lost: datetime | None, every: timedelta
) -> bool:
    """Due when never done, when the targets `changed` since, when `every` has passed, or when a printer was
    `lost` since (it may have moved). A clock that was set back makes it due, too."""
    if last is None or (changed is not None and changed >= last):
        return True
    return not timedelta(0) <= at - last < every or (lost is not None and lost >= last and at - last >= AFTER_LOSS)


def to_search(keep: Keep) -> list[Span]:
    """The spans of a search. Raises NothingToSearch."""
    spans = allowed(keep)
    if not spans:
        raise NothingToSearch(
            "there is nothing to search; choose what to search with `flexprint-agent add 10.10.10.0/24`"
            + (" (all that was added is excluded, or is a name nobody knows)" if keep.choices.targets() else "")
        )
    return spans


def search_plan(keep: Keep, settings: Settings) -> dict[str, Any]:
    """What a search would send at most, as `search --plan` prints it. Raises NothingToSearch."""
    from flexprint_agent.search.plan import plan, request_sizes

    sizes = request_sizes(settings.communities)
    planned = plan(to_search(keep), sizes, settings.packets_per_second, settings.search_timeout)
    return {
        "addresses": planned.addresses,
        "packets": planned.packets,
        "bytes": planned.octets,
        "seconds": planned.seconds,
    }


def search(keep: Keep, settings: Settings, now: Clock, progress: Progress | None = None) -> dict[str, Any]:
    """Asks every allowed address, identifies what answers, keeps the printers. Raises NothingToSearch."""
    from flexprint_agent.read.printers import identify_devices
    from flexprint_agent.search.plan import RANGE_RATE, portions
    from flexprint_agent.search.sweep import sweep
    from flexprint_agent.snmp.exchange import Endpoint

    started, begun = now(), time.monotonic()
    answered, asked, packets = [], 0, 0
    for portion in portions(to_search(keep)):
        swept = sweep(
            [
                [(number, span.port or targets.SNMP_PORT) for number in range(span.first, span.last + 1)]
                for span in portion
            ],
            communities=settings.communities,
            versions=settings.snmp_versions,
            timeout=settings.search_timeout,
            packets_per_second=settings.packets_per_second,
            range_packets_per_second=RANGE_RATE,
            progress=progress,
        )
        answered += swept.answered
        asked += swept.asked
        packets += swept.packets
    exchange = exchange_for(settings)
    found = []
    endpoints = (
        Endpoint(one.address, one.port, communities=(one.community,), versions=settings.snmp_versions)
        for one in answered
    )
    for outcome in identify_devices(exchange, endpoints):
        sighting = outcome.result
        place = outcome.endpoint
        printer, new, identity = False, False, {}
        if sighting is not None and sighting.printer:
            printer, identity = True, sighting.identity.as_json()
            new = keep.keep_found(sighting.identity, place.address, place.port, now())
        found.append(
            {
                "address": place.address,
                "port": place.port,
                "printer": printer,
                "new": new,
                **{name: identity.get(name) for name in ("manufacturer", "model", "serial")},
                "reason": sighting.reason if sighting else outcome.error,
            }
        )
    keep.notes.put_instant(LAST_SEARCH, started)
    return {
        "asked": asked,
        "packets": packets + exchange.packets_sent,
        "seconds": round(time.monotonic() - begun, 1),
        "answered": len(answered),
        "printers": sum(one["printer"] for one in found),
        "new": sum(one["new"] for one in found),
        "found": sorted(found, key=lambda one: (socket.inet_aton(one["address"]), one["port"])),
    }
