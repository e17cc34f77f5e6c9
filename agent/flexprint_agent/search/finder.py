"""What a search is made of: finders, each with its own way to come upon places where a printer may be.

    chosen, excluded -> [finder, finder, ...] -> candidates -> asked by unicast, identified, kept

A finder is given the Ground (what was chosen and excluded, the settings, the budget) and an Effort, on which it notes
what it did and has ahead. It gives Candidates as it comes upon them, and None where there is nothing for a moment: it
then waits a little itself (a fiftieth of a second, so that the conversations with earlier candidates go on meanwhile).
What it sends it takes from `ground.pace`, and counts.

What is done with a candidate is the same for all, and done in one place (`wake.finding`): one that is excluded, or
that no target covers and its finder has not granted, is sent nothing; the others are asked by unicast, identified,
and kept when they are printers. So a finder needs to know nothing of printers, and none can get around an exclusion.

A new finder is a module of this room with a `Finder`, and its line in `wake.finders`. The module imports late what it
needs: the table is loaded by commands that send nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flexprint_agent import targets
from flexprint_agent.search.loss import Loss
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span

if TYPE_CHECKING:
    from flexprint_agent.snmp.pace import Pace
    from flexprint_agent.snmp.v3 import Engine


@dataclass(slots=True, frozen=True)
class Share:
    """What one target adds to a search: as it was typed (or the segment's CIDR), and its spans, each with its port.
    An address that several targets name is in the first one's share only; what is excluded is in none."""

    target: str
    spans: tuple[Span, ...]


@dataclass(slots=True, frozen=True)
class Scope:
    """Where a credential is for (`spans` None: everywhere). `community` None: it is a user of SNMPv3."""

    spans: Sequence[Span] | None
    community: str | None = field(repr=False)


@dataclass(slots=True, frozen=True)
class Ground:
    """What a search may do, and how fast. `refused` never gets a packet, whoever found it. `scopes` are those of the
    credentials, the closest first; communities of the settings are not among them. `networks` are known to be one each,
    in however many pieces they were chosen. `loss` is what the answers up to now show of the network."""

    shares: Sequence[Share]
    refused: Sequence[Span]
    settings: Settings
    pace: "Pace"
    scopes: Sequence[Scope] = ()
    networks: Sequence[Span] = ()
    loss: Loss = field(default_factory=Loss)

    @property
    def spans(self) -> list[Span]:
        """Everything that was chosen: disjoint, every address and port once."""
        return [span for share in self.shares for span in share.spans]


@dataclass(slots=True, frozen=True)
class Candidate:
    """A place where a printer may be. `by` is the name of its finder. `community` and `version` are those it has
    answered to; None where it has not: all are tried. `engine` is the one it told over SNMPv3. `granted`: it may be
    asked though no target covers it, because a person switched on what found it. `also`: further addresses of the same
    device, of which none is asked; where one of them is excluded, the device is. `hint`: what it says it is, for
    people."""

    address: str
    port: int
    by: str
    community: str | None = field(default=None, repr=False)
    version: int | None = None
    granted: bool = False
    engine: "Engine | None" = None
    also: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(slots=True)
class Effort:
    """What a finder did up to now, and what it has ahead of it at most."""

    asked: int = 0
    packets: int = 0
    answered: int = 0
    packets_ahead: int = 0
    seconds_ahead: float = 0.0


@dataclass(slots=True, frozen=True)
class Part:
    """The most that a finder sends for one target: `octets` with IP and UDP headers, `seconds` were it alone. `rounds`
    is how often it may send that where answers show that packets get lost."""

    finder: str
    target: str
    addresses: int
    packets: int
    octets: int
    seconds: float
    rounds: int = 1


@dataclass(slots=True, frozen=True)
class Plan:
    """The most that a finder sends: devices that answer are not asked again. `seconds` are for all parts together."""

    parts: Sequence[Part]
    seconds: float

    @property
    def rounds(self) -> int:
        """The most rounds of any part."""
        return max((part.rounds for part in self.parts), default=1)


@dataclass(slots=True, frozen=True)
class Finder:
    """`name` says in a word how a printer was found. `on`: whether the settings want it. `plan` sends nothing.
    `holds`: whether what it granted may be asked at this address now."""

    name: str
    on: Callable[[Settings], bool]
    plan: Callable[[Ground], Plan]
    find: Callable[[Ground, Effort], Iterator[Candidate | None]]
    holds: Callable[[str], bool] = lambda _address: True


def is_refused(ground: Ground, candidate: Candidate) -> bool:
    """Whether a candidate is excluded, at whichever of its addresses."""
    addresses = (candidate.address, *candidate.also)
    return any(targets.is_excluded(ground.refused, address, candidate.port) for address in addresses)


def may_ask(ground: Ground, candidate: Candidate) -> bool:
    """Whether a candidate may be sent a packet: exclusions always win, then what was chosen, or its finder's grant."""
    if is_refused(ground, candidate):
        return False
    return candidate.granted or targets.contains(ground.spans, candidate.address, candidate.port)
