"""One non-blocking UDP socket over IPv4 for every device, and one over IPv6 from the first IPv6 address on.

An address is a text and a port. A link-local IPv6 address has its interface in it, by name or by number (fe80::1%eth0);
answers come from the same text that was sent to.

What only Linux has is used where `linux` says so: buffers beyond the system's limit for the
administrator, IP_RECVERR (who is unreachable), SO_MEMINFO (how many answers the kernel dropped). The
agent works without it; dead addresses are then told from silent ones by their silence alone.
"""

import contextlib
import errno
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

# A default receive buffer of 208 KiB holds 270 answers; a site answers more than that at once.
BUFFER = 8 << 20
LARGEST_DATAGRAM = 65535

# Not in the socket module of every supported Python (linux/asm-generic/socket.h, linux/in.h).
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55
_SO_MEMINFO_DROPS = 8
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_REPORTS = frozenset({(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)})
_EXTENDED_ERROR = struct.Struct("=IBBBxII")

# The local queue is full: the packet waits, it is never skipped.
_FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.EINTR})
_UNREACHABLE = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN})
# The kernel gives up on ARP after about three seconds and frees the buffer; three times that is a fault.
_PATIENCE_S = 10.0
# Datagrams taken in one go, so that a flood cannot keep timeouts from being seen.
_AT_ONE_GO = 2048

_MAPPED = bytes(10) + b"\xff\xff"  # IPv4 in IPv6 (RFC 4291, 2.5.5.2)

Address = tuple[str, int]


def spelled(address: str) -> str:
    """The address as it is written here and nowhere differently. ValueError when it is none."""
    host, percent, scope = address.partition("%")
    if ":" not in host:
        try:
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, address))
        except (OSError, ValueError):
            raise ValueError(f"{address} is not an IP address") from None
    try:
        packed = socket.inet_pton(socket.AF_INET6, host)
    except (OSError, ValueError):
        raise ValueError(f"{address} is not an IP address") from None
    link_local = packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
    if link_local != bool(scope) or (percent and not scope):
        raise ValueError(f"{address}: a link-local address needs its interface (fe80::1%eth0), others have none")
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed) + percent + scope


def in_order(address: str, port: int) -> tuple[bool, bytes, str, int]:
    """What to sort addresses by: IPv4 first, by number."""
    host, _, scope = address.partition("%")
    six = ":" in host
    return six, socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, host), scope, port


class Undeliverable(NamedTuple):
    """The network's word that a datagram did not arrive: where to, why, and as much of it as came back."""

    address: Address
    reason: str
    datagram: bytes


class Unsendable(Exception):
    """The system refuses to send to this address (no route, a broadcast address, a full queue)."""


def widen(made: socket.socket, *, linux: bool) -> None:
    """Gives a socket buffers as near to BUFFER as the system lets us: answers come many at once, and packets to
    addresses nobody has wait for ARP in the send buffer, about 270 in the default one."""
    for option, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
        if linux:
            with contextlib.suppress(OSError):  # only the administrator may go beyond the limit
                made.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
                continue
        size = BUFFER
        while size > made.getsockopt(socket.SOL_SOCKET, option):
            with contextlib.suppress(OSError):  # macOS refuses what is beyond its limit; Linux trims it
                made.setsockopt(socket.SOL_SOCKET, option, size)
                break
            size //= 2


class Wire:
    """Sends and receives datagrams; close it, or use it in a `with`."""

    def __init__(self, *, linux: bool = sys.platform == "linux") -> None:
        self._linux = linux
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        widen(self.socket, linux=linux)
        if linux:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        # Bound now: Windows does not let an unbound socket wait for an answer.
        self.socket.bind(("0.0.0.0", 0))  # noqa: S104 - answers come from whichever network was asked
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.socket, selectors.EVENT_READ)
        self._six: socket.socket | None = None
        self._scopes: dict[int, str] = {}  # an interface's number -> as it stands in the addresses sent to

    def _over_six(self) -> socket.socket:
        """The socket over IPv6. OSError where this system has none."""
        if self._six is None:
            made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            try:
                made.setblocking(False)
                widen(made, linux=self._linux)
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                if self._linux:
                    made.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
                made.bind(("::", 0))
                self._selector.register(made, selectors.EVENT_READ)
            except OSError:
                made.close()
                raise
            self._six = made
        return self._six

    def _sockets(self) -> list[socket.socket]:
        return [self.socket] if self._six is None else [self.socket, self._six]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._selector.close()
        for each in self._sockets():
            each.close()

    def send(self, datagram: bytes, to: Address) -> None:
        """Waits while the system's queue is full. Unsendable when it will not take the packet."""
        if ":" in to[0]:
            self._send_over_six(datagram, to)
            return
        try:
            self.socket.sendto(datagram, to)
        except OSError as error:
            self.insist(error.errno or 0, lambda: self.socket.sendto(datagram, to))

    def _send_over_six(self, datagram: bytes, to: Address) -> None:
        host, _, scope = to[0].partition("%")
        try:
            index = int(scope) if scope.isdigit() else socket.if_nametoindex(scope) if scope else 0
        except OSError:
            raise Unsendable(f"this computer has no interface {scope}") from None
        try:
            made = self._over_six()
        except OSError:
            raise Unsendable("this computer has no IPv6") from None
        self._scopes[index] = scope
        place = (host, to[1], 0, index)
        try:
            made.sendto(datagram, place)
        except OSError as error:
            self.insist(error.errno or 0, lambda: made.sendto(datagram, place))

    def insist(self, code: int, send: Callable[[], int]) -> int:
        """Sends again after an error until the packet is taken; Unsendable when it never is."""
        deadline, refusals = time.monotonic() + _PATIENCE_S, 0
        while True:
            # On Linux a send reports what befell an *earlier* packet, perhaps to another address, and
            # sends nothing. So only an error that repeats itself is about this one.
            refusals += code not in _FULL
            if refusals > 3 or time.monotonic() > deadline:
                raise Unsendable(_words(code))
            if code in _FULL:
                time.sleep(0.002)
            try:
                return send()
            except OSError as error:
                code = error.errno or 0

    def wait(self, seconds: float) -> bool:
        """Waits until something can be received, at most this long."""
        return bool(self._selector.select(max(0.0, seconds)))

    def receive(self) -> Iterator[tuple[bytes, Address]]:
        """The datagrams that have arrived, with their senders."""
        for each in self._sockets():
            receive = each.recvfrom
            for _ in range(_AT_ONE_GO):
                try:
                    datagram, source = receive(LARGEST_DATAGRAM)
                except BlockingIOError:
                    break
                except OSError:
                    # Windows (WSAECONNRESET) and Linux tell here that an earlier packet found a closed port,
                    # without saying which; the error is now cleared, and what follows can be read.
                    continue
                yield datagram, source if len(source) == 2 else self._written(source)

    def _written(self, source: tuple[str, int, int, int]) -> Address:
        """A sender over IPv6 as it was sent to."""
        host, port, _, index = source
        host = host.partition("%")[0]
        return f"{host}%{self._scopes.get(index, index)}" if index else host, port

    def undeliverable(self) -> Iterator[Undeliverable]:
        """What the network has reported since the last time. Nothing where the system does not say."""
        for each in self._sockets() if self._linux else ():
            yield from self._reported(each)

    def _reported(self, by: socket.socket) -> Iterator[Undeliverable]:
        for _ in range(_AT_ONE_GO):
            try:
                datagram, ancillary, _flags, address = by.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for level, kind, content in ancillary:
                if (level, kind) not in _REPORTS or len(content) < _EXTENDED_ERROR.size:
                    continue
                code = _EXTENDED_ERROR.unpack_from(content)[0]
                if code in _UNREACHABLE:
                    yield Undeliverable(
                        address if len(address) == 2 else self._written(address), _words(code), datagram
                    )

    def dropped(self) -> int | None:
        """Answers the kernel dropped because a receive buffer was full; None where it does not say."""
        if not self._linux:
            return None
        dropped = 0
        for each in self._sockets():
            try:
                counts = each.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 64)
            except OSError:  # before Linux 4.12
                return None
            dropped += int(struct.unpack(f"={len(counts) // 4}I", counts)[_SO_MEMINFO_DROPS])
        return dropped


def _words(code: int) -> str:
    return {
        errno.ECONNREFUSED: "the port is closed",
        errno.EHOSTUNREACH: "no such host on its network",
        errno.EHOSTDOWN: "no such host on its network",
        errno.ENETUNREACH: "no route to its network",
        errno.EACCES: "a broadcast address, or a local firewall forbids it",
        errno.EPERM: "a local firewall forbids it",
    }.get(code) or errno.errorcode.get(code, str(code))
