"""Printer or not, by what the printer tables answer.

hrDeviceType alone proves nothing: Windows has a hrDevicePrinter row for every driver queue, AIX and BMCs
have rows made of error texts, cameras have made-up ones. What counts, the strongest first: the Printer
MIB's own tables, an IEEE 1284 id, a sysObjectID or sysDescr that a maker gives to printers only, a maker's
own printer table, and last a hrPrinterTable row of a device whose description names a maker of printers.
"""

import re
from dataclasses import dataclass
from typing import Final

from flexprint_agent.read import tables
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.objects import (
    GENERAL_TABLE,
    HR_DEVICE_DESCR,
    HR_PRINTER_STATUS,
    INPUT_TABLE,
    MARKER_TABLE,
    SUPPLIES_TABLE,
)
from flexprint_agent.read.text import text_of
from flexprint_agent.snmp.ber import OCTET_STRING

# Things under the numbers and names of printer makers that are none. Heard only when no printer table answers
# and the text does not speak of a printer too (Ricoh lists its "Network Scanner" beside its "Network Printer").
_OTHER_THINGS: Final = re.compile(
    r"scan(ner| server)|projector|camera|switch|router|access point|\bups\b|telephone|\bpbx\b"
    r"|\b(server|storage|display|monitor|phone|gateway|firewall)\b",
    re.IGNORECASE,
)
# Computers list the queues they print on in hrPrinterTable, by the makers' names.
_COMPUTERS: Final = re.compile(r"\b(windows|linux|hp-ux|sunos|solaris|aix|freebsd|darwin|vmware)\b", re.IGNORECASE)
_TABLES: Final = {
    MARKER_TABLE: "prtMarkerTable",
    SUPPLIES_TABLE: "prtMarkerSuppliesTable",
    INPUT_TABLE: "prtInputTable",
    GENERAL_TABLE: "prtGeneralTable",
}
_PRINT: Final = re.compile(r"print|mfp|copier", re.IGNORECASE)


@dataclass(slots=True, frozen=True)
class Verdict:
    printer: bool
    reason: str


def recognise(speaker: Speaker) -> Verdict:
    """Decides from whatever was answered; `reason` says on what grounds, in words for people."""
    reason = _table(speaker) or _device_id(speaker) or _name(speaker) or _sign(speaker) or _host_resources(speaker)
    if reason:
        return Verdict(printer=True, reason=reason)
    return Verdict(
        printer=False,
        reason="it answers no printer table, and neither sysObjectID nor sysDescr is known as a printer's",
    )


def _table(speaker: Speaker) -> str | None:
    found = [name for table, name in _TABLES.items() if speaker.answers.any_under(table)]
    return f"it answers {' and '.join(found)}" if found else None


def _device_id(speaker: Speaker) -> str | None:
    # Scanners have a 1284 id too; their class says so.
    device_id = speaker.ieee1284
    said = device_id.get("class", "").upper()
    if "model" in device_id and (said == "PRINTER" or (not said and not _is_other_thing(speaker))):
        return "its IEEE 1284 id is a printer's"
    return None


def _name(speaker: Speaker) -> str | None:
    if _is_other_thing(speaker):
        return None
    if speaker.sys_descr and tables.is_printer_text(speaker.sys_descr):
        return "its sysDescr is a printer's"
    if speaker.sys_object_id and tables.is_printer_id(speaker.sys_object_id):
        return "its sysObjectID is a printer's"
    return None


def _is_other_thing(speaker: Speaker) -> bool:
    return bool(_OTHER_THINGS.search(speaker.sys_descr)) and not _PRINT.search(speaker.sys_descr)


def _sign(speaker: Speaker) -> str | None:
    columns = (sign for vendor in tables.vendors() for sign in vendor.signs)
    return "it answers a maker's own printer table" if speaker.answers.any_under(*columns) else None


def _host_resources(speaker: Speaker) -> str | None:
    """hrPrinterTable, only of a device whose own number is none or a printer maker's, so that it is no host
    that lists its queues; and only where the same row's description names a maker of printers."""
    if speaker.sys_object_id and not tables.maker_of_tree(speaker.sys_object_id):
        return None
    if _COMPUTERS.search(speaker.sys_descr):
        return None
    descriptions = speaker.answers.column(HR_DEVICE_DESCR)
    for index in speaker.answers.column(HR_PRINTER_STATUS):
        tag, octets = descriptions.get(index, (0, b""))
        text = text_of(octets) if tag == OCTET_STRING else ""
        if (tables.maker_named(text) or tables.maker_of_brand(text)) and not _is_other_thing(speaker):
            return "it answers hrPrinterTable and names a maker of printers"
    return None
