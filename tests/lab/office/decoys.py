"""Things that answer SNMP and are no printers; some claim printers all the same."""

# ruff: noqa: TID252 - the lab goes by two names, lab and tests.lab, so it cannot name itself

import hashlib
from typing import Any

from ..recording import Row
from .rows import Sheet, hr_device, hr_printer, interface, own_address, system


def decoy_rows(facts: dict[str, Any]) -> list[Row]:
    """The rows of one entry of `decoys.toml`."""
    sheet = Sheet()
    address = facts["address"]
    system(
        sheet,
        facts["sys_descr"],
        facts["sys_object_id"],
        facts.get("uptime_days", 40) * 8_640_000,
        "it@fenwick-lund.example",
        facts["name"],
        facts.get("location", ""),
        facts.get("services", 72),
    )
    names = facts["interfaces"]
    sheet.put("2.1.0", len(names))
    for index, name in enumerate(names, 1):
        tail = hashlib.sha256(f"{address} {name}".encode()).digest()
        mac = "" if name == "lo" else f"{facts['oui']}:{tail[:3].hex(':')}"
        interface(
            sheet,
            index,
            name,
            24 if name == "lo" else 6,
            1_000_000_000,
            mac,
            int.from_bytes(tail[3:7], "big") % 4_000_000_000,
        )
    own_address(sheet, address, 1, "255.255.255.0")
    for index, line in enumerate(facts.get("hr_devices", ()), 1):
        kind, _, descr = line.partition(" ")
        hr_device(sheet, index, kind, descr, 2)
        if kind == "printer":
            hr_printer(sheet, index, facts.get("queues", "idle"), (), 1)
    for network in facts.get("routes", ()):
        _route(sheet, *network.split())
    for oid, said in facts.get("rows", {}).items():
        kind, _, text = said.partition(" ")
        sheet.maker(oid, kind, text)
    return list(sheet.rows.values())


def _route(sheet: Sheet, network: str, mask: str, hop: str, kind: str) -> None:
    """A row of ipRouteTable (RFC 1213), written `network mask next-hop direct|indirect`."""
    sheet.columns("4.21.1", network, (
        (1, network, "ip"), (2, 1, None), (3, 0, None), (7, hop, "ip"), (8, 3 if kind == "direct" else 4, None),
        (9, 2, None), (11, mask, "ip"),
    ))  # fmt: skip
