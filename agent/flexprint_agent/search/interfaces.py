"""The network interfaces of this computer and the networks they are in.

getifaddrs(3) of Linux and macOS and GetAdaptersAddresses of Windows, both through ctypes: what a system answers is
walked here and only copied into rows; what the rows mean is decided by pure functions.
"""

import contextlib
import ctypes
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, Final, NamedTuple

Address = IPv4Interface | IPv6Interface


@dataclass(slots=True, frozen=True)
class Interface:
    """An interface that is up and leads out of this computer.

    name: what stands behind the % of a link-local address here (the index, on Windows). index: the system's number.
    addresses: each with the network it is in; link-local ones without a scope. broadcast, multicast: what it can.
    """

    name: str
    index: int
    addresses: tuple[Address, ...]
    broadcast: bool
    multicast: bool


def local_interfaces(system: str = sys.platform) -> list[Interface]:
    """The interfaces of this computer, in the system's order. Raises OSError where the system will not tell."""
    if system == "win32":
        return of_adapters(_adapters())
    return of_ifaddrs(_ifaddrs(system), bsd=system != "linux")


# Linux and macOS


class Ifaddr(NamedTuple):
    """One address of one interface, as getifaddrs gives it: `address` and `netmask` are its sockaddr's octets,
    `number` is the interface's index."""

    name: str
    number: int
    flags: int
    address: bytes
    netmask: bytes


# <net/if.h>; IFF_MULTICAST is the one that differs between Linux and the BSDs.
_UP, _BROADCAST, _LOOPBACK, _RUNNING = 0x1, 0x2, 0x8, 0x40
_MULTICAST: Final = {False: 0x1000, True: 0x8000}
_INET6: Final = {False: 10, True: 30}  # AF_INET6 of Linux and of macOS
_LINUX_SIZES: Final = {2: 16, 10: 28}  # of sockaddr_in and sockaddr_in6, by family


def of_ifaddrs(rows: Iterable[Ifaddr], *, bsd: bool) -> list[Interface]:
    """The interfaces in what getifaddrs gave; rows of other families, and what makes no address, are left out."""
    found: dict[str, tuple[Ifaddr, list[Address]]] = {}
    for row in rows:
        # Without IFF_RUNNING no cable is in, or no container on the bridge.
        if row.flags & (_UP | _RUNNING) != _UP | _RUNNING or row.flags & _LOOPBACK:
            continue
        address = _of_sockaddr(row.address, row.netmask, bsd=bsd)
        if address is not None:
            found.setdefault(row.name, (row, []))[1].append(address)
    return [
        Interface(
            row.name,
            row.number,
            tuple(addresses),
            broadcast=bool(row.flags & _BROADCAST),
            multicast=bool(row.flags & _MULTICAST[bsd]),
        )
        for row, addresses in found.values()
    ]


def _of_sockaddr(address: bytes, netmask: bytes, *, bsd: bool) -> Address | None:
    if len(address) < 2:
        return None
    family = address[1] if bsd else int.from_bytes(address[:2], sys.byteorder)
    if family == socket.AF_INET and len(address) >= 8:
        return IPv4Interface((address[4:8], _ones(netmask[4:8])))
    if family == _INET6[bsd] and len(address) >= 24:
        octets = address[8:24]
        if octets[0] == 0xFE and octets[1] & 0xC0 == 0x80:
            octets = octets[:2] + bytes(6) + octets[8:]  # the BSD kernels keep the scope in here
        return IPv6Interface((octets, _ones(netmask[8:24])))
    return None


def _ones(netmask: bytes) -> int:
    """The length of the prefix that a netmask stands for. (macOS cuts off the zeros at a netmask's end.)"""
    return int.from_bytes(netmask, "big").bit_count()


class _IfaddrsStruct(ctypes.Structure):
    """struct ifaddrs of <ifaddrs.h>, as far as Linux and the BSDs agree on it."""


_IfaddrsStruct._fields_ = (
    ("next", ctypes.POINTER(_IfaddrsStruct)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
    ("netmask", ctypes.c_void_p),
)


def _ifaddrs(system: str) -> list[Ifaddr]:
    bsd = system != "linux"
    library = ctypes.CDLL(None, use_errno=True)
    library.freeifaddrs.argtypes = (ctypes.c_void_p,)
    first = ctypes.POINTER(_IfaddrsStruct)()
    if library.getifaddrs(ctypes.byref(first)):
        code = ctypes.get_errno()
        raise OSError(code, f"the network interfaces cannot be listed: {os.strerror(code)}")
    try:
        return list(_ifaddr_rows(first, bsd=bsd))
    finally:
        library.freeifaddrs(first)


def _ifaddr_rows(one: Any, *, bsd: bool) -> Iterator[Ifaddr]:
    while one:
        row = one.contents
        with contextlib.suppress(OSError):  # the interface went away meanwhile
            name = row.name.decode(errors="replace")
            number = socket.if_nametoindex(name)
            yield Ifaddr(name, number, row.flags, _sockaddr(row.address, bsd=bsd), _sockaddr(row.netmask, bsd=bsd))
        one = row.next


def _sockaddr(at: int | None, *, bsd: bool) -> bytes:
    """The octets of a sockaddr; none where there is no address, or one of a family that nobody here needs."""
    if at is None:
        return b""
    if bsd:
        return ctypes.string_at(at, ctypes.string_at(at, 1)[0])
    family = int.from_bytes(ctypes.string_at(at, 2), sys.byteorder)
    return ctypes.string_at(at, _LINUX_SIZES.get(family, 0))


# Windows


class Adapter(NamedTuple):
    """One address of one adapter, as GetAdaptersAddresses gives it: `address` is its SOCKADDR's octets,
    `prefix` the OnLinkPrefixLength, `number` the adapter's index."""

    number: int
    kind: int
    status: int
    flags: int
    address: bytes
    prefix: int


# <ipifcons.h>, <iptypes.h>
_LOOPBACK_KIND, _NO_BROADCAST_KINDS = 24, frozenset({23, 131})  # PPP and tunnels lead to one other end
_STATUS_UP = 1
_NO_MULTICAST = 0x10
_WINDOWS_INET6 = 23


def of_adapters(rows: Iterable[Adapter]) -> list[Interface]:
    """The interfaces in what GetAdaptersAddresses gave."""
    found: dict[int, tuple[Adapter, list[Address]]] = {}
    for row in rows:
        if row.status != _STATUS_UP or row.kind == _LOOPBACK_KIND:
            continue
        address = _of_windows_sockaddr(row.address, row.prefix)
        if address is not None:
            found.setdefault(row.number, (row, []))[1].append(address)
    return [
        Interface(
            str(row.number),
            row.number,
            tuple(addresses),
            broadcast=row.kind not in _NO_BROADCAST_KINDS,
            multicast=not row.flags & _NO_MULTICAST,
        )
        for row, addresses in found.values()
    ]


def _of_windows_sockaddr(address: bytes, prefix: int) -> Address | None:
    family = int.from_bytes(address[:2], "little")
    if family == socket.AF_INET and len(address) >= 8 and prefix <= 32:
        return IPv4Interface((address[4:8], prefix))
    if family == _WINDOWS_INET6 and len(address) >= 24 and prefix <= 128:
        return IPv6Interface((address[8:24], prefix))
    return None


class _UnicastStruct(ctypes.Structure):
    """IP_ADAPTER_UNICAST_ADDRESS_LH of <iptypes.h>."""


_UnicastStruct._fields_ = (
    ("length", ctypes.c_uint32),
    ("flags", ctypes.c_uint32),
    ("next", ctypes.POINTER(_UnicastStruct)),
    ("address", ctypes.c_void_p),
    ("address_size", ctypes.c_int),
    ("prefix_origin", ctypes.c_int),
    ("suffix_origin", ctypes.c_int),
    ("duplicate_state", ctypes.c_int),
    ("valid", ctypes.c_uint32),
    ("preferred", ctypes.c_uint32),
    ("lease", ctypes.c_uint32),
    ("prefix", ctypes.c_uint8),
)


class _AdapterStruct(ctypes.Structure):
    """IP_ADAPTER_ADDRESSES_LH of <iptypes.h>, up to what is needed."""


_AdapterStruct._fields_ = (
    ("length", ctypes.c_uint32),
    ("index", ctypes.c_uint32),
    ("next", ctypes.POINTER(_AdapterStruct)),
    ("guid", ctypes.c_void_p),
    ("unicast", ctypes.POINTER(_UnicastStruct)),
    ("anycast", ctypes.c_void_p),
    ("multicast", ctypes.c_void_p),
    ("name_servers", ctypes.c_void_p),
    ("suffix", ctypes.c_void_p),
    ("description", ctypes.c_void_p),
    ("friendly_name", ctypes.c_void_p),
    ("physical", ctypes.c_ubyte * 8),
    ("physical_size", ctypes.c_uint32),
    ("flags", ctypes.c_uint32),
    ("mtu", ctypes.c_uint32),
    ("kind", ctypes.c_uint32),
    ("status", ctypes.c_int),
    ("index6", ctypes.c_uint32),
)

_SKIP_ALL_BUT_UNICAST = 0x2 | 0x4 | 0x8  # GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER
_BUFFER_OVERFLOW, _NO_DATA = 111, 232


def _adapters() -> list[Adapter]:
    function = ctypes.WinDLL("iphlpapi").GetAdaptersAddresses  # type: ignore[attr-defined, unused-ignore]
    size = ctypes.c_uint32(16384)
    for _ in range(5):  # adapters may come while we ask how much room they need
        room = ctypes.create_string_buffer(size.value)
        code = function(0, _SKIP_ALL_BUT_UNICAST, None, room, ctypes.byref(size))
        if code != _BUFFER_OVERFLOW:
            break
    if code == _NO_DATA:
        return []
    if code:
        raise OSError(code, f"the network adapters cannot be listed: GetAdaptersAddresses says {code}")
    return list(_adapter_rows(ctypes.cast(room, ctypes.POINTER(_AdapterStruct))))


def _adapter_rows(one: Any) -> Iterator[Adapter]:
    while one:
        adapter = one.contents
        address = adapter.unicast
        while address:
            unicast = address.contents
            yield Adapter(
                adapter.index or adapter.index6,
                adapter.kind,
                adapter.status,
                adapter.flags,
                ctypes.string_at(unicast.address, unicast.address_size),
                unicast.prefix,
            )
            address = unicast.next
        one = adapter.next
