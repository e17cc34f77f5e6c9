"""One device and the conversation held with it: the request under way, its tries, and how it ended.

`exchange` moves many of these along at once; nothing here sends, waits or looks at a clock.
"""

import math
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Generic, TypeVar

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Ask, Conversation, Traits
from flexprint_agent.snmp.wire import Address

T = TypeVar("T")

_VERSION = {ber.V1: "v1", ber.V2C: "v2c"}
# Most requests are the same for every device, or for every device of a model.
_parts = lru_cache(128)(ber.request)


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where a device is asked, and how: every version with every community until one is answered.

    `traits` is what an earlier conversation left behind; its version is tried first. Communities are
    secrets and not part of the repr.
    """

    address: str
    port: int = 161
    communities: tuple[str, ...] = field(default=("public",), repr=False)
    versions: tuple[int, ...] = (ber.V2C, ber.V1)
    traits: Traits | None = None

    def __post_init__(self) -> None:
        try:
            spelled = socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, self.address))
        except OSError:
            raise ValueError(f"{self.address} is not an IPv4 address") from None
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is not a UDP port")
        if not self.communities or not self.versions:
            raise ValueError(f"no community or no SNMP version to ask {self.address} with")
        object.__setattr__(self, "address", spelled)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(slots=True, frozen=True)
class Outcome(Generic[T]):
    """How a conversation ended: with its result, or with an error in words.

    `answered` says whether the device answered anything at all. `fault` is set when the conversation
    itself raised something else than Silent: what the device said was more than it could take.
    """

    endpoint: Endpoint
    result: T | None
    error: str | None
    answered: bool
    version: int
    community: str = field(repr=False)
    traits: Traits
    seconds: float
    packets: int
    octets_out: int
    octets_in: int
    fault: Exception | None = None


class Dialogue(Generic[T]):
    """One conversation on the wire: the request that waits for its answer, and what was tried so far."""

    __slots__ = (
        "answered", "ask", "attempt", "conversation", "endpoint", "ids", "octets_in", "octets_out",
        "packets", "resting", "sent_at", "started", "to", "traits", "turn", "way", "ways",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, begin: Callable[[Traits], Conversation[T]], now: float) -> None:
        self.endpoint = endpoint
        self.to: Address = (endpoint.address, endpoint.port)
        known = endpoint.traits.version if endpoint.traits else None
        versions = sorted(dict.fromkeys(endpoint.versions), key=lambda version: version != known)
        self.ways = [(version, community) for version in versions for community in endpoint.communities]
        self.way = 0
        self.traits = replace(endpoint.traits) if endpoint.traits else Traits()
        self.traits.version = self.ways[0][0]
        self.conversation = begin(self.traits)
        self.ask: Ask | None = None
        self.ids: dict[int, int] = {}  # of the request under way: its id in each way it was sent
        self.attempt = 0
        self.turn = 0  # counts what is waited for; a timer that was set in an earlier turn is void
        self.started = now
        self.resting = False
        self.sent_at = -math.inf
        self.answered = False
        self.packets = self.octets_out = self.octets_in = 0

    def datagram(self, request_id: int) -> bytes:
        assert self.ask
        version, community = self.ways[self.way]
        bulk = self.ask.kind == "bulk" and version != ber.V1  # v1 has no GETBULK
        pdu = ber.GET_BULK if bulk else ber.GET if self.ask.kind == "get" else ber.GET_NEXT
        repetitions = self.ask.repetitions if bulk else 0
        before, after = _parts(pdu, version, community.encode(), self.ask.oids, repetitions)
        return before + request_id.to_bytes(4, "big") + after

    def try_again(self, retries: int) -> bool:
        """Whether there is another attempt: a retry, or before the first answer another way to ask."""
        self.attempt += 1
        if self.attempt > retries and not self.answered and self.way + 1 < len(self.ways):
            self.way += 1
            self.attempt = 0
        return self.attempt <= retries

    def silence(self, timeout: float) -> str:
        """That nothing came, in words."""
        if self.answered:
            version = _VERSION[self.ways[self.way][0]]
            return f"{self.endpoint} stopped answering SNMP {version}: nothing within {timeout:g} s"
        return f"{self._no_answer()} within {timeout:g} s"

    def undeliverable(self, reason: str) -> str:
        """That the network or this machine will not deliver, in words."""
        return f"{self._no_answer()}: {reason}"

    def _no_answer(self) -> str:
        versions = dict.fromkeys(_VERSION[version] for version, _ in self.ways[: self.way + 1])
        return f"no answer to SNMP {', '.join(versions)} at {self.endpoint}"

    def outcome(
        self, now: float, result: T | None, error: str | None = None, fault: Exception | None = None
    ) -> Outcome[T]:
        version, community = self.ways[self.way]
        return Outcome(
            endpoint=self.endpoint,
            result=result,
            error=error,
            answered=self.answered,
            version=version,
            community=community,
            traits=self.traits,
            seconds=now - self.started,
            packets=self.packets,
            octets_out=self.octets_out,
            octets_in=self.octets_in,
            fault=fault,
        )
