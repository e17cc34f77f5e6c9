"""Batches carried to the collector in a file, and its acknowledgement back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.settings import Settings
from flexprint_agent.wake import sending
from flexprint_agent.wake.reading import Clock


class NotThisAcknowledgement(AgentError):
    """The file is no acknowledgement, or not one of this agent's collector; nothing was changed."""


class Export:
    """What waits, oldest first, as far as one file takes it. The figures hold once `pieces` has been gone through;
    `more` says that there is more than that."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._numbers: list[int] = []
        self.reads = 0
        self.more = False

    @property
    def batches(self) -> int:
        return len(self._numbers)

    def pieces(self) -> Iterator[bytes]:
        """The octets of the file."""
        from flexprint_shared.offline import exported

        return exported(self._waiting())

    def _waiting(self) -> Iterator[bytes]:
        from flexprint_shared.batch import LARGEST_SEALED
        from flexprint_shared.offline import LARGEST_EXPORT, MOST_BATCHES

        # Room for what stands before and behind the batches.
        octets, after = 64, 0
        while following := self._keep.spool.next_waiting(after):
            batch, sealed = following
            after = batch.number
            if len(sealed) > LARGEST_SEALED:
                # No collector takes it, and the whole file would be refused for it. The next contact sets it aside.
                continue
            octets += len(sealed) + 4
            if octets > LARGEST_EXPORT or self.batches == MOST_BATCHES:
                self.more = True
                return
            self.reads += batch.reads
            self._numbers.append(batch.number)
            yield sealed

    def written(self, at: datetime) -> None:
        """The file is where somebody can take it: its batches wait on, and it is noted that they are in one."""
        self._keep.spool.exported(self._numbers, at)


def export(keep: Keep, settings: Settings, now: Clock, *, report: bool = False) -> Export | None:
    """Makes batches of what is pending; None where nothing waits. Raises NotEnrolled."""
    sending.make_batches(keep, settings, now, report=report)
    return Export(keep) if keep.spool.count("waiting") else None


@dataclass(slots=True, frozen=True)
class TakenBack:
    """What an acknowledgement said: batches that it let go of, those that wait on, and why others were refused, by hash
    in hex."""

    acknowledged: int
    waiting: int
    refused: Mapping[str, str]


def take_back(keep: Keep, octets: bytes, at: datetime) -> TakenBack:
    """Lets go of what the collector has stored. Raises NotEnrolled, NotThisAcknowledgement."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from flexprint_shared.offline import NotThisFile, acknowledged

    identity = Ed25519PublicKey.from_public_bytes(keep.enrolments.require().identity_key)
    try:
        said = acknowledged(octets, identity)
    except NotThisFile as error:
        raise NotThisAcknowledgement(f"{error}; nothing was changed") from error
    before = keep.spool.count("waiting")
    for hashed in said.taken:
        keep.spool.acknowledge(hashed, at, carried=True)
    waiting = keep.spool.count("waiting")
    return TakenBack(before - waiting, waiting, said.refused)
