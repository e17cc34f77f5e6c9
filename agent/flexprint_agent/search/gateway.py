"""The default gateway of this computer: what Linux, macOS and Windows say about it.

What a system says is fetched here and read by pure functions. Only IPv4, as routes are asked for over IPv4.
"""

import ipaddress
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_NOWHERE: Final = "0.0.0.0"  # noqa: S104 - no gateway, not an address to listen on


def default_gateways(system: str = sys.platform) -> list[str]:
    """The routers that this computer sends to whatever is in none of its own networks, the one it prefers first;
    empty where there is none. Raises OSError where the system will not tell."""
    if system == "linux":
        return of_proc_route(Path("/proc/net/route").read_text(encoding="ascii"), sys.byteorder)
    if system == "win32":
        return of_forward_table(_forward_table())
    return of_netstat(_netstat())


# Linux: /proc/net/route, addresses in hex as they lie in memory. RTF_GATEWAY, RTF_REJECT of <linux/route.h>.
_UP, _GATEWAY, _REJECT = 0x1, 0x2, 0x200


def of_proc_route(text: str, byteorder: str) -> list[str]:
    """The gateways in /proc/net/route. A VPN that takes everything over with two halves (0.0.0.0/1 and 128.0.0.0/1)
    leaves the default route of the office as it was, and that is the one wanted here."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            destination, gateway, flags, mask = (int(fields[place], 16) for place in (1, 2, 3, 7))
            metric = int(fields[6])
            address = ipaddress.IPv4Address(gateway.to_bytes(4, "little" if byteorder == "little" else "big"))
        except (ValueError, IndexError, OverflowError):
            continue
        if destination == mask == 0 and flags & (_UP | _GATEWAY | _REJECT) == _UP | _GATEWAY:
            found.append((metric, str(address)))
    return _in_order(found)


# macOS: netstat(1). "default  192.168.1.1  UGScg  en0"; an I among the flags bounds the route to its interface, so it
# is another interface's second choice. A VPN's default leads to a link and not to an address.


def of_netstat(text: str) -> list[str]:
    """The gateways in what `netstat -rn -f inet` prints."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0] not in ("default", "0.0.0.0/0", "0/0"):
            continue
        try:
            address = ipaddress.IPv4Address(fields[1])
        except ValueError:
            continue
        found.append(("I" in fields[2], str(address)))
    return _in_order(found)


def _netstat() -> str:
    import subprocess

    # By its full path: a service's PATH may not hold /usr/sbin.
    try:
        done = subprocess.run(
            ["/usr/sbin/netstat", "-rn", "-f", "inet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"the routes of this computer cannot be listed: {error}") from None
    return done.stdout.decode("ascii", "replace")


# Windows: MIB_IPFORWARDTABLE of <ipmib.h>: the number of rows, then rows of fourteen DWORDs.
_ROW: Final = 56
_DESTINATION, _MASK, _NEXT_HOP, _TYPE, _METRIC = 0, 4, 12, 20, 36
_INVALID: Final = 2


def of_forward_table(octets: bytes) -> list[str]:
    """The gateways in what GetIpForwardTable gave."""
    found = []
    for at in range(4, min(len(octets) - _ROW + 1, 4 + int.from_bytes(octets[:4], "little") * _ROW), _ROW):
        row = octets[at : at + _ROW]
        if row[_DESTINATION : _DESTINATION + 4] == row[_MASK : _MASK + 4] == bytes(4) and row[_TYPE] != _INVALID:
            metric = int.from_bytes(row[_METRIC : _METRIC + 4], "little")
            found.append((metric, str(ipaddress.IPv4Address(row[_NEXT_HOP : _NEXT_HOP + 4]))))
    return _in_order(found)


def _forward_table() -> bytes:
    import ctypes

    function = ctypes.WinDLL("iphlpapi").GetIpForwardTable  # type: ignore[attr-defined, unused-ignore]
    size = ctypes.c_uint32(4096)
    code, room = 0, b""
    for _ in range(5):  # routes may come while we ask how much room they need
        buffer = ctypes.create_string_buffer(size.value)
        code, room = function(buffer, ctypes.byref(size), 0), buffer.raw
        if code != _INSUFFICIENT_BUFFER:
            break
    if code == _NO_DATA:
        return b""
    if code:
        raise OSError(code, f"the routes of this computer cannot be listed: GetIpForwardTable says {code}")
    return room


_INSUFFICIENT_BUFFER, _NO_DATA = 122, 232


def _in_order(found: Iterable[tuple[int, str]]) -> list[str]:
    return list(dict.fromkeys(_addresses(sorted(found, key=lambda one: one[0]))))


def _addresses(found: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Without routes that lead straight onto a link."""
    return (address for _, address in found if address != _NOWHERE)
