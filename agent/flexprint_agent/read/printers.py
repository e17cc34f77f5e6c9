"""Reading many printers at once, and a reading as people and scripts are shown it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flexprint_agent.read.layout import Layout
from flexprint_agent.read.reader import Found, Sighting, identify, read_device
from flexprint_agent.snmp.conversation import Conversation, Traits
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Outcome
from flexprint_shared.readings import Read
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.snmp.v3 import Engine, Refusal, User


@dataclass(slots=True, frozen=True)
class Reading:
    """How the reading of one device ended.

    `reason` is why it is a printer or none, or why the network did not deliver. `read` is None when the device did not
    answer, fell silent before the read was worth anything, or is no printer; `error` then says why, except for what is
    simply no printer. `layout` is to be kept for the next read; None means that nothing new was learned. `traits`,
    `version` and `community` or `user` are how it answered, `engine` is its SNMPv3 engine. `refusals` are the users
    that it refused before. `fell_silent` and `restarted`: so it did while it was being read.
    """

    endpoint: Endpoint
    answered: bool
    printer: bool
    reason: str | None
    read: Read | None
    layout: Layout | None
    error: str | None
    traits: Traits
    version: int
    community: str
    seconds: float
    packets: int
    user: "User | None" = None
    engine: "Engine | None" = None
    refusals: tuple["Refusal", ...] = ()
    fell_silent: bool = False
    restarted: bool = False


def read_printers(
    exchange: Exchange,
    printers: Iterable[tuple[Endpoint, Layout | None]],
    now: Callable[[], datetime],
) -> Iterator[Reading]:
    """Reads devices as their answers come in. `now` is asked when the read of a device begins."""

    def begin(endpoint: Endpoint, layout: Layout | None, traits: Traits) -> Conversation[Found]:
        return read_device(endpoint.address, endpoint.port, now(), traits, layout)

    conversations = ((endpoint, partial(begin, endpoint, layout)) for endpoint, layout in printers)
    for outcome in exchange.run(conversations):
        yield _reading(outcome)


def _reading(outcome: Outcome[Found]) -> Reading:
    found = outcome.result
    read = found.read if found else None
    return Reading(
        endpoint=outcome.endpoint,
        answered=outcome.answered,
        printer=found.printer if found else False,
        reason=found.reason if found else outcome.unreachable,
        read=replace(read, seconds=outcome.seconds, packets=outcome.packets) if read else None,
        layout=found.layout if found else None,
        error=outcome.error,
        traits=outcome.traits,
        version=outcome.version,
        community=outcome.community,
        seconds=outcome.seconds,
        packets=outcome.packets,
        user=outcome.user,
        engine=outcome.engine,
        refusals=outcome.refusals,
        fell_silent=outcome.fell_silent or (found is not None and found.fell_silent),
        restarted=found is not None and found.restarted,
    )


def identify_devices(exchange: Exchange, endpoints: Iterable[Endpoint | None]) -> Iterator[Outcome[Sighting]]:
    """Printer or not, and which, of devices that a search came upon. None: nothing now, come again."""
    yield from exchange.run(None if endpoint is None else (endpoint, identify) for endpoint in endpoints)


def probe_object(reading: Reading, target: str, at: datetime) -> dict[str, Any]:
    """A reading as `probe --json` and `read --json` print it. `at` stands in where there is no read."""
    nothing = {
        "address": reading.endpoint.address,
        "port": reading.endpoint.port,
        "read_at": rfc3339(at),
        "seconds": round(reading.seconds, 3),
        "packets": reading.packets,
    }
    return {
        "target": target,
        "asked": True,
        "answered": reading.answered,
        "printer": reading.printer,
        **(reading.read.as_json() if reading.read else nothing),
        "reason": reading.reason,
        "error": reading.error,
    }
