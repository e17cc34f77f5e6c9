"""Printers on a cable of this computer, by way of its print queues -> reads on disk.

A printer that the network shows, too, is read there: its own counters are worth more than a spooler's word.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.search.spooler.queues import NoSpooler, Queue, queues
from flexprint_agent.settings import Settings
from flexprint_agent.wake.found import entry
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.read.jobs import Tally
    from flexprint_agent.read.local import Cable
    from flexprint_shared.readings import Read

Clock = Callable[[], datetime]
BY: Final = "spooler"


class SwitchedOff(Exception):
    """A printer that speaks IPP over USB does not answer. The message says what to do."""


@dataclass(slots=True, frozen=True)
class Hanging:
    """One printer on a cable, and all the queues that lead to it; the first by name speaks for it."""

    address: str
    queues: tuple[Queue, ...]

    @property
    def queue(self) -> Queue:
        return self.queues[0]

    def cable(self) -> "Cable":
        from flexprint_agent.read.local import Cable

        queue = self.queue
        return Cable(
            self.address,
            queue.name,
            queue.port.manufacturer,
            queue.port.model,
            queue.port.serial,
            queue.driver,
            queue.location,
        )


def hanging(found: Iterable[Queue]) -> list[Hanging]:
    """The printers on a cable behind these queues: `usb:NAME`, by the name of their first queue."""
    by_port: dict[tuple[str, str], list[Queue]] = {}
    # Those that speak for themselves come first: what else leads to the same printer has less to say.
    for queue in sorted(found, key=lambda queue: (queue.port.kind != "ipp", not queue.listed, queue.name)):
        if queue.port.kind in ("local", "ipp"):
            name = str(queue.port.ipp_port) if queue.port.kind == "ipp" else queue.port.name
            by_port.setdefault((queue.port.bus, name), []).append(queue)
    return [Hanging(f"{bus}:{some[0].name}", tuple(some)) for (bus, _), some in by_port.items()]


def local_printers(settings: Settings) -> list[Hanging]:
    """Those of this computer; none where the setting `spooler` is off. Raises NoSpooler."""
    return hanging(queues()) if settings.spooler else []


def hanging_here(settings: Settings) -> list[Hanging]:
    """The same; none where the spooler cannot be asked, which `doctor` tells."""
    try:
        return local_printers(settings)
    except NoSpooler:
        return []


def trouble(settings: Settings) -> str | None:
    """Why the spooler cannot be asked, and what to do; None where it can, or is none."""
    try:
        local_printers(settings)
    except NoSpooler as error:
        return str(error)
    return None


def find_local(keep: Keep, settings: Settings, now: Clock) -> list[dict[str, Any]]:
    """Keeps the printers on cables; each as `search --json` shows what it found."""
    from flexprint_agent.read.local import identity_of

    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    for printer in hanging_here(settings):
        try:
            attributes, _ = _asked(printer)
        except SwitchedOff as error:
            if printer.queue.listed:
                found.append(entry(printer.address, 0, BY, answered=False, reason=str(error)))
            continue
        identity = identity_of(printer.cable(), attributes)
        known = keep.devices.known_as(identity)
        if known is not None and known.id in seen:
            continue
        told = entry(printer.address, 0, BY, answered=True, reason=f"the print queue {printer.queue.name}")
        told |= {"printer": True, "same_as": _on_network(keep, identity)}
        told |= {name: getattr(identity, name) for name in ("manufacturer", "model", "serial")}
        if told["same_as"] is None:
            device, told["new"] = keep.keep_found(identity, printer.address, 0, now(), granted_by=BY)
            seen.add(device)
        found.append(told)
    return found


def known_local(keep: Keep) -> dict[str, Device]:
    """The known printers on cables, by address."""
    return {device.address: device for device in keep.devices.all() if device.is_local and device.address}


def read_local(
    keep: Keep, settings: Settings, now: Clock, only: Container[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Reads every printer on a cable, known or not (or `only` those at these addresses); gives its probe object once
    the read is on disk, and one that says why for each known one that cannot be read now."""
    if not settings.spooler:
        return
    known = known_local(keep)
    failure = "this computer has no print queue for it any more; set one up, or forget it"
    printers: list[Hanging] = []
    try:
        printers = local_printers(settings)
    except NoSpooler as error:
        failure = str(error)
    seen: set[int | None] = set()
    for printer in printers:
        if only is not None and printer.address not in only:
            continue
        try:
            outcome, read = _read(keep, printer, now, seen)
        except SwitchedOff as error:
            if printer.address in known:
                keep.keep_silence(known[printer.address].id, now())
            # ipp-usb remembers every device that was ever plugged in.
            if printer.address in known or printer.queue.listed:
                yield _unread(printer.address, str(error), now(), asked=True)
            continue
        seen.add(read)
        if outcome is not None:
            yield outcome
    here = {printer.address for printer in printers}
    for address, device in known.items():
        # A queue may have been renamed: its printer was read under the new name.
        if device.id not in seen and address not in here and (only is None or address in only):
            keep.keep_silence(device.id, now())
            yield _unread(address, failure, now(), asked=False)


def _read(
    keep: Keep, printer: Hanging, now: Clock, seen: Container[int | None]
) -> tuple[dict[str, Any] | None, int | None]:
    """The probe object and the device; no object where it is read over the network, or was read another way (`seen`).
    Raises SwitchedOff."""
    from flexprint_agent.read import local

    begun, at = time.monotonic(), now()
    attributes, by_device = _asked(printer)
    cable = printer.cable()
    identity = local.identity_of(cable, attributes)
    known = keep.devices.known_as(identity)
    if _on_network(keep, identity) is not None or (known is not None and known.id in seen):
        return None, None
    device, _ = keep.keep_found(identity, printer.address, 0, at, granted_by=BY)
    knowledge = keep.devices.knowledge(device)
    counted, learned = _tally(printer, knowledge, at)
    pages = None if by_device else _page_count(printer, identity.serial)
    read = local.read_of(
        cable,
        attributes,
        at,
        by_device=by_device,
        pages=pages,
        tally=counted,
        tallied=local.PRINT_QUEUE if sys.platform == "win32" else local.FINISHED_JOBS,
    )
    keep.keep_read(read, None if learned == knowledge else learned)
    return _probe_object(read, time.monotonic() - begun), device


def _on_network(keep: Keep, identity: Any) -> str | None:
    """The address where the network shows this very printer; None where it does not, or not any more."""
    device = keep.devices.known_as(identity)
    on_network = device is not None and not device.is_local and device.address and device.silent_since is None
    return device.address if device is not None and on_network else None


def _asked(printer: Hanging) -> tuple[Mapping[str, Any], bool]:
    """What the device says by IPP over USB, where it speaks that; else what the spooler says. True for the device.
    Raises SwitchedOff: a device that speaks for itself is never spoken for by its spooler, which hardly knows it."""
    from flexprint_agent.ipp import message
    from flexprint_agent.ipp.client import NoAnswer, Service, ask
    from flexprint_agent.read.local import DEVICE_ATTRIBUTES

    port = printer.queue.port
    if port.kind == "ipp":
        uri = f"ipp://localhost:{port.ipp_port}{port.ipp_path}"
        asked = {"printer-uri": uri, "requested-attributes": DEVICE_ATTRIBUTES}
        try:
            answer = ask(
                Service(port=port.ipp_port, path=port.ipp_path),
                message.request(message.GET_PRINTER_ATTRIBUTES, asked),
            )
        except NoAnswer as error:
            raise SwitchedOff(f"{error}; switch it on, and see whether `ipp-usb` runs") from error
        told = answer.of(message.PRINTER)
        if not answer.successful or not told:
            raise SwitchedOff(f"the printer refuses to say anything (IPP status {answer.status:#06x})")
        return told[0], True
    return printer.queue.attributes, False


def _page_count(printer: Hanging, serial: str | None) -> int | None:
    """What the device says in PJL, where this system has a port for both directions (Linux, Windows)."""
    if sys.platform == "win32":
        from flexprint_agent.pjl import windows

        path = printer.queue.port.path
        return windows.page_count(path) if path else None
    if sys.platform != "linux":
        return None
    from flexprint_agent import pjl

    return pjl.page_count(serial)


def _tally(printer: Hanging, knowledge: Mapping[str, Any], at: datetime) -> tuple["Tally | None", dict[str, Any]]:
    """The pages that this computer printed on it, summed over the printer's queues, and what to keep of them. None
    where the spooler does not count them."""
    from flexprint_agent.read import jobs

    kept: dict[str, Any] = dict(knowledge.get("jobs", {}))
    before = {name: jobs.from_json(one) for name, one in kept.items()}
    names = [one.name for one in printer.queues if one.listed]
    kept |= {name: tally.as_json() for name, tally in _counted(names, before, at).items()}
    tallies = [jobs.from_json(one) for one in kept.values()]
    if not tallies:
        return None, dict(knowledge)
    total = jobs.Tally(min(one.since for one in tallies), sum(one.pages for one in tallies))
    return total, {**knowledge, "jobs": kept}


def _counted(queues: Iterable[str], before: Mapping[str, "Tally"], at: datetime) -> dict[str, "Tally"]:
    """The tallies of these queues as they stand now; without those that the spooler says nothing of."""
    from flexprint_agent.read import jobs

    found = {}
    if sys.platform == "win32":
        from flexprint_agent.search.spooler import print_counters

        pages = print_counters.pages()
        for name in queues:
            printed = pages.get(print_counters.folded(name))
            if printed is not None:
                found[name] = jobs.climb(before.get(name), printed, at)
        return found
    from flexprint_agent.search.spooler import cups

    for name in queues:
        with contextlib.suppress(NoSpooler):
            found[name] = jobs.count(before.get(name), cups.jobs(name), at)
    return found


def _probe_object(read: "Read", seconds: float) -> dict[str, Any]:
    return {
        "target": read.address,
        "asked": True,
        "answered": True,
        "printer": True,
        **read.as_json(),
        "seconds": round(seconds, 3),
        "reason": "a print queue of this computer",
        "error": None,
    }


def _unread(address: str, why: str, at: datetime, *, asked: bool) -> dict[str, Any]:
    return {
        "target": address,
        "asked": asked,
        "answered": False,
        "printer": False,
        "address": address,
        "port": 0,
        "read_at": rfc3339(at),
        "seconds": 0.0,
        "packets": 0,
        "reason": None,
        "error": f"{address} was not read: {why}",
    }
