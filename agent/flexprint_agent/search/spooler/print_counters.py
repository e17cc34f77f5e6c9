r"""Pages that the Windows spooler has printed since it started, by queue: the performance counter
`\Print Queue(*)\Total Pages Printed`. It knows no documents and no users.
"""

import ctypes
from collections.abc import Iterable
from ctypes import wintypes
from typing import Any, Final

LIBRARY: Final = "pdh.dll"
COUNTER: Final = r"\Print Queue(*)\Total Pages Printed"
_ALL: Final = "_total"
_MORE_DATA: Final = 0x800007D2  # PDH_MORE_DATA
_LARGEST: Final = 1 << 20
# The name of an instance may not hold these; who writes them there puts others in their place.
_FOLDED: Final = str.maketrans("()[]#/\\", "_______")


class _RawCounter(ctypes.Structure):
    """PDH_RAW_COUNTER (pdh.h)."""

    _fields_ = (
        ("status", wintypes.DWORD),
        ("at", wintypes.FILETIME),
        ("first", ctypes.c_longlong),
        ("second", ctypes.c_longlong),
        ("multi", wintypes.DWORD),
    )


class _Item(ctypes.Structure):
    """PDH_RAW_COUNTER_ITEM_W."""

    _fields_ = (("name", wintypes.LPWSTR), ("counter", _RawCounter))


def pages(library: str = LIBRARY) -> dict[str, int]:
    """By the `folded` name of the queue; none where the system does not count. A queue that nobody printed on since
    the spooler started may be missing."""
    windows: Any = ctypes  # some of it exists on Windows alone
    pdh = windows.WinDLL(library)
    query, counter = wintypes.HANDLE(), wintypes.HANDLE()
    if _failed(pdh.PdhOpenQueryW(None, ctypes.c_size_t(0), ctypes.byref(query))):
        return {}
    try:
        # In English, whatever the language of this Windows is.
        if _failed(pdh.PdhAddEnglishCounterW(query, COUNTER, ctypes.c_size_t(0), ctypes.byref(counter))):
            return {}
        return {} if _failed(pdh.PdhCollectQueryData(query)) else by_queue(_values(pdh, counter))
    finally:
        pdh.PdhCloseQuery(query)


def _values(pdh: Any, counter: Any) -> list[tuple[str, int]]:
    size, count = wintypes.DWORD(0), wintypes.DWORD(0)
    told = pdh.PdhGetRawCounterArrayW(counter, ctypes.byref(size), ctypes.byref(count), None)
    if told & 0xFFFFFFFF != _MORE_DATA or not 0 < size.value <= _LARGEST:
        return []
    buffer = ctypes.create_string_buffer(size.value)
    if _failed(pdh.PdhGetRawCounterArrayW(counter, ctypes.byref(size), ctypes.byref(count), buffer)):
        return []
    items = (_Item * min(count.value, len(buffer) // ctypes.sizeof(_Item))).from_buffer(buffer)
    return [(item.name or "", item.counter.first) for item in items if item.counter.status in (0, 1)]


def _failed(status: int) -> bool:
    return status != 0


def by_queue(values: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Pure. What two queues of one folded name say is nobody's."""
    found: dict[str, int] = {}
    twice = set()
    for name, value in values:
        key = folded(name)
        if key in found:
            twice.add(key)
        if key != _ALL and value >= 0:
            found[key] = value
    return {key: value for key, value in found.items() if key not in twice}


def folded(name: str) -> str:
    """A queue's name as its counter may spell it."""
    return name.translate(_FOLDED).lower()
