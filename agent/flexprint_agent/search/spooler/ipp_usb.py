"""Printers that ipp-usb serves on loopback, found by the port it keeps for each: their queues name them only as they
announce themselves (`ipp://HP%20M404._ipp._tcp.local/`), which would take mDNS to resolve."""

import contextlib
import re
from pathlib import Path
from typing import Final

from flexprint_agent.search.spooler.queues import MOST_QUEUES, Port, Queue
from flexprint_shared.text import clean

# One file a device, NAME.state, kept while it is unplugged: `[device]`, then `http-port = 60000`.
STATES: Final = Path("/var/ipp-usb/dev")
_PORT: Final = re.compile(r"^\s*http-port\s*=\s*(\d{1,5})\s*$", re.MULTILINE)
_LARGEST: Final = 4096


def devices(folder: Path | None = None) -> list[Queue]:
    """One for each device that ipp-usb has ever served, named as its file; none where there is no ipp-usb."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted((folder or STATES).glob("*.state"))[:MOST_QUEUES]:
            with path.open(encoding="utf-8", errors="replace") as file:
                said = _PORT.search(file.read(_LARGEST))
            port = int(said[1]) if said else 0
            if 0 < port <= 65535:
                name = clean(path.stem)
                found.append(Queue(name, Port("ipp", path.stem, ipp_port=port, ipp_path="/ipp/print"), listed=False))
    return found
