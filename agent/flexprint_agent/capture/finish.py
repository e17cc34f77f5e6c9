"""What was taken from a device -> the recording that is written: without what is private, masked if wished. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flexprint_agent import __version__
from flexprint_agent.capture.mask import mask
from flexprint_agent.capture.private import without_private
from flexprint_agent.capture.recording import Recording, in_order
from flexprint_agent.capture.walks import Taken
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.objects import Answers
from flexprint_agent.snmp import ber
from flexprint_shared.times import rfc3339

_VERSIONS = {ber.V1: "v1", ber.V2C: "v2c", 3: "v3"}


@dataclass(slots=True, frozen=True)
class Circumstances:
    """How a capture was taken. `version` is that of SNMP as Traits hold it."""

    at: datetime
    version: int
    packets: int
    seconds: float


@dataclass(slots=True, frozen=True)
class Finished:
    """The file to be, and what there is to say about it."""

    recording: Recording
    manufacturer: str | None
    model: str | None
    left_out: dict[str, str]


def finish(taken: Taken, how: Circumstances, communities: Iterable[str], mask_key: bytes | None) -> Finished:
    """`mask_key` None: nothing is masked. Neither addresses nor communities are ever written."""
    values, private = without_private(taken.values, communities)
    values = in_order(values) if mask_key is None else mask(values, mask_key)
    left_out = taken.left_out | private
    speaker = Speaker(Answers(values))
    model = speaker.identity.model
    facts = [
        ("taken", f"{rfc3339(how.at)} by flexprint-agent {__version__}"),
        ("snmp", _VERSIONS.get(how.version, "")),
        ("device", " ".join(filter(None, (speaker.maker, model))) or "of an unknown maker"),
        ("sys object id", speaker.sys_object_id or "none"),
        ("values", f"{len(values)} in {how.packets} packets, {how.seconds:.1f} s"),
        ("masked", "no" if mask_key is None else "serials, names, places, people, addresses"),
        ("whole", "yes" if taken.ended is None else f"no, {taken.ended}"),
        *(("left out", f"{oid} ({why})") for oid, why in sorted(left_out.items(), key=_by_oid)),
    ]
    return Finished(Recording(values, facts), speaker.maker, model, left_out)


def _by_oid(row: tuple[str, str]) -> list[int]:
    return [int(arc) for arc in row[0].split(".")]
