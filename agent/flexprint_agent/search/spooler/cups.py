"""The queues of CUPS, and how many pages their finished jobs had, over IPP on this computer (RFC 8011).

Of jobs only numbers are asked for: what a document is called and whose it is stays with the spooler.
"""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from flexprint_agent.ipp import message
from flexprint_agent.ipp.client import NoAnswer, Service, ask
from flexprint_agent.search.spooler.queues import MOST_QUEUES, NoSpooler, Queue
from flexprint_agent.search.spooler.uris import port_of
from flexprint_shared.text import clean

# Where cupsd listens: Linux, older Linux and the BSDs, macOS. With systemd, connecting starts it.
SOCKETS: Final = (Path("/run/cups/cups.sock"), Path("/var/run/cups/cups.sock"), Path("/private/var/run/cupsd"))

ATTRIBUTES: Final = (
    "device-uri",
    "marker-colors",
    "marker-levels",
    "marker-names",
    "marker-types",
    "printer-device-id",
    "printer-location",
    "printer-make-and-model",
    "printer-name",
    "printer-state",
    "printer-state-reasons",
    "printer-type",
)
JOB_ATTRIBUTES: Final = (
    "job-id",
    "job-impressions-completed",
    "job-media-sheets-completed",
    "job-state",
    "time-at-completed",
)
MOST_JOBS: Final = 20_000

# Bits of printer-type (CUPS): a class has no device of its own, a fax queue no pages.
_CLASS: Final = 0x0001
_IMPLICIT_CLASS: Final = 0x10000
_FAX: Final = 0x40000


def service() -> Service | None:
    """Where the spooler of this computer listens; None where it has none."""
    for path in SOCKETS:
        try:
            if stat.S_ISSOCK(path.stat().st_mode):
                return Service(path)
        except OSError:
            continue
    return None


def queues(place: Service | None = None) -> list[Queue]:
    """The queues of a CUPS server (None: of this computer) that have a device of their own, by name. Raises
    NoSpooler."""
    place = place or service()
    if place is None:
        return []
    asked = message.request(message.CUPS_GET_PRINTERS, {"requested-attributes": ATTRIBUTES, "limit": MOST_QUEUES})
    answer = _ask(place, asked)
    found = {queue.name: queue for queue in map(_queue, answer.of(message.PRINTER)) if queue is not None}
    return [found[name] for name in sorted(found)][:MOST_QUEUES]


def _queue(attributes: message.Attributes) -> Queue | None:
    name, uri = text(attributes, "printer-name"), text(attributes, "device-uri", 2048)
    kind = first(attributes, "printer-type")
    if not name or not uri or (isinstance(kind, int) and kind & (_CLASS | _IMPLICIT_CLASS | _FAX)):
        return None
    return Queue(
        name=name,
        port=port_of(uri),
        driver=text(attributes, "printer-make-and-model"),
        location=text(attributes, "printer-location"),
        attributes=attributes,
    )


def jobs(queue: str, place: Service | None = None) -> list[message.Attributes]:
    """JOB_ATTRIBUTES of every job of this queue that the spooler still knows. Raises NoSpooler."""
    place = place or service()
    if place is None:
        raise NoSpooler("CUPS is not running; start it (`systemctl start cups`)")
    asked: dict[str, str | int | Sequence[str]] = {
        "printer-uri": f"ipp://localhost/printers/{_in_uri(queue)}",
        "requested-attributes": JOB_ATTRIBUTES,
        "which-jobs": "all",
        "limit": MOST_JOBS,
    }
    return _ask(place, message.request(message.GET_JOBS, asked)).of(message.JOB)


def _ask(place: Service, asked: bytes) -> message.Answer:
    try:
        answer = ask(place, asked)
    except NoAnswer as error:
        raise NoSpooler(f"the spooler cannot be asked: {error}; see `lpstat -t`") from error
    if not answer.successful and answer.status != message.NOT_FOUND:
        raise NoSpooler(f"the spooler refuses (IPP status {answer.status:#06x}); see `lpstat -t`")
    return answer


def _in_uri(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def first(attributes: message.Attributes, name: str) -> Any:
    values: Sequence[Any] = attributes.get(name) or (None,)
    return values[0]


def text(attributes: message.Attributes, name: str, limit: int = 255) -> str | None:
    """The attribute as one clean line; None where it is missing, empty or no text."""
    value = first(attributes, name)
    return (clean(value, limit) or None) if isinstance(value, str) else None
