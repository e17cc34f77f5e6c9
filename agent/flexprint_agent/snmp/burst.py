"""Many datagrams in one system call: sendmmsg(2) of Linux through ctypes, a third less CPU a packet.

The structures are those of <sys/socket.h> and <bits/types/struct_iovec.h>.

Imported only by a sweep that is large enough to be worth loading ctypes.
"""

import ctypes
import os
import socket
import struct

from flexprint_agent.snmp.wire import Wire

ROOM = 64
_PORT_AND_ADDRESS = struct.Struct(">HI")
_ID = struct.Struct(">I")
_SOCKADDR_IN = 16


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("message", _Msghdr), ("sent", ctypes.c_uint))


class Burst:
    """Up to ROOM copies of one datagram, each with its own request id and destination.

    The arrays the kernel reads are laid out once; only ports, addresses and ids are written again.
    """

    def __init__(self, wire: Wire, parts: tuple[bytes, bytes]) -> None:
        """`parts` is the datagram before and after its four octets of request id."""
        before, after = parts
        self._wire = wire
        self._id_at, self._size = len(before), len(before) + 4 + len(after)
        self._datagrams = bytearray((before + bytes(4) + after) * ROOM)
        self._destinations = bytearray(struct.pack("=H14x", socket.AF_INET) * ROOM)
        datagrams = ctypes.addressof(ctypes.c_char.from_buffer(self._datagrams))
        destinations = ctypes.addressof(ctypes.c_char.from_buffer(self._destinations))
        self._iovecs = (_Iovec * ROOM)()
        self._headers = (_Mmsghdr * ROOM)()
        iovecs = ctypes.addressof(self._iovecs)
        for place, (iovec, header) in enumerate(zip(self._iovecs, self._headers, strict=True)):
            iovec.base, iovec.size = datagrams + place * self._size, self._size
            message = header.message
            message.name, message.name_size = destinations + place * _SOCKADDR_IN, _SOCKADDR_IN
            message.iov, message.iov_count = iovecs + place * ctypes.sizeof(_Iovec), 1
        self._first = ctypes.addressof(self._headers)
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)

    def put(self, place: int, request_id: int, address: int, port: int) -> None:
        """Addresses the datagram at this place (0 to ROOM - 1); the address is a number."""
        _PORT_AND_ADDRESS.pack_into(self._destinations, place * _SOCKADDR_IN + 2, port, address)
        _ID.pack_into(self._datagrams, place * self._size + self._id_at, request_id)

    def send(self, start: int, end: int) -> int:
        """Sends what stands from one place to another; gives how many were taken, at least one.

        Waits while the system's queue is full. Unsendable when it refuses the one at `start`.
        """
        try:
            return self._send(start, end)
        except OSError as error:
            return self._wire.insist(error.errno or 0, lambda: self._send(start, end))

    def _send(self, start: int, end: int) -> int:
        where = self._first + start * ctypes.sizeof(_Mmsghdr)
        taken: int = self._sendmmsg(self._wire.socket.fileno(), where, end - start, 0)
        if taken < 1:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return taken
