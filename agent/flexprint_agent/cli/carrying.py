"""export, import: batches carried to the collector in a file, and its acknowledgement back."""

import argparse
import contextlib
from pathlib import Path

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.wake import carrying
from flexprint_agent.wake.chosen import in_force


def export(chosen: argparse.Namespace) -> int:
    path = Path(chosen.file)
    document: dict[str, int | str] = {"batches": 0, "reads": 0, "file": str(path)}
    with opened(chosen, alone=True) as keep:
        waiting = carrying.export(keep, in_force(keep), now, report=chosen.report)
        if waiting is not None:
            _write(path, waiting)
            waiting.written(now())
            document |= {"batches": waiting.batches, "reads": waiting.reads}
            if waiting.more:
                complain("more waits than one file takes: import its acknowledgement, then export again")
    say(chosen, document, show.exported)
    return 0


def _write(path: Path, waiting: carrying.Export) -> None:
    """The file is there whole, or not at all. Raises AgentError."""
    fresh = path.with_name(f"{path.name}.part")
    try:
        with fresh.open("wb") as file:
            file.writelines(waiting.pieces())
        fresh.replace(path)
    except OSError as error:
        raise AgentError(
            f"{path} cannot be written ({error.strerror}); check the room there and who may write"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def take_back(chosen: argparse.Namespace) -> int:
    from flexprint_shared.offline import LARGEST_ACKNOWLEDGEMENT

    try:
        with Path(chosen.file).open("rb") as file:
            octets = file.read(LARGEST_ACKNOWLEDGEMENT)
    except OSError as error:
        raise WrongUsage(f"{chosen.file} cannot be read ({error.strerror}); check its name") from error
    with opened(chosen, alone=True) as keep:
        try:
            taken = carrying.take_back(keep, octets, now())
        except carrying.NotThisAcknowledgement as error:
            raise AgentError(f"{chosen.file}: {error}") from error
    document = {
        "acknowledged": taken.acknowledged,
        "waiting": taken.waiting,
        "refused": [{"batch": hashed, "why": why} for hashed, why in taken.refused.items()],
    }
    say(chosen, document, show.taken_back)
    return 1 if taken.refused else 0
