"""Which tables apply to what a device answered, and why; what they read; what stays unexplained. No network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flexprint_agent.capture.counters import Unexplained, unexplained
from flexprint_agent.capture.recording import Recording
from flexprint_agent.capture.replay import Replay
from flexprint_agent.read import objects as at
from flexprint_agent.read import rows, tables
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.reader import Found, read_device
from flexprint_agent.read.tables import Vendor
from flexprint_agent.read.text import text_of
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Traits
from flexprint_agent.snmp.forbidden import is_forbidden
from flexprint_shared.readings import Read

_ENTERPRISES: Final = ber.oid("1.3.6.1.4.1")
_SERIAL: Final = re.compile(r"(?=(?:.*[0-9]){3})(?=.*[A-Z]|[0-9]{8})[0-9A-Z][0-9A-Z/-]{5,19}")
_LONGEST_SERIAL: Final = 64


@dataclass(slots=True, frozen=True)
class Applied:
    """A table that speaks for a device, and on what grounds."""

    file: str
    why: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Explanation:
    """`serials`: where no serial was read, the objects whose text could be one, each with it."""

    found: Found
    packets: int
    tables: tuple[Applied, ...]
    unexplained: tuple[Unexplained, ...]
    serials: tuple[tuple[str, str], ...]


def explain(recording: Recording, read_at: datetime) -> Explanation:
    """The read is made by the same conversation as a printer's, the recording answering it."""
    replay = Replay(recording.values)
    found = replay.hold(read_device("0.0.0.0", 161, read_at, Traits()))  # noqa: S104 - nobody is asked
    speaker = Speaker(at.Answers(recording.values))
    return Explanation(
        found=found,
        packets=replay.packets,
        tables=tuple(Applied(vendor.file, tuple(_why(vendor, speaker))) for vendor in speaker.vendors),
        unexplained=unexplained(recording.values, _mapped(speaker, found.read), _known(speaker, found.read)),
        serials=tuple(_serials(recording)) if found.read and not found.read.identity.serial else (),
    )


def _why(vendor: Vendor, speaker: Speaker) -> Iterator[str]:
    if speaker.maker in vendor.makers:
        yield _named_by(speaker)
    own = speaker.sys_object_id
    tree = next((one for one in vendor.trees if own and f"{own}.".startswith(f"{one}.")), None)
    if tree is not None:
        yield f"its sysObjectID {own} is under {tree}"
    elif speaker.maker not in vendor.makers:
        yield "its texts name a machine that this maker built"


def _named_by(speaker: Speaker) -> str:
    """What names the maker, in the order in which it is looked for."""
    texts = (
        ("IEEE 1284 id", speaker.ieee1284.get("maker", "")),
        ("hrDeviceDescr", speaker.device_descr),
        ("sysDescr", speaker.sys_descr),
    )
    models = (texts[1], ("IEEE 1284 id", speaker.ieee1284.get("model", "")), texts[2])
    for look, candidates in ((tables.maker_named, texts), (tables.maker_of_brand, models)):
        for place, text in candidates:
            if look(text) == speaker.maker:
                what = "begins with a name" if look is tables.maker_named else "begins with a product line"
                return f"its {place} {what} of {speaker.maker}: {text!r}"
    if speaker.sys_object_id and tables.maker_of_tree(speaker.sys_object_id) == speaker.maker:
        return f"nothing names a maker, and its sysObjectID is {speaker.maker}'s"
    return f"nothing names a maker, and it answers objects of {speaker.maker}"


def _mapped(speaker: Speaker, read: Read | None) -> set[bytes]:
    """What the tables use of this device: meters, what proves them, and the objects that they look at."""
    mapped = set(tables.objects(speaker.vendors))
    for table in tables.counters(speaker.vendors):
        for column in (table.key, table.unit):
            mapped.update(speaker.answers.under(column) if column else ())
        for pick in rows.picks(speaker.answers, table):
            mapped.update((*pick.values, *pick.told))
    if read is not None:
        mapped.update(ber.oid(meter.oid) for meter in read.meters if meter.oid)
        mapped.update(ber.oid(proof.oid) for proof in read.evidence)
    return mapped


def _serials(recording: Recording) -> Iterator[tuple[str, str]]:
    for name, (tag, content) in recording.values.items():
        text = text_of(content) if tag == ber.OCTET_STRING and len(content) < _LONGEST_SERIAL else ""
        if name.startswith(_ENTERPRISES) and not is_forbidden(name) and _SERIAL.fullmatch(text):
            yield ber.dotted(name), text


def _known(speaker: Speaker, read: Read | None) -> dict[str, int]:
    """The counts that are certain: what was read, and what the engines counted."""
    known = {meter.name: meter.value for meter in read.meters} if read else {}
    for index, count in speaker.answers.integers(at.MARKER_LIFE_COUNT).items():
        known.setdefault(f"prtMarkerLifeCount.{'.'.join(map(str, index))}", count)
    return known


def document(file: str, recording: Recording, explanation: Explanation) -> dict[str, Any]:
    """An explanation as `vendors check --json` prints it; `read` is a probe object."""
    return {
        "file": file,
        "values": len(recording.values),
        "header": [{"name": name, "text": text} for name, text in recording.facts],
        "faults": [{"line": fault.line, "reason": fault.reason} for fault in recording.faults],
        "tables": [{"file": one.file, "why": list(one.why)} for one in explanation.tables],
        "read": _probe_object(file, explanation),
        "unexplained": [
            {"oid": one.oid, "type": one.kind, "value": one.value, "label": one.label, "hints": one.hints}
            for one in explanation.unexplained
        ],
        "perhaps_serials": [{"oid": oid, "text": text} for oid, text in explanation.serials],
    }


def _probe_object(file: str, explanation: Explanation) -> dict[str, Any]:
    """What `probe --json` would print of the device, which has no address here."""
    found = explanation.found
    read = replace(found.read, packets=explanation.packets).as_json() if found.read else {}
    return {
        "target": file,
        "answered": bool(explanation.packets),
        "printer": found.printer,
        **{name: value for name, value in read.items() if name not in ("address", "port", "seconds")},
        "reason": found.reason,
        "error": None,
    }
