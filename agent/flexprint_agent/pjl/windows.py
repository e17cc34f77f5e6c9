"""The same on Windows, on the interface that usbprint.sys gives each printer on a USB cable.

It is opened for us alone: while the spooler prints there is no count this time, and while we ask, a job that comes
waits for its turn. What the device tells of itself (its IEEE 1284 id, by IOCTL_USBPRINT_GET_1284_ID) decides whether
anything is written to it.
"""

import contextlib
import ctypes
import time
from collections.abc import Callable
from ctypes import wintypes
from typing import Any, Final

from flexprint_agent import pjl

_READ_AND_WRITE: Final = 0xC0000000
_OPEN_EXISTING: Final = 3
_OVERLAPPED: Final = 0x40000000
_NOBODY: Final = ctypes.c_void_p(-1).value
_GET_1284_ID: Final = 0x220034  # usbprint.h
_PENDING: Final = 997  # ERROR_IO_PENDING
_LENGTH: Final = 2
"""Octets before an IEEE 1284 id that say how long it is."""


class _Overlapped(ctypes.Structure):
    """OVERLAPPED (minwinbase.h)."""

    _fields_ = (
        ("internal", ctypes.c_size_t),
        ("internal_high", ctypes.c_size_t),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", wintypes.HANDLE),
    )


class _Port:
    """An open port. Nothing waits longer than it is told to."""

    def __init__(self, kernel: Any, handle: int) -> None:
        self._kernel, self._handle = kernel, handle

    def ieee1284_id(self) -> str:
        """Empty where the device, or whatever else was opened, has none."""
        answer = ctypes.create_string_buffer(1024)
        given = (_GET_1284_ID, None, 0, answer, len(answer), None)
        told = self._moved(lambda overlapped: self._kernel.DeviceIoControl(self._handle, *given, overlapped), 1.0)
        return answer.raw[_LENGTH:told].decode("utf-8", "replace")

    def write(self, octets: bytes, seconds: float) -> bool:
        """Whether all of it was taken."""
        moved = self._moved(
            lambda overlapped: self._kernel.WriteFile(self._handle, octets, len(octets), None, overlapped), seconds
        )
        return moved == len(octets)

    def read(self, seconds: float) -> bytes:
        """What is there by then; nothing at the end."""
        heard = ctypes.create_string_buffer(512)
        moved = self._moved(
            lambda overlapped: self._kernel.ReadFile(self._handle, heard, len(heard), None, overlapped), seconds
        )
        return heard.raw[:moved]

    def close(self) -> None:
        self._kernel.CloseHandle(self._handle)

    def _moved(self, begin: Callable[[Any], int], seconds: float) -> int:
        """How many octets an operation moved until it was called off."""
        windows: Any = ctypes  # some of it exists on Windows alone
        kernel, event = self._kernel, self._kernel.CreateEventW(None, True, False, None)
        overlapped, moved = _Overlapped(event=event), wintypes.DWORD(0)
        try:
            if not begin(ctypes.byref(overlapped)) and windows.get_last_error() != _PENDING:
                return 0
            if kernel.WaitForSingleObject(event, int(max(0.0, seconds) * 1000)):
                kernel.CancelIoEx(self._handle, ctypes.byref(overlapped))
            # The system writes into our memory until it has said how it ended.
            kernel.GetOverlappedResult(self._handle, ctypes.byref(overlapped), ctypes.byref(moved), True)
            return moved.value
        finally:
            kernel.CloseHandle(event)


def page_count(path: str) -> int | None:
    r"""What the printer at \\?\USB#VID_...#{28d78fad-...} answers; None where it cannot be asked, speaks no PJL, is
    busy or says nothing of the kind."""
    port = _opened(path)
    if port is None:
        return None
    with contextlib.closing(port):
        return ask(port) if pjl.speaks(port.ieee1284_id()) else None


def ask(port: _Port, patience: float = pjl.PATIENCE) -> int | None:
    """What comes until the answer is there, or to the end of patience."""
    until = time.monotonic() + patience
    heard = b""
    if port.write(pjl.QUESTION, patience):
        while len(heard) < pjl.MOST and not pjl.is_whole(heard) and (left := until - time.monotonic()) > 0:
            some = port.read(left)
            if not some:
                break
            heard += some
    return pjl.parse(heard)


def _opened(path: str) -> _Port | None:
    windows: Any = ctypes
    kernel = windows.WinDLL("kernel32", use_last_error=True)
    handle = wintypes.HANDLE
    kernel.CreateFileW.restype = kernel.CreateEventW.restype = handle
    kernel.CreateFileW.argtypes = (
        wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, handle,
    )  # fmt: skip
    kernel.CreateEventW.argtypes = (ctypes.c_void_p, wintypes.BOOL, wintypes.BOOL, wintypes.LPCWSTR)
    transfer = (handle, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)
    kernel.ReadFile.argtypes = kernel.WriteFile.argtypes = transfer
    kernel.DeviceIoControl.argtypes = (
        handle, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p,
        ctypes.c_void_p,
    )  # fmt: skip
    kernel.WaitForSingleObject.argtypes = (handle, wintypes.DWORD)
    kernel.CancelIoEx.argtypes = (handle, ctypes.c_void_p)
    kernel.GetOverlappedResult.argtypes = (handle, ctypes.c_void_p, ctypes.c_void_p, wintypes.BOOL)
    kernel.CloseHandle.argtypes = (handle,)
    opened = kernel.CreateFileW(path, _READ_AND_WRITE, 0, None, _OPEN_EXISTING, _OVERLAPPED, None)
    return None if opened in (None, _NOBODY) else _Port(kernel, opened)
