"""The queues of the Windows spooler, by winspool and the registry. `win32_ports` says what they mean.

Nothing is opened on a printer and no job is looked at.
"""

import ctypes
import importlib
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any, Final, NamedTuple

from flexprint_agent.search.spooler.queues import MOST_QUEUES, NoSpooler, Queue
from flexprint_agent.search.spooler.win32_ports import (
    Ports,
    TcpPort,
    UsbDevice,
    port_for,
    tcp_port,
    usb_port,
    uuid_in,
    wsd_host,
)
from flexprint_shared.text import clean

# EnumPrinters: the queues set up on this computer, and those of print servers that this user has added.
_LOCAL: Final = 0x02
_CONNECTIONS: Final = 0x04
_TOO_SMALL: Final = 122  # ERROR_INSUFFICIENT_BUFFER
_LARGEST: Final = 16 << 20

_MONITORS: Final = r"SYSTEM\CurrentControlSet\Control\Print\Monitors"
_USBPRINT: Final = r"SYSTEM\CurrentControlSet\Control\DeviceClasses\{28d78fad-5a12-11d1-ae5b-0000f803a8c2}"
_WSD_DEVICES: Final = r"SYSTEM\CurrentControlSet\Enum\SWD\DAFWSDProvider"
_MOST_KEYS: Final = 2000


class _PrinterInfo(ctypes.Structure):
    """PRINTER_INFO_2W (winspool.h)."""

    _fields_ = (
        ("server", wintypes.LPWSTR),
        ("name", wintypes.LPWSTR),
        ("share", wintypes.LPWSTR),
        ("port", wintypes.LPWSTR),
        ("driver", wintypes.LPWSTR),
        ("comment", wintypes.LPWSTR),
        ("location", wintypes.LPWSTR),
        ("devmode", ctypes.c_void_p),
        ("separator", wintypes.LPWSTR),
        ("processor", wintypes.LPWSTR),
        ("datatype", wintypes.LPWSTR),
        ("parameters", wintypes.LPWSTR),
        ("security", ctypes.c_void_p),
        ("attributes", wintypes.DWORD),
        ("priority", wintypes.DWORD),
        ("default_priority", wintypes.DWORD),
        ("start_time", wintypes.DWORD),
        ("until_time", wintypes.DWORD),
        ("status", wintypes.DWORD),
        ("jobs", wintypes.DWORD),
        ("average_pages", wintypes.DWORD),
    )


def queues() -> list[Queue]:
    """The queues of this computer, by name. Raises NoSpooler."""
    known = ports()
    found = []
    for row in _printers():
        port = port_for(row.port, row.attributes, row.driver, known, connection=bool(row.server))
        found.append(Queue(clean(row.name), port, driver=clean(row.driver), location=clean(row.location) or None))
    return sorted(found, key=lambda queue: queue.name)[:MOST_QUEUES]


class _Row(NamedTuple):
    """What is used of a PRINTER_INFO_2; `server` is empty for a queue of this computer."""

    name: str
    port: str
    driver: str
    location: str
    server: str
    attributes: int


def _printers() -> Iterator[_Row]:
    windows: Any = ctypes  # some of it exists on Windows alone
    spool = windows.WinDLL("winspool.drv", use_last_error=True)
    needed, count = wintypes.DWORD(0), wintypes.DWORD(0)
    buffer = ctypes.create_string_buffer(1)
    # A queue may be added between being told the size and being given the list.
    for _ in range(5):
        size = len(buffer)
        done = spool.EnumPrintersW(
            _LOCAL | _CONNECTIONS, None, 2, buffer, size, ctypes.byref(needed), ctypes.byref(count)
        )
        if done:
            break
        error = windows.get_last_error()
        if error != _TOO_SMALL or not size <= needed.value <= _LARGEST:
            raise NoSpooler(
                f"the print spooler cannot be asked ({windows.FormatError(error).strip()}); "
                "see whether the service `Print Spooler` is running"
            )
        buffer = ctypes.create_string_buffer(needed.value)
    else:
        raise NoSpooler("the list of print queues keeps growing while it is asked for; try again")
    for info in (_PrinterInfo * count.value).from_buffer(buffer) if count.value else ():
        yield _Row(
            name=info.name or "",
            port=info.port or "",
            driver=info.driver or "",
            location=info.location or "",
            server=info.server or "",
            attributes=info.attributes,
        )


def ports() -> Ports:
    """What the registry says of the ports of this computer."""
    return Ports(tcp=_tcp_ports(), usb=_usb_ports(), wsd=_wsd_ports())


def communities() -> dict[str, str]:
    """The hosts that Windows itself asks over SNMP, with the community that was set up for it."""
    return {port.host: port.community for port in _tcp_ports().values() if port.community is not None}


def _tcp_ports() -> dict[str, TcpPort]:
    rows = (
        (name.lower(), tcp_port(values)) for name, values in _keys_under(rf"{_MONITORS}\Standard TCP/IP Port\Ports")
    )
    return {name: port for name, port in rows if port is not None}


def _usb_ports() -> dict[str, UsbDevice]:
    found = {}
    for device, _ in _keys_under(_USBPRINT):
        port = usb_port(device, _values(rf"{_USBPRINT}\{device}\#\Device Parameters"))
        if port is not None:
            name, described = port
            found[name] = described
    return found


def _wsd_ports() -> dict[str, str]:
    """Port -> host: a port knows the UUID of its device, and the device where it was met last."""
    hosts = {}
    for device, values in _keys_under(_WSD_DEVICES):
        host = wsd_host(values.get("LocationInformation"))
        if host:
            hosts[uuid_in(device)] = host
    found = {}
    for name, values in _keys_under(rf"{_MONITORS}\WSD Port\Ports"):
        host = hosts.get(uuid_in(str(values.get("Printer UUID", "")))) or hosts.get(uuid_in(name))
        if host:
            found[name.lower()] = host
    return found


def _registry() -> Any:
    return importlib.import_module("winreg")


def _keys_under(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys right under `path`, each with its values; none where there is no such path, or no right to read it."""
    winreg = _registry()
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            names = [winreg.EnumKey(key, number) for number in range(min(winreg.QueryInfoKey(key)[0], _MOST_KEYS))]
    except OSError:
        return
    for name in names:
        yield name, _values(rf"{path}\{name}")


def _values(path: str) -> dict[str, Any]:
    winreg = _registry()
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            rows = (winreg.EnumValue(key, number) for number in range(min(winreg.QueryInfoKey(key)[1], _MOST_KEYS)))
            return {name: value for name, value, _ in rows}
    except OSError:
        return {}
