"""export, import: batches carried to the collector in a file, and its acknowledgement back."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.wake import sending
from flexprint_agent.wake.chosen import in_force


def export(chosen: argparse.Namespace) -> int:
    from flexprint_shared.offline import exported

    path = Path(chosen.file)
    with opened(chosen, alone=True) as keep:
        sending.make_batches(keep, in_force(keep), now, report=chosen.report)
        document: dict[str, int | str] = {"batches": 0, "reads": 0, "file": str(path)}
        if keep.spool.count("waiting"):
            fresh = path.with_name(f"{path.name}.part")
            try:
                with fresh.open("wb") as file:
                    for piece in exported(_waiting(keep, document)):
                        file.write(piece)
                fresh.replace(path)
            except OSError as error:
                raise AgentError(
                    f"{path} cannot be written ({error.strerror}); check the room there and who may write"
                ) from error
            finally:
                with contextlib.suppress(OSError):
                    fresh.unlink(missing_ok=True)
    say(chosen, document, show.exported)
    return 0


def _waiting(keep: Keep, document: dict[str, int | str]) -> Iterator[bytes]:
    """What waits, oldest first, as far as one file takes it; counted in the document."""
    from flexprint_shared.offline import LARGEST_EXPORT

    after = octets = batches = reads = 0
    while following := keep.spool.next_waiting(after):
        batch, sealed = following
        octets += len(sealed) + 8
        if octets > LARGEST_EXPORT:
            complain("more waits than one file takes: import its acknowledgement, then export again")
            return
        batches, reads, after = batches + 1, reads + batch.reads, batch.number
        document |= {"batches": batches, "reads": reads}
        yield sealed


def take_back(chosen: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from flexprint_shared.offline import LARGEST_ACKNOWLEDGEMENT, NotThisFile, acknowledged

    try:
        with Path(chosen.file).open("rb") as file:
            octets = file.read(LARGEST_ACKNOWLEDGEMENT)
    except OSError as error:
        raise WrongUsage(f"{chosen.file} cannot be read ({error.strerror}); check its name") from error
    with opened(chosen, alone=True) as keep:
        identity = Ed25519PublicKey.from_public_bytes(keep.enrolments.require().identity_key)
        try:
            said = acknowledged(octets, identity)
        except NotThisFile as error:
            raise AgentError(f"{chosen.file}: {error}; nothing was changed") from error
        before = keep.spool.count("waiting")
        for hashed in said.taken:
            keep.spool.acknowledge(hashed, now())
        waiting = keep.spool.count("waiting")
    document = {
        "acknowledged": before - waiting,
        "waiting": waiting,
        "refused": [{"batch": hashed, "why": why} for hashed, why in said.refused.items()],
    }
    say(chosen, document, show.taken_back)
    return 1 if said.refused else 0
