"""How much of what is sent gets lost, as the answers show, and whether silent addresses are worth another round.

A silent address is asked in two passes. Where the network loses packets that misses devices: one packet in five lost on
the way costs one device in 25, lost on the way back as well one in eight. More packets for every silent address of
every network would be the wrong cure. But the devices that did answer are asked who they are in any case, and whether
those requests had to be sent again tells what the network loses, without a packet more. Only where it loses enough to
have hidden a device are the addresses that are still silent asked another round.
"""

from dataclasses import dataclass
from typing import Final

MOST_ROUNDS: Final = 6
"""Rounds in all, of two passes each: what a lossy network costs at most."""

TOLERATED: Final = 0.01
"""Devices that may be missed, as expected on average, before another round is worth its packets."""

_MOST: Final = 0.9
_FEW: Final = 5  # devices

_SINGLE: Final = 0.1
"""The share of devices that speak only one version of SNMP, and so hear only one pass of a round."""


@dataclass(slots=True)
class Loss:
    """What the conversations of a search showed up to now. `under_way`: conversations that have not ended. `at_once`:
    requests that were answered the first time, `repeated`: those that were answered when they were sent again.
    `affected`: devices that did not answer everything alike, so that it is the network and not they who lost it."""

    under_way: int = 0
    devices: int = 0
    affected: int = 0
    at_once: int = 0
    repeated: int = 0

    def begun(self) -> None:
        self.under_way += 1

    def ended(self, answered: int, repeated: int, *, late: bool | None = None, silent: bool = False) -> None:
        """A conversation ended in which so many requests were answered, `repeated` of them not at once. `late`: the
        device was found by a later pass of the sweep, though it speaks the version of the first; None: by no sweep.
        `silent`: it had
        answered the sweep, and did not say who it is."""
        self.under_way -= 1
        self.devices += silent or answered > 0
        self.affected += late is True or silent or 0 < repeated < answered
        self.at_once += answered - repeated + (late is False)
        self.repeated += repeated + (late is True)

    def share(self) -> float:
        """The share of requests that get no answer, with room for chance where few were sent. 0 as long as a single
        device among many was affected: that one may be busy."""
        if self.affected < (1 if self.devices < _FEW else 2) or not self.repeated:
            return 0.0
        # With one retry, of all requests 1 - p are answered at once and p (1 - p) when sent again; the others never,
        # and are not seen here. (With more retries this says a little more than is lost.)
        return min(_MOST, (self.repeated + 1) / (self.at_once + 2))


def missed(found: int, share: float, rounds: int) -> float:
    """How many devices were missed, expected on average, when `found` were found in so many rounds."""
    return found * ((1 - _SINGLE) * share ** (2 * rounds) + _SINGLE * share**rounds)


def is_worth_another(found: int, share: float, rounds: int) -> bool:
    """Whether the addresses that are silent after so many rounds are asked again."""
    return rounds < MOST_ROUNDS and missed(found, share, rounds) > TOLERATED
