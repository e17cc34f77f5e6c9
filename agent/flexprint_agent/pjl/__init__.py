"""A printer's own page count over its cable, in the Printer Job Language: `@PJL INFO PAGECOUNT`.

Where the system has a port for both directions (usblp of Linux: /dev/usb/lp0; Windows: see `windows`), it also tells
the device's IEEE 1284 id. Nothing is written to a printer whose id does not list PJL: one that does not know the
language would print it. The port opens for one at a time, so a job that is being printed is never disturbed: then there
is no count this time.
"""

import contextlib
import os
import re
import select
import time
from pathlib import Path
from typing import Final

CLASS: Final = Path("/sys/class/usbmisc")
DEVICES: Final = Path("/dev/usb")
PATIENCE: Final = 3.0
"""Seconds for the answer; a printer that sleeps may take two."""

LARGEST: Final = 2**31 - 1
"""A page count beyond it is noise."""

_LEAVE: Final = b"\x1b%-12345X"  # the Universal Exit Language: whatever language was spoken before ends here
QUESTION: Final = _LEAVE + b"@PJL\r\n@PJL INFO PAGECOUNT\r\n" + _LEAVE
MOST: Final = 4096
_ANSWER: Final = re.compile(
    rb'@PJL INFO PAGECOUNT\s*\r?\n\s*(?:PAGECOUNT\s*=\s*)?"?(\d{1,10})"?\s*\r?\n', re.IGNORECASE
)
_SPEAKS: Final = re.compile(r"(?:^|;)\s*(?:CMD|COMMAND SET)\s*:[^;]*\bPJL\b", re.IGNORECASE)
_SERIAL: Final = re.compile(r"(?:^|;)\s*(?:SN|SER|SERN|SERIALNUMBER)\s*:\s*([^;]+)", re.IGNORECASE)


def page_count(serial: str | None, *, ports: Path | None = None, devices: Path | None = None) -> int | None:
    """The pages that the printer with this serial says it has printed; None where it hangs on no such port, speaks no
    PJL, is busy or gives no count."""
    port = _port_of(serial, ports or CLASS) if serial else None
    return None if port is None else ask((devices or DEVICES) / port)


def _port_of(serial: str, ports: Path) -> str | None:
    for port in sorted(ports.glob("lp*")):
        with contextlib.suppress(OSError):
            told = (port / "device" / "ieee1284_id").read_bytes()[:MOST].decode("utf-8", "replace")
            found = _SERIAL.search(told)
            if found and found[1].strip() == serial and speaks(told):
                return port.name
    return None


def ask(path: Path, patience: float = PATIENCE) -> int | None:
    """What the printer behind this port answers; None where it cannot be asked or says nothing of the kind."""
    try:
        port = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # busy with a job, switched off, or not ours to open
        return None
    try:
        os.write(port, QUESTION)
        return parse(_answer(port, time.monotonic() + patience))
    except OSError:  # unplugged meanwhile
        return None
    finally:
        os.close(port)


def _answer(port: int, until: float) -> bytes:
    """What comes until the answer is there, MOST octets or the end of patience. Status that the printer sends by
    itself may stand before it."""
    heard = b""
    while len(heard) < MOST and not is_whole(heard):
        left = until - time.monotonic()
        if left <= 0 or not select.select([port], [], [], left)[0]:
            break
        with contextlib.suppress(BlockingIOError):
            some = os.read(port, 512)
            if not some:
                break
            heard += some
    return heard


def speaks(ieee1284: str) -> bool:
    """Whether a device of this IEEE 1284 id knows the language; no other is ever written to."""
    return bool(_SPEAKS.search(ieee1284))


def is_whole(heard: bytes) -> bool:
    """Whether the answer is there."""
    return bool(_ANSWER.search(heard))


def parse(heard: bytes) -> int | None:
    """The count in an answer: a line of its own behind the question, with or without PAGECOUNT= and quotes."""
    found = _ANSWER.search(heard)
    count = int(found[1]) if found else None
    return count if count is not None and count <= LARGEST else None
