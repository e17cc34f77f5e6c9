"""One device and the conversation held with it: the request under way, its tries, and how it ended.

`exchange` moves many of these along at once; nothing here sends, waits or looks at a clock.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Ask, Conversation, Traits
from flexprint_agent.snmp.wire import Address, spelled

if TYPE_CHECKING:
    from flexprint_agent.snmp.v3 import Engine, Envelope, Fault, Peer, Refusal, User

T = TypeVar("T")

# v3's module is imported where there is a user to ask as.
_V3 = 3
# How much oftener than any other the last request is sent before a read is given up.
_PATIENCE = 3
_VERSION = {ber.V1: "v1", ber.V2C: "v2c", _V3: "v3"}
# Most requests are the same for every device, or for every device of a model.
_parts = lru_cache(128)(ber.request)
_pdu_parts = lru_cache(128)(ber.request_pdu)


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where a device is asked, and how: as every user over SNMPv3, then every other version with every community,
    until one is answered.

    `traits` is what an earlier conversation left behind; its version is tried first. `engine` is the device's own, as
    an earlier conversation over SNMPv3 found it, with its clock now. Communities and users are secrets and not part of
    the repr.
    """

    address: str
    port: int = 161
    communities: tuple[str, ...] = field(default=("public",), repr=False)
    versions: tuple[int, ...] = (ber.V2C, ber.V1)
    traits: Traits | None = None
    users: tuple["User", ...] = field(default=(), repr=False)
    engine: "Engine | None" = None

    def __post_init__(self) -> None:
        address = spelled(self.address)
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is not a UDP port")
        if not (self.users or (self.communities and self.versions)):
            raise ValueError(f"no user, no community or no SNMP version to ask {self.address} with")
        object.__setattr__(self, "address", address)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def secrets(self) -> tuple[str, ...]:
        """Every community, user name and password that this device is asked with."""
        users = ((user.name, user.auth_password, user.privacy_password) for user in self.users)
        return (*self.communities, *(text for user in users for text in user if text))


@dataclass(slots=True, frozen=True)
class Outcome(Generic[T]):
    """How a conversation ended: with its result, or with an error in words.

    `answered` says whether the device answered anything at all, a refusal included. `community` or `user` is the one
    that was asked as last: with a result, the one that worked. `refusals` are the users that the device refused before,
    `engine` is its engine where it told it. `fell_silent`: it had answered, and ceased to. `requests` counts those that
    were answered, `repeated` those of them that had to be sent again. `fault` is set when the conversation itself
    raised something else than Silent: what the device said was more than it could take. `unreachable` is the network's
    word on why nothing answered, where it had one.
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
    fell_silent: bool = False
    user: "User | None" = field(default=None, repr=False)
    engine: "Engine | None" = None
    refusals: tuple["Refusal", ...] = ()
    requests: int = 0
    repeated: int = 0
    unreachable: str | None = None


def _peer(endpoint: Endpoint, now: float) -> "Peer | None":
    if not endpoint.users:
        return None
    from flexprint_agent.snmp.v3 import Peer

    return Peer(endpoint.engine, now)


class Dialogue(Generic[T]):
    """One conversation on the wire: the request that waits for its answer, and what was tried so far."""

    __slots__ = (
        "answered", "ask", "attempt", "conversation", "endpoint", "ids", "octets_in", "octets_out",
        "packets", "peer", "refusals", "repeated", "requests", "resting", "sent_at", "started", "to", "traits", "turn",
        "unreachable", "way", "ways",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, begin: Callable[[Traits], Conversation[T]], now: float) -> None:
        self.endpoint = endpoint
        self.to: Address = (endpoint.address, endpoint.port)
        known = endpoint.traits.version if endpoint.traits else None
        ways: list[tuple[int, str | User]] = [(_V3, user) for user in endpoint.users]
        ways += [(version, name) for version in dict.fromkeys(endpoint.versions) for name in endpoint.communities]
        self.ways = sorted(ways, key=lambda way: way[0] != known)
        self.way = 0
        self.peer = _peer(endpoint, now)
        self.refusals: list[Refusal] = []
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
        self.unreachable: str | None = None
        self.packets = self.octets_out = self.octets_in = self.requests = self.repeated = 0

    def datagram(self, request_id: int, now: float) -> bytes | None:
        """The request as it leaves; None where this computer cannot ask as this user."""
        assert self.ask
        version, who = self.ways[self.way]
        bulk = self.ask.kind == "bulk" and version != ber.V1  # v1 has no GETBULK
        pdu = ber.GET_BULK if bulk else ber.GET if self.ask.kind == "get" else ber.GET_NEXT
        repetitions = self.ask.repetitions if bulk else 0
        if isinstance(who, str):
            oids = self.ask.oids[:1] if self.feels() else self.ask.oids
            before, after = _parts(pdu, version, who.encode(), oids, repetitions)
            return before + request_id.to_bytes(4, "big") + after
        assert self.peer
        before, after = _pdu_parts(pdu, self.ask.oids, repetitions)
        return self.peer.datagram(who, request_id, before + request_id.to_bytes(4, "big") + after, now)

    def feels(self) -> bool:
        """Whether the request goes out with its first object alone. An agent that is silent to what is too much for it
        is there all the same, and one that was never heard of is tried so again, instead of with the very same."""
        assert self.ask
        asked_by_community = isinstance(self.ways[self.way][1], str)
        return asked_by_community and self.attempt > 0 and not self.answered and len(self.ask.oids) > 1

    def expects(self, request_id: int, source: Address, *, secured: bool) -> bool:
        """Whether a message from there answers what was asked with this id: what was asked over SNMPv3 is never
        answered without it."""
        return self.to == source and isinstance(self.ways[self.ids[request_id]][1], str) != secured

    def hear(self, envelope: "Envelope", datagram: bytes, now: float) -> "ber.Message | Fault | None":
        """What a message of SNMPv3 tells, as Peer.hear. Raises Malformed."""
        who = self.ways[self.ids[envelope.message_id]][1]
        assert self.peer
        assert not isinstance(who, str)
        return self.peer.hear(who, envelope, datagram, now)

    def try_again(self, retries: int) -> bool:
        """Whether there is another attempt: a retry, or before the first answer another way to ask."""
        self.attempt += 1
        if self.attempt <= retries + (_PATIENCE if self._is_last_resort() else 0):
            return True
        if self.peer is None or self.ways[self.way][0] != _V3:
            return self.next_way()
        if not self.peer.heard:  # nobody there speaks SNMPv3: no other user will be answered
            return self.next_way(but=_V3)
        if self.answered:
            return False
        from flexprint_agent.snmp.v3 import UNANSWERED

        return self.refused(UNANSWERED)

    def _is_last_resort(self) -> bool:
        """Whether a device that answered before is silent to the smallest request there is: the network may lose as
        much, and nothing smaller is left to try."""
        return self.answered and self.ask is not None and len(self.ask.oids) == 1

    def next_way(self, but: int | None = None) -> bool:
        """Goes on to the next way to ask, none of the version `but`; False where there is none, and once a way was
        answered."""
        following = (way for way in range(self.way + 1, len(self.ways)) if self.ways[way][0] != but)
        way = None if self.answered else next(following, None)
        if way is None:
            return False
        self.way, self.attempt = way, 0
        self.traits.version = self.ways[way][0]
        return True

    def undelivered(self, reason: str) -> bool:
        """The network says that nobody takes what was sent. True where another version is worth a packet: the rest of
        this one is not."""
        self.unreachable = reason
        return self.next_way(but=self.ways[self.way][0])

    def refused(self, fault: "Fault") -> bool:
        """The device refuses this user. True where there is another way to ask."""
        from flexprint_agent.snmp.v3 import Refusal

        who = self.ways[self.way][1]
        assert not isinstance(who, str)
        self.refusals.append(Refusal(who, fault))
        return self.next_way()

    def cannot_ask(self) -> bool:
        """The user's protocols are none of this computer's. True where there is another way to ask."""
        from flexprint_agent.snmp.v3 import IMPOSSIBLE

        return self.refused(IMPOSSIBLE)

    def silence(self, timeout: float) -> str:
        """That nothing came, in words."""
        if self.answered:
            version = _VERSION[self.ways[self.way][0]]
            return f"{self.endpoint} stopped answering SNMP {version}: nothing within {timeout:g} s"
        return self._no_answer(f" within {timeout:g} s")

    def unsendable(self, reason: str) -> str:
        """That this computer will not send there, in words."""
        return self._no_answer(f": {reason}")

    def _no_answer(self, reason: str) -> str:
        heard = self.peer is not None and self.peer.heard
        tried = (version for version, _ in self.ways[: self.way + 1] if not (heard and version == _V3))
        versions = ", ".join(dict.fromkeys(_VERSION[version] for version in tried))
        told = ", and ".join(dict.fromkeys(map(str, self.refusals)))
        words = [f"{self.endpoint} refuses SNMPv3: {told}"] if told else []
        if versions:
            words.append(f"no answer to SNMP {versions} at {self.endpoint}{reason}")
        return "; ".join(words) + (f". Next: {self.refusals[0].fault.next_step}" if told else "")

    def given_up(self) -> str:
        """That every user was refused, in words."""
        return self._no_answer("")

    def outcome(
        self,
        now: float,
        result: T | None,
        error: str | None = None,
        fault: Exception | None = None,
        *,
        fell_silent: bool = False,
    ) -> Outcome[T]:
        version, who = self.ways[self.way]
        heard = self.peer is not None and self.peer.heard
        return Outcome(
            endpoint=self.endpoint,
            result=result,
            error=error,
            answered=self.answered or heard,
            version=version,
            community=who if isinstance(who, str) else "",
            traits=self.traits,
            seconds=now - self.started,
            packets=self.packets,
            octets_out=self.octets_out,
            octets_in=self.octets_in,
            fault=fault,
            fell_silent=fell_silent,
            user=None if isinstance(who, str) else who,
            engine=self.peer.engine(now) if self.peer and heard else None,
            refusals=tuple(self.refusals),
            requests=self.requests,
            repeated=self.repeated,
            unreachable=None if self.answered else self.unreachable,
        )
