"""What a spooler knows of a queue, told apart by where its port leads."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["network", "local", "ipp", "shared", "announced", "fax", "virtual", "unknown"]
"""network: a printer at `host`. local: on a cable of this computer. ipp: a printer on a cable that speaks IPP at
`ipp_port` of loopback (IPP over USB). shared: a queue of another computer. announced: known only by the name under
which it announces itself. fax, virtual: no printer at all."""

MOST_QUEUES: Final = 1000


@dataclass(slots=True, frozen=True)
class Port:
    """`host` is a name or an address as written. `name` is that of the cable's port, or the device's URI: two queues
    with one such name are one printer. `bus` is usb, parallel or serial. `path` is what a program on Windows opens to
    speak to the device."""

    kind: Kind
    name: str = ""
    host: str | None = None
    bus: str = "usb"
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    ipp_port: int = 0
    ipp_path: str = "/"
    path: str | None = None


@dataclass(slots=True, frozen=True)
class Queue:
    """`attributes` are those of IPP where the spooler speaks it, empty on Windows. `listed`: the spooler lists it;
    False for a device that is there without a queue of its own."""

    name: str
    port: Port
    driver: str | None = None
    location: str | None = None
    attributes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    listed: bool = True


class NoSpooler(Exception):
    """The spooler of this computer cannot be asked; the message says why and what to do."""


def queues() -> list[Queue]:
    """The queues of this computer by name; none where there is no spooler. Raises NoSpooler where one does not
    answer."""
    if sys.platform == "win32":
        from flexprint_agent.search.spooler import windows

        return windows.queues()
    from flexprint_agent.search.spooler import cups, ipp_usb

    return [*cups.queues(), *ipp_usb.devices()]


def communities() -> dict[str, str]:
    """The hosts of queues that this computer's spooler asks over SNMP by itself, with the community it uses: what
    somebody set up here for these printers. Only Windows has such a thing."""
    if sys.platform == "win32":
        from flexprint_agent.search.spooler import windows

        return windows.communities()
    return {}
