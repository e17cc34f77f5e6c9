"""A sweep of a /16 in which one address in a hundred is a printer, against a C sender and other tools.

    python -m bench.sweep [ROUNDS]

Timeout 1 s, one retry where a tool has one, no pace. Slow tools get a part of the same range; their rows
say how many addresses. Two seconds of the best times are the two timeouts themselves.
"""

import ipaddress
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rig import Farm, build, count, farm, figure, has, line, middle, peer, run

WHOLE, PART, SAMPLE = "127.20.0.0/16", "127.20.64.0/20", "127.20.128.0/22"
LIMIT = "C, sendmmsg (the limit)"
OURS = "FlexPrint"
PORTABLE = "FlexPrint, nothing that only Linux has"
WALL_AIM = 1.3
_LISTINGS = {"onesixtyone": r"(127\.\d+\.\d+\.\d+) \[public\]", "braa": r"(?m)^(127\.\d+\.\d+\.\d+):(?!.*Error)"}


@dataclass(slots=True)
class Row:
    """One tool, medians over the rounds. `packets` are those a silent address received."""

    tool: str
    addresses: int
    seconds: float
    cpu_us: float
    peak_mb: float
    packets: float
    found: int
    printers: int


def tools(folder: Path, port: int) -> dict[str, tuple[str, Sequence[object]]]:
    """Name -> (range, command) of every tool that is here."""
    communities = folder / "communities.txt"
    communities.write_text("public\n")
    first, last = (str(ipaddress.ip_network(WHOLE)[at]) for at in (0, -1))
    objects = ".1.3.6.1.2.1.1.1.0,.1.3.6.1.2.1.1.2.0"
    known: dict[str, tuple[str, Sequence[object]]] = {
        LIMIT: (WHOLE, [folder / "blast", "-r", WHOLE, "-p", port, "-t", 1000, "-x", 1]),
        OURS: (WHOLE, peer("our_sweep", WHOLE, port, "linux")),
        PORTABLE: (WHOLE, peer("our_sweep", WHOLE, port, "portable")),
        "onesixtyone (no retry)": (WHOLE, ["onesixtyone", "-p", port, "-w", 0, "-c", communities, WHOLE]),
        "braa (no retry)": (
            WHOLE,
            ["braa", "-2", "-t", 1, "-r", 1, "-d", 0, f"public@{first}-{last}:{port}:{objects}"],
        ),
    }
    if has("gufo.snmp"):
        known["gufo-snmp, 1,000 at once"] = (PART, peer("gufo_sweep", PART, port, 1000))
    if has("pysnmp"):
        known["pysnmp, 1,000 at once"] = (SAMPLE, peer("pysnmp_sweep", SAMPLE, port, 1000))
    return {name: tool for name, tool in known.items() if shutil.which(str(tool[1][0]))}


def found_by(tool: str, out: str) -> int:
    """How many printers a tool says it found: by its own listing, or as the JSON of ours."""
    pattern = next((pattern for name, pattern in _LISTINGS.items() if tool.startswith(name)), None)
    return count(pattern, out) if pattern else int(json.loads(out.strip().splitlines()[-1])["found"])


def measure(rounds: int = 3) -> list[Row]:
    """Every tool in turn, `rounds` times in one run."""
    with tempfile.TemporaryDirectory(prefix="bench-sweep-") as name:
        folder = Path(name)
        build(folder)
        with farm(folder, [WHOLE], "-f", 0.01) as running:
            turns: defaultdict[str, list[Row]] = defaultdict(list)
            for _ in range(rounds):
                for tool, (cidr, command) in tools(folder, running.port).items():
                    turns[tool].append(_once(tool, cidr, command, running))
    return [_median(rows) for rows in turns.values()]


def _once(tool: str, cidr: str, command: Sequence[object], running: Farm) -> Row:
    network = ipaddress.ip_network(cidr)
    printers = sum(ipaddress.ip_address(address) in network for address in running.printers)
    spent = run(command)
    silent = running.report()["per_silent"]
    return Row(
        tool,
        network.num_addresses,
        spent.seconds,
        spent.cpu / network.num_addresses * 1e6,
        spent.peak_mb,
        silent["queries"] / max(1, silent["asked"]),
        found_by(tool, spent.out),
        printers,
    )


def _median(rows: Sequence[Row]) -> Row:
    return Row(
        rows[0].tool,
        rows[0].addresses,
        middle([row.seconds for row in rows]),
        middle([row.cpu_us for row in rows]),
        middle([row.peak_mb for row in rows]),
        middle([row.packets for row in rows]),
        min(row.found for row in rows),
        rows[0].printers,
    )


def aims(rows: Sequence[Row]) -> dict[str, tuple[str, bool]]:
    """What the product is held to: what was measured, and whether it is met."""
    by_name = {row.tool: row for row in rows}
    ours, limit = by_name[OURS], by_name[LIMIT]
    ratio = ours.seconds / limit.seconds
    return {
        f"wall time at most {WALL_AIM} of the C sender's": (f"{ratio:.2f}", ratio <= WALL_AIM),
        "exactly 2 packets to a silent address": (f"{ours.packets:.3f}", ours.packets == 2),
        "no printer missed": (f"{ours.found} of {ours.printers}", ours.found == ours.printers),
    }


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table and the aims, as lines."""
    yield line(
        ["sweep, 1 % printers", "addresses", "s", "of C", "CPU µs/address", "of C", "peak MB",
         "packets/silent address", "found"]
    )  # fmt: skip
    yield line(["---"] * 9)
    limit = next(row for row in rows if row.tool == LIMIT)
    for row in rows:
        # Time is compared only over the same range: the two timeouts do not shrink with it.
        wall = row.seconds / limit.seconds if row.addresses == limit.addresses else None
        yield line(
            [
                row.tool, f"{row.addresses:,}", figure(row.seconds), figure(wall), figure(row.cpu_us),
                figure(row.cpu_us / limit.cpu_us), figure(row.peak_mb), figure(row.packets),
                f"{row.found}/{row.printers}",
            ]
        )  # fmt: skip
    yield ""
    for aim, (measured, met) in aims(rows).items():
        yield f"- {aim}: {measured}{'' if met else ' — missed'}"


def main() -> None:
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)):
        print(written)


if __name__ == "__main__":
    main()
