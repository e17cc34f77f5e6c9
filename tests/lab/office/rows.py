"""A machine as the rows its agent answers: the standard tables, then the maker's own tree.

The standard tables are written column by column as RFC 1213, RFC 2790 and RFC 3805 number them.
"""

# ruff: noqa: TID252 - the lab goes by two names, lab and tests.lab, so it cannot name itself

from collections.abc import Iterable, Sequence
from typing import Any, Final

from .. import wire
from ..recording import Row
from .machine import ERRORS, KINDS, RECEPTACLES, UNITS, Machine
from .values import encoded

MIB2: Final = "1.3.6.1.2.1."
ENTERPRISES: Final = "1.3.6.1.4.1."
_DAY: Final = 8_640_000  # hundredths of a second

_COUNTER_UNITS: Final = {"impressions": 7, "sheets": 8, "feet": 16}
_STATES: Final = {"other": 1, "unknown": 2, "idle": 3, "printing": 4, "warmup": 5}
_SEVERITIES: Final = {"other": 1, "critical": 3, "warning": 4}
_STOPPING: Final = frozenset({"noPaper", "noToner", "doorOpen", "jammed", "serviceRequested", "markerSupplyMissing"})
_HR_TYPES: Final = {
    "other": 1, "unknown": 2, "processor": 3, "network": 4, "printer": 5, "disk": 6, "video": 10, "audio": 11,
    "keyboard": 13, "memory": 20,
}  # fmt: skip
# prtAlertGroup by prtAlertCode: the codes of a subunit share their hundreds (PrtAlertCodeTC).
_ALERT_GROUPS: Final = {3: 6, 8: 13, 10: 11}
_INTERPRETERS: Final = {
    "PCL": 3,
    "PJL": 5,
    "PostScript": 6,
    "PCLXL": 47,
    "PDF": 54,
    "ESC/P-R": 10,
    "ZPL": 39,
    "URF": 1,
    "XPS": 66,
}
_PORTS: Final = (("raw", 11, "9100"), ("lpd", 8, "515"), ("ipp", 44, "631"), ("http", 38, "80"))


class Sheet:
    """Rows being gathered. Numbers are INTEGER and text is UTF-8 unless a type is named; `local` text is in
    the panel's character set."""

    def __init__(self, codec: str = "utf-8") -> None:
        self.rows: dict[str, Row] = {}
        self._codec = codec

    def object(self, oid: str, kind: str, text: str) -> None:
        """One object by its whole OID."""
        tag, content = (wire.OCTET_STRING, text.encode(self._codec)) if kind == "local" else encoded(kind, text)
        self.rows[oid] = Row(oid, tag, content)

    def put(self, oid: str, value: int | str, kind: str | None = None) -> None:
        """One object of mib-2, `oid` without that start."""
        self.object(MIB2 + oid, kind or ("int" if isinstance(value, int) else "text"), str(value))

    def local(self, oid: str, text: str) -> None:
        self.object(MIB2 + oid, "local", text)

    def maker(self, oid: str, kind: str, text: str) -> None:
        """One object of a maker's tree, `oid` without the start of all enterprises; or any object, whole."""
        self.object(oid if oid.startswith("1.3.6.1.") else ENTERPRISES + oid, kind, text)

    def columns(self, entry: str, index: str, columns: Iterable[tuple[int, int | str, str | None]]) -> None:
        """Columns of one table row: (number, value, type)."""
        for number, value, kind in columns:
            self.put(f"{entry}.{number}.{index}", value, kind)


def system(
    sheet: Sheet, descr: str, object_id: str, ticks: int, contact: str, name: str, location: str, services: int
) -> None:
    for number, value, kind in (
        (1, descr, "text"), (2, object_id, "oid"), (3, ticks, "ticks"), (4, contact, "text"), (5, name, "text"),
        (6, location, "text"), (7, services, "int"),
    ):  # fmt: skip
        sheet.put(f"1.{number}.0", value, kind)


def interface(sheet: Sheet, index: int, descr: str, kind: int, speed: int, mac: str, octets: int) -> None:
    """A row of ifTable (RFC 2863). The traffic is made up from `octets`."""
    sheet.columns("2.2.1", str(index), (
        (1, index, None), (2, descr, None), (3, kind, None), (4, 1500, None), (5, speed, "gauge"),
        (6, mac.replace(":", ""), "hex"), (7, 1, None), (8, 1, None), (9, 0, "ticks"),
        (10, octets, "counter"), (11, octets // 600, "counter"), (12, octets // 900, "counter"), (13, 0, "counter"),
        (14, 0, "counter"), (15, 0, "counter"), (16, octets // 3, "counter"), (17, octets // 1800, "counter"),
        (18, octets // 90000, "counter"), (19, 0, "counter"), (20, 0, "counter"), (21, 0, "gauge"), (22, "0.0", "oid"),
    ))  # fmt: skip


def own_address(sheet: Sheet, address: str, index: int, mask: str) -> None:
    """A row of ipAddrTable."""
    sheet.columns(
        "4.20.1", address, ((1, address, "ip"), (2, index, None), (3, mask, "ip"), (4, 1, None), (5, 65535, None))
    )


def hr_device(sheet: Sheet, index: int, kind: str, descr: str, status: int, object_id: str = "0.0") -> None:
    """A row of hrDeviceTable."""
    sheet.columns("25.3.2.1", str(index), (
        (1, index, None), (2, f"1.3.6.1.2.1.25.3.1.{_HR_TYPES[kind]}", "oid"), (3, descr, None), (4, object_id, "oid"),
        (5, status, None), (6, 0, "counter"),
    ))  # fmt: skip


def hr_printer(sheet: Sheet, index: int, state: str, errors: Sequence[str], octets: int) -> None:
    """A row of hrPrinterTable; the error bits fill at least `octets` octets."""
    places = [ERRORS.index(error) for error in errors]
    octets = max([octets, *(place // 8 + 1 for place in places)])
    bits = sum(1 << (8 * octets - 1 - place) for place in places)
    sheet.put(f"25.3.5.1.1.{index}", _STATES[state])
    sheet.put(f"25.3.5.1.2.{index}", bits.to_bytes(octets, "big").hex(), "hex")


def machine_rows(one: Machine) -> list[Row]:
    """Every row that this machine's agent answers."""
    sheet = Sheet(one.codec)
    values = one.values()
    facts = one.facts
    descr = facts["sys_descr"].format_map(values)
    ticks = facts["uptime_days"] * _DAY + one.place * 7919
    system(sheet, descr, facts["sys_object_id"], ticks, one.contact, one.name, one.location, 72)
    sheet.put("2.1.0", 1)
    interface(sheet, 1, facts["interface"], 6, 1_000_000_000, one.mac, 80_000_000 + 613 * len(descr) + ticks)
    own_address(sheet, one.address, 1, "255.255.255.0")
    _host(sheet, one, values)
    if not facts["label_printer"]:
        _printer_mib(sheet, one)
    for oid, said in facts["rows"].items():
        _maker_row(sheet, oid, said, values)
    gone = tuple(MIB2 + oid + "." for oid in facts["without"])
    return [row for row in sheet.rows.values() if not gone or not row.oid.startswith(gone)]


def _maker_row(sheet: Sheet, oid: str, said: str, values: dict[str, Any]) -> None:
    """A row written `type value`, with {names} of values in it; left out where the machine lacks the value."""
    kind, _, template = said.partition(" ")
    try:
        if kind == "blob":
            text = " ".join(filter(None, (_known(part, values) for part in template.split())))
        else:
            text = template.format_map(values)
    except KeyError:
        return
    sheet.maker(oid, kind, text)


def _known(part: str, values: dict[str, Any]) -> str | None:
    try:
        return part.format_map(values)
    except KeyError:
        return None


def _host(sheet: Sheet, one: Machine, values: dict[str, Any]) -> None:
    """Host Resources: the printer is device 1, what else is in the box follows."""
    facts = one.facts
    sheet.put("25.2.2.0", 524288)
    stopped = bool(_STOPPING & set(one.errors))
    status = 5 if stopped else 3 if one.errors or one.alerts else 2
    descr = facts["description"].format_map(values)
    hr_device(sheet, 1, "printer", descr, status)
    for index, kind in enumerate(facts["hr_devices"], 2):
        hr_device(
            sheet, index, kind, {"network": facts["interface"], "other": f"{one.model} scanner"}.get(kind, kind), 2
        )
    hr_printer(sheet, 1, facts["state"], one.errors, facts["error_octets"])


def _printer_mib(sheet: Sheet, one: Machine) -> None:
    facts = one.facts
    _general(sheet, one)
    for index, cover in enumerate(facts["covers"], 1):
        sheet.local(f"43.6.1.1.2.1.{index}", cover)
        sheet.put(f"43.6.1.1.3.1.{index}", 3 if "doorOpen" in one.errors and index == 1 else 4)
    for index, tray in enumerate(facts["trays"], 1):
        _tray(sheet, one, index, tray)
    _output(sheet)
    if "total" in one.counters:
        _marker(sheet, one)
    _supplies(sheet, one)
    _paths(sheet, one)
    _channels(sheet, facts["interpreters"])
    lines = (*one.console, *[""] * (2 - len(one.console)))
    for index, text in enumerate(lines, 1):
        sheet.local(f"43.16.5.1.2.1.{index}", text.ljust(24))
    for index, (severity, code, text) in enumerate(one.alerts, 1):
        _alert(sheet, index, severity, code, text)


def _general(sheet: Sheet, one: Machine) -> None:
    facts = one.facts
    trays = len(facts["trays"])
    sheet.columns("43.5.1.1", "1", (
        (1, 3, "counter"), (2, 1, None), (3, 3, None), (4, "", None), (5, "", None), (6, 1, None), (7, 1, None),
        (8, 1, None), (9, min(2, trays), None), (10, 1, None), (11, 2, None), (12, 24, None), (13, 1, None),
        (14, 2, None), (15, 1, None), (16, one.name, None), (17, one.serial, None),
        (18, sum(severity == "critical" for severity, _, _ in one.alerts), "counter"),
        (19, len(one.alerts) + 4, "counter"),
    ))  # fmt: skip
    sheet.columns("43.7.1.1", "1.1", ((2, facts["language"], None), (3, "", None), (4, facts["charset"], None)))


def _tray(sheet: Sheet, one: Machine, index: int, line: str) -> None:
    """A row of prtInputTable, written `capacity name`."""
    sheets, _, name = line.partition(" ")
    capacity = int(sheets)
    empty = index == 2 and bool({"noPaper", "inputTrayEmpty"} & set(one.errors))
    level = 0 if empty else capacity // 5 if index == 2 and "lowPaper" in one.errors else capacity * 4 // 5
    at = f"1.{index}"
    sheet.columns("43.8.2.1", at, (
        (2, 5 if capacity <= 150 else 4, None), (3, 4, None), (4, 297000, None), (5, 210000, None), (6, 297000, None),
        (7, 210000, None), (8, 8, None), (9, capacity, None), (10, level, None), (11, 17 if empty else 0, None),
        (12, "iso_a4_210x297mm", None), (14, "", None), (15, "", None), (16, "", None), (17, "", None),
    ))  # fmt: skip
    sheet.local(f"43.8.2.1.13.{at}", name)
    sheet.local(f"43.8.2.1.18.{at}", name)


def _output(sheet: Sheet) -> None:
    sheet.columns("43.9.2.1", "1.1", (
        (2, 4, None), (3, 8, None), (4, 250, None), (5, -3, None), (6, 0, None), (7, "", None), (8, "", None),
        (9, "", None), (10, "", None), (11, "", None), (12, "Top tray", None), (13, 4, None), (14, 3, None),
    ))  # fmt: skip


def _marker(sheet: Sheet, one: Machine) -> None:
    total = one.values()["life"]
    unit = _COUNTER_UNITS[one.facts["counter_unit"]]
    sheet.columns("43.10.2.1", "1.1", (
        (2, 4, None), (3, unit, None), (4, total, "counter"), (5, total % 389, "counter"), (6, 4 if one.color else 1, None),
        (7, 0, None), (8, 3, None), (9, 600, None), (10, 600, None), (11, 1968, None), (12, 1968, None), (13, 1968, None),
        (14, 1968, None), (15, 4 if one.facts["state"] == "printing" else 2, None),
    ))  # fmt: skip


def _supplies(sheet: Sheet, one: Machine) -> None:
    """prtMarkerSuppliesTable and the colours it points to, in the order the supplies first name them."""
    colors = list(dict.fromkeys(supply.color for supply in one.supplies if supply.color))
    for index, supply in enumerate(one.supplies, 1):
        sheet.columns("43.11.1.1", f"1.{index}", (
            (2, 1, None), (3, colors.index(supply.color) + 1 if supply.color else 0, None),
            (4, 4 if supply.kind in RECEPTACLES else 3, None), (5, KINDS[supply.kind], None),
            (7, UNITS[supply.unit], None), (8, supply.capacity, None), (9, supply.level, None),
        ))  # fmt: skip
        sheet.local(f"43.11.1.1.6.1.{index}", supply.name)
    for index, color in enumerate(colors, 1):
        sheet.columns("43.12.1.1", f"1.{index}", ((2, 1, None), (3, 3, None), (4, color, None), (5, 256, None)))


def _paths(sheet: Sheet, one: Machine) -> None:
    """prtMediaPathTable: simplex, and long and short edge duplex where there is a duplexer."""
    kinds = [(5, "Simplex"), *([(3, "Long edge"), (4, "Short edge")] if "duplex" in one.counters else [])]
    for index, (kind, name) in enumerate(kinds, 1):
        sheet.columns("43.13.4.1", f"1.{index}", (
            (2, 8, None), (3, 4, None), (4, one.facts["speed"] * 60, None), (5, 355600, None), (6, 215900, None),
            (7, 148000, None), (8, 76200, None), (9, kind, None), (10, name, None), (11, 0, None),
        ))  # fmt: skip


def _channels(sheet: Sheet, interpreters: Sequence[str]) -> None:
    for index, (_, kind, port) in enumerate(_PORTS, 1):
        sheet.columns("43.14.1.1", f"1.{index}", (
            (2, kind, None), (3, "", None), (4, 1, None), (5, 1, None), (6, 3, None), (7, 1, None), (8, f"port={port}", None),
        ))  # fmt: skip
    for index, name in enumerate(interpreters, 1):
        sheet.columns("43.15.1.1", f"1.{index}", (
            (2, _INTERPRETERS[name], None), (3, "", None), (4, "", None), (5, name, None), (6, "", None), (7, 3, None),
            (8, -2, None), (9, -2, None), (10, 106, None), (11, 106, None), (12, 4, None),
        ))  # fmt: skip


def _alert(sheet: Sheet, index: int, severity: str, code: int, text: str) -> None:
    group = _ALERT_GROUPS.get(code) or (code // 100 if code >= 100 else 5)
    at = f"1.{index}"
    sheet.columns("43.18.1.1", at, (
        (2, _SEVERITIES[severity], None), (3, 3, None), (4, group, None), (5, 1, None), (6, 0, None), (7, code, None),
        (9, 52_000 + 100 * index, "ticks"),
    ))  # fmt: skip
    sheet.local(f"43.18.1.1.8.{at}", text)
