"""Reading a thousand printers, a hundred at once, against other SNMP libraries.

    python -m bench.read [ROUNDS]

A walk of the same twelve subtrees (230 values) by every library, a GETBULK walk per subtree where the
library packs no more; and what the product does: a whole read, and a read of a printer it knows, both
with everything that is made of the values (their column counts meters and supplies).
Slow libraries get fewer printers; their rows say how many.
"""

import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rig import Farm, build, farm, figure, has, line, middle, peer, run

PRINTERS, FEW, AT_ONCE = 1000, 100, 100
WALK = "FlexPrint, walk of the 12 subtrees"
READ = "FlexPrint, a whole read"
KNOWN = "FlexPrint, a known printer"
GUFO = "gufo-snmp"
RATE_AIM, CPU_AIM, PACKETS_AIM = 1.5, 0.6, 8
_RANGE = "127.30.0.0/20"


@dataclass(slots=True)
class Row:
    """One way, medians over the rounds. `rate` is devices a second, `cpu_ms` per device."""

    tool: str
    devices: int
    values: float
    rate: float
    cpu_ms: float
    packets: float
    octets: float
    peak_mb: float


def tools(folder: Path, running: Farm) -> dict[str, tuple[int, Sequence[object]]]:
    """Name -> (devices, command) of every way that is here."""
    many, few = folder / "many.txt", folder / "few.txt"
    many.write_text("\n".join(running.printers))
    few.write_text("\n".join(running.printers[:FEW]))
    known: dict[str, tuple[int, Sequence[object]]] = {
        WALK: (PRINTERS, peer("our_read", many, running.port, "walk")),
        READ: (PRINTERS, peer("our_read", many, running.port, "read")),
        KNOWN: (PRINTERS, peer("our_read", many, running.port, "known")),
    }
    if has("gufo.snmp"):
        known[GUFO] = (PRINTERS, peer("gufo_read", many, running.port, AT_ONCE))
    if has("pysnmp"):
        known["pysnmp"] = (FEW, peer("pysnmp_read", few, running.port, AT_ONCE))
    if shutil.which("snmpbulkwalk"):
        known["snmpbulkwalk, 32 processes"] = (FEW, peer("bulkwalk_read", few, running.port, 32))
    return known


def measure(rounds: int = 3) -> list[Row]:
    """Every way in turn, `rounds` times in one run."""
    with tempfile.TemporaryDirectory(prefix="bench-read-") as name:
        folder = Path(name)
        build(folder)
        with farm(folder, [_RANGE], "-n", PRINTERS) as running:
            turns: defaultdict[str, list[Row]] = defaultdict(list)
            for _ in range(rounds):
                for tool, (devices, command) in tools(folder, running).items():
                    turns[tool].append(_once(tool, devices, command, running))
    return [_median(rows) for rows in turns.values()]


def _once(tool: str, devices: int, command: Sequence[object], running: Farm) -> Row:
    spent = run(command)
    facts = spent.facts()
    report = running.report()
    assert facts["devices"] == devices, f"{tool} read {facts['devices']} of {devices}"
    # A known printer was read in full first, by the same process; only the second read counts.
    packets = facts.get("packets", report["requests"])
    octets = facts.get("octets", report["bytes_in"] + report["bytes_out"])
    return Row(
        tool,
        devices,
        facts["values"],
        devices / facts["seconds"],
        facts["cpu"] / devices * 1000,
        packets / devices,
        octets / devices,
        spent.peak_mb,
    )


def _median(rows: Sequence[Row]) -> Row:
    return Row(
        rows[0].tool,
        rows[0].devices,
        rows[0].values,
        middle([row.rate for row in rows]),
        middle([row.cpu_ms for row in rows]),
        max(row.packets for row in rows),
        middle([row.octets for row in rows]),
        middle([row.peak_mb for row in rows]),
    )


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What the product is held to: what was measured, and whether it is met. A rate is held against another library
    where both do the same: fetch 230 values."""
    by_name = {row.tool: row for row in rows}
    kept: dict[str, tuple[str, bool]] = {}
    if GUFO in by_name:
        rate, cpu = _against(by_name[WALK], by_name[GUFO])
        kept[f"230 values at {RATE_AIM} times gufo-snmp's rate or more"] = (f"{rate:.2f}", rate >= RATE_AIM)
        kept[f"230 values at {CPU_AIM} of its CPU or less"] = (f"{cpu:.2f}", cpu <= CPU_AIM)
    for name, way, most in (
        (f"230 values in {PACKETS_AIM} packets or fewer", WALK, PACKETS_AIM),
        (f"a whole read in {PACKETS_AIM} packets or fewer", READ, PACKETS_AIM),
        ("a known printer in 1 or 2 packets", KNOWN, 2),
    ):
        kept[name] = (f"{by_name[way].packets:.1f}", by_name[way].packets <= most)
    return kept


def _against(way: Row, other: Row) -> tuple[float, float]:
    """How many times the rate, and which part of the CPU time a device."""
    return way.rate / other.rate, way.cpu_ms / other.cpu_ms


def _remarks(rows: Sequence[Row]) -> Iterator[str]:
    by_name = {row.tool: row for row in rows}
    if GUFO in by_name:
        for name, way in (("a whole read", READ), ("the read of a known printer", KNOWN)):
            rate, cpu = _against(by_name[way], by_name[GUFO])
            yield (
                f"- {name}, with identity, meters, supplies and evidence made of what came, beside gufo-snmp's fetching "
                f"alone: {rate:.2f} of its rate at {cpu:.2f} of its CPU"
            )


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table and the aims, as lines."""
    yield line(
        ["reading printers", "devices", "values", "devices/s", "CPU ms/device", "of gufo-snmp",
         "packets/device", "octets/device", "peak MB"]
    )  # fmt: skip
    yield line(["---"] * 9)
    reference = next((row.cpu_ms for row in rows if row.tool == GUFO), None)
    for row in rows:
        yield line(
            [
                row.tool, f"{row.devices:,}", figure(row.values), figure(row.rate), figure(row.cpu_ms),
                figure(row.cpu_ms / reference if reference else None), figure(row.packets), figure(row.octets),
                figure(row.peak_mb),
            ]
        )  # fmt: skip
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"
    yield from _remarks(rows)


def main() -> None:
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)):
        print(written)


if __name__ == "__main__":
    main()
