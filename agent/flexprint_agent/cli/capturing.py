"""capture, vendors: what a device answers as a file, and which maker's table explains it."""

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, now, opened, say
from flexprint_agent.cli.finding import as_whom, asking, has_home
from flexprint_agent.cli.typed import typed
from flexprint_agent.errors import AgentError, WrongUsage
from flexprint_agent.keep.leaving import mask_key
from flexprint_agent.wake import capturing
from flexprint_agent.wake.reading import Spot

if TYPE_CHECKING:
    from flexprint_agent.capture.finish import Finished
    from flexprint_agent.read.tables import Vendor


class Unwritable(AgentError):
    """The capture cannot be written where it should be."""


def capture(chosen: argparse.Namespace) -> int:
    """Works without a home; where there is one, its settings hold, its exclusions win, and what it knows of the device
    is used."""
    asked = asking(chosen)
    named, nowhere = typed([chosen.target], asked.exclusions, asked.port)
    if nowhere:
        raise WrongUsage(nowhere[0]["error"])
    if len(named) != 1:
        raise WrongUsage(f"{chosen.target} names {len(named)} devices; a capture is of one")
    spot = named[0].spots[0]
    output = None if chosen.output is None else Path(chosen.output)
    if output is not None:
        _check(output)
    known, key = _remembered(chosen, spot)
    endpoint = as_whom(chosen, asked, [spot])(*spot, known)
    done = capturing.capture(asked.settings, endpoint, now, key if chosen.mask else None, _progress())
    if done.finished is None:
        raise AgentError(f"{done.error}; nothing was written")
    path = _write(done.finished, output)
    say(chosen, _document(chosen, done, done.finished, path), show.captured)
    if done.ended is not None:
        complain(f"{path} is not whole: {done.ended}; take it again when the device has had some rest")
    return int(done.ended is not None)


def _document(chosen: argparse.Namespace, done: capturing.Captured, finished: "Finished", path: Path) -> dict[str, Any]:
    return {
        "target": chosen.target,
        "file": str(path),
        "values": len(finished.recording.values),
        "whole": done.ended is None,
        "ended": done.ended,
        "restarted": done.restarted,
        "masked": chosen.mask,
        "manufacturer": finished.manufacturer,
        "model": finished.model,
        "left_out": [{"oid": oid, "reason": reason} for oid, reason in finished.left_out.items()],
        "packets": done.packets,
        "seconds": round(done.seconds, 1),
    }


def _remembered(chosen: argparse.Namespace, spot: Spot) -> tuple[Mapping[str, Any], bytes]:
    """What reading this device taught, and the key of masks. The same home masks the same serial in the same way,
    whichever capture it is in; without a home each capture has masks of its own."""
    if not has_home(chosen):
        return {}, os.urandom(32)
    with opened(chosen) as keep:
        device = keep.devices.at(*spot)
        return {} if device is None else keep.devices.knowledge(device.id), mask_key(keep.notes)


def _progress() -> capturing.Progress | None:
    """A line on stderr that follows the walk, where a person is looking."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def tell(values: int, subtree: str) -> None:
        nonlocal last
        if time.monotonic() - last >= 0.2:
            last = time.monotonic()
            sys.stderr.write(f"\r{values} values, now {subtree}; Ctrl-C keeps what is there \x1b[K")
            sys.stderr.flush()

    return tell


def _check(path: Path) -> None:
    """Said before a packet leaves: a capture takes minutes."""
    if path.exists():
        raise WrongUsage(f"{path} exists and is not overwritten; name another file")
    if not path.absolute().parent.is_dir():
        raise WrongUsage(f"there is no folder {path.absolute().parent}; make it, or name another file")


def _write(finished: "Finished", output: Path | None) -> Path:
    """The file where it was wished, or in this folder under the device's name. One that exists is never overwritten:
    should it have come meanwhile, the name gets a number."""
    from flexprint_agent.capture.recording import SUFFIX, dump

    content = dump(finished.recording).encode("utf-8", "surrogateescape")
    path = output or Path(f"{_name(finished)}-{now():%Y%m%dT%H%M%SZ}{SUFFIX}")
    for number in range(1, 100):
        named = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            with named.open("xb") as file:
                file.write(content)
        except FileExistsError:
            continue
        except OSError as error:
            raise Unwritable(
                f"{named} cannot be written ({error.strerror}); give another place with --output"
            ) from error
        return named
    raise Unwritable(f"{path} exists, and so do its successors; give another name with --output")


def _name(finished: "Finished") -> str:
    said = "-".join(filter(None, (finished.manufacturer, finished.model))) or "device"
    return re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")[:60] or "device"


def vendors(chosen: argparse.Namespace) -> int:
    """No packet is sent."""
    from flexprint_agent.read import tables

    if chosen.action is None:
        say(chosen, {"tables": [_table(one) for one in tables.vendors()]}, show.vendors)
        return 0
    if chosen.table is not None:
        _try(Path(chosen.table))
    # Each file, as one that cannot be read does not keep the others from being explained.
    return max([_explain(chosen, Path(name)) for name in chosen.files])


def _table(vendor: "Vendor") -> dict[str, Any]:
    from flexprint_agent.read import tables

    return {
        "file": vendor.file,
        "makers": list(vendor.makers),
        "trees": list(vendor.trees),
        "meters": tables.meter_names(vendor),
    }


def _try(path: Path) -> None:
    from flexprint_agent.read import form, tables

    try:
        tables.put_in_force(form.check(path.name, path.read_text("utf-8")))
    except tables.BadTable as fault:
        raise WrongUsage(f"this table cannot be used:\n{fault}") from fault
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read: {error}") from error


def _explain(chosen: argparse.Namespace, path: Path) -> int:
    from flexprint_agent.capture import recording
    from flexprint_agent.capture.explain import document, explain

    try:
        with path.open("rb") as file:
            found = recording.parse(file.read(recording.LARGEST))
    except OSError as error:
        complain(f"{path} cannot be read ({error.strerror})")
        return 1
    for fault in found.faults:
        complain(f"{path}, line {fault.line}: {fault.reason}")
    if not found.values:
        complain(f"{path} holds no line OID|TAG|VALUE; flexprint-agent capture writes such files")
        return 1
    say(chosen, document(str(path), found, explain(found, now())), show.checked)
    return int(bool(found.faults))
