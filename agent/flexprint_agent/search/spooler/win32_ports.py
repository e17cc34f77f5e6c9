"""What Windows knows of a queue's port -> the port. Pure: win32 calls and the registry are in `windows`.

"IP_10.1.2.3"  Standard TCP/IP Port    HostName 10.1.2.3
"USB001"       USB Monitor             a device of the usbprint class with Base Name USB, Port Number 1
"WSD-1f0c..."  WSD Port                a device of the web services provider at http://10.1.2.3:5357/...
"PORTPROMPT:"  Local Port              Microsoft Print to PDF
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from flexprint_agent.search.spooler.queues import Port
from flexprint_agent.search.spooler.uris import port_of

# PRINTER_INFO_2.Attributes (winspool.h).
FAX: Final = 0x00004000
NETWORK: Final = 0x00000010

_VIRTUAL_PORTS: Final = re.compile(
    r"(PORTPROMPT:|XPSPORT:|FILE:|NUL:?|nul:?|SHRFAX:|OneNote.*|Microsoft\.Office\.OneNote.*|CPW\d.*|PDF.*|"
    r"Documents\\.*|\w:\\.*|TS\d+|Desktop\\.*|.*\.(pdf|xps|oxps|prn)|Adobe PDF.*|FOXIT_.*|novaPDF.*|EVERNOTE.*)",
    re.IGNORECASE,
)
_VIRTUAL_DRIVERS: Final = re.compile(
    r"(Microsoft (Print To PDF|XPS Document Writer.*|Software Printer Driver|Shared Fax Driver)|"
    r"Send to Microsoft OneNote.*|"
    r".*\b(PDF (Converter|Writer|Printer|Creator|Driver)|PDFCreator|CutePDF|Ghostscript PDF)\b.*|"
    r"Remote Desktop Easy Print|Generic / Text Only)",
    re.IGNORECASE,
)
_FAX_NAMES: Final = re.compile(r".*\bfax\b.*", re.IGNORECASE)
_CABLES: Final = re.compile(r"(?P<bus>USB|DOT4_|LPT|COM)\d{1,4}:?", re.IGNORECASE)
_BUSES: Final = {"usb": "usb", "dot4_": "usb", "lpt": "parallel", "com": "serial"}


@dataclass(slots=True, frozen=True)
class UsbDevice:
    """A device behind a port of the USB monitor. `serial` is None where the device has none: Windows then makes one
    up. `path` is what a program opens to speak to it."""

    serial: str | None
    description: str | None
    path: str | None = None


@dataclass(slots=True, frozen=True)
class TcpPort:
    """A Standard TCP/IP port. `community` is what Windows asks the printer with, where that was set up."""

    host: str
    community: str | None = field(default=None, repr=False)


@dataclass(slots=True, frozen=True)
class Ports:
    """What the registry says of ports, by their names in lower case: the `tcp` ports, the devices of `usb` ports, the
    hosts of `wsd` ports."""

    tcp: Mapping[str, TcpPort] = field(default_factory=dict)
    usb: Mapping[str, UsbDevice] = field(default_factory=dict)
    wsd: Mapping[str, str] = field(default_factory=dict)


def port_for(name: str, attributes: int, driver: str, ports: Ports, *, connection: bool = False) -> Port:
    """Where the port `name` of a queue leads. `connection`: the queue is one of another computer. Where a queue has a
    pool of ports (separated by commas) the first decides."""
    name = name.split(",", maxsplit=1)[0].strip()
    key = name.lower()
    if connection or name.startswith("\\\\"):
        return Port("shared", name)
    if attributes & FAX or _FAX_NAMES.fullmatch(driver):
        return Port("fax", name)
    if key in ports.tcp:
        return Port("network", name, host=ports.tcp[key].host)
    if key.startswith(("wsd-", "ipp-")):
        return Port("network", name, host=ports.wsd[key]) if key in ports.wsd else Port("announced", name)
    if _VIRTUAL_PORTS.fullmatch(name) or _VIRTUAL_DRIVERS.fullmatch(driver):
        return Port("virtual", name)
    if name.lower().startswith(("http://", "https://", "ipp://", "ipps://")):
        return port_of(name)
    return _of_cable(name, ports.usb.get(key))


def _of_cable(name: str, device: UsbDevice | None) -> Port:
    cable = _CABLES.fullmatch(name)
    if cable is None:
        return Port("unknown", name)
    bus = _BUSES[cable["bus"].lower()]
    if device is None:
        return Port("local", name, bus=bus)
    return Port("local", name, bus=bus, model=device.description, serial=device.serial, path=device.path)


def tcp_port(values: Mapping[str, object]) -> TcpPort | None:
    r"""What the values of ...\Monitors\Standard TCP/IP Port\Ports\NAME say: HostName is what a person typed, IPAddress
    what older ports hold; SNMP Community counts where SNMP Enabled is not 0."""
    hosts = (values.get(name) for name in ("HostName", "IPAddress"))
    host = next((host.strip() for host in hosts if isinstance(host, str) and host.strip()), None)
    if host is None:
        return None
    community = values.get("SNMP Community") if values.get("SNMP Enabled") else None
    return TcpPort(host, community if isinstance(community, str) and 0 < len(community) <= 255 else None)


def usb_port(device: str, parameters: Mapping[str, object]) -> tuple[str, UsbDevice] | None:
    r"""A device of the usbprint interface class and its Device Parameters -> the port's name and the device.

    `device` is the name of the registry key, ##?#USB#VID_03F0&PID_2B17#PHGB12#{28d78fad-...}: the third part is the
    serial, or, with an &, what Windows made up for a device that has none."""
    number, base = parameters.get("Port Number"), parameters.get("Base Name", "USB")
    if not isinstance(number, int) or not isinstance(base, str):
        return None
    parts = device.split("#")
    serial = parts[5] if len(parts) > 5 and "&" not in parts[5] else None
    description = parameters.get("Port Description")
    path = "\\\\?\\" + device.removeprefix("##?#")
    return f"{base}{number:03}".lower(), UsbDevice(
        serial or None, description if isinstance(description, str) else None, path
    )


def wsd_host(location: object) -> str | None:
    """The host in the LocationInformation of a WSD device: http://10.1.2.3:5357/0eb5..."""
    try:
        return urlsplit(location).hostname if isinstance(location, str) else None
    except ValueError:
        return None


def uuid_in(text: str) -> str:
    """The last UUID in a text (a port's or a device's name), lower case; empty when there is none."""
    found = re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", text.lower())
    return found[-1] if found else ""
