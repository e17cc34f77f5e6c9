"""Sweeps against a C sender and other tools: one subnet, many subnets at once, a /16.

    python -m bench.sweep [ROUNDS]

Timeout 1 s, one retry where a tool has one, no pace. Slow tools get a part of the same range, or only the one subnet;
their rows say how many addresses. Two seconds of the best times are the two timeouts themselves.
"""

import ipaddress
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from bench.rig import CannotMeasure, Farm, build, count, farm, figure, has, line, middle, peer, run

LIMIT = "C, sendmmsg (the limit)"
OURS = "FlexPrint"
PORTABLE = "FlexPrint, nothing that only Linux has"
TIMEOUTS = 2.0  # seconds that nobody can be faster than
WALL_AIM, SUBNET_AIM, SUBNETS_AIM = 1.3, 0.3, 0.5

# A GET of SNMP v2c with the community public: the payload that nmap has of its own is SNMPv3.
_QUESTION = "302602010104067075626c6963a019020400000001020100020100300b300906052b060102010500"
_OBJECTS = ".1.3.6.1.2.1.1.1.0,.1.3.6.1.2.1.1.2.0"
_LISTINGS = {
    "onesixtyone": r"(127\.\d+\.\d+\.\d+) \[public\]",
    "braa": r"(?m)^(127\.\d+\.\d+\.\d+):(?!.*Error)",
    "nmap": r"(?m)^Host: (\S+).*/open/udp",
    # It lists every address that it asked; one that answered has a description.
    "GLPI": r"(?s)<DEVICE>(?=(?:(?!</DEVICE>).)*<DESCRIPTION>)(?:(?!</DEVICE>).)*?<IP>([^<]+)</IP>",
}


@dataclass(slots=True, frozen=True)
class Site:
    """What is swept: `farm` says how many of its addresses are printers, `subnet` the prefix of the ranges in it."""

    name: str
    cidr: str
    farm: tuple[object, ...]
    subnet: int

    @property
    def network(self) -> IPv4Network:
        return IPv4Network(self.cidr)


SUBNET = Site("one /24, 250 silent addresses", "127.21.0.0/24", ("-n", 6), 24)
SUBNETS = Site("64 subnets (/24) at once, 2 % printers", "127.22.0.0/18", ("-f", 0.02), 24)
WHOLE = Site("a /16, 1 % printers", "127.20.0.0/16", ("-f", 0.01), 16)
SITES = (SUBNET, SUBNETS, WHOLE)


@dataclass(slots=True, frozen=True)
class Tool:
    """`command` for a network, the prefix of its subnets and a port. `most` addresses are what it sweeps in bearable
    time: of a larger site it gets that many; one that takes no more than a subnet is left out there."""

    name: str
    command: Callable[[IPv4Network, int, int], Sequence[object]]
    most: int = 1 << 16


@dataclass(slots=True)
class Row:
    """One tool at one site, medians over the rounds. `packets` are those a silent address received."""

    site: str
    tool: str
    addresses: int
    seconds: float
    cpu_us: float
    peak_mb: float
    packets: float
    found: int
    printers: int


@dataclass(slots=True)
class Rows:
    """Every row, and why a tool has none."""

    rows: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def of(self, site: Site, tool: str) -> Row:
        return next(row for row in self.rows if (row.site, row.tool) == (site.name, tool))


def tools(folder: Path) -> list[Tool]:
    """Every tool, whether it is here or not."""
    communities = folder / "communities.txt"
    communities.write_text("public\n")
    return [
        Tool(LIMIT, lambda net, _, port: [folder / "blast", "-r", net, "-p", port, "-t", 1000, "-x", 1]),
        Tool(OURS, lambda net, subnet, port: peer("our_sweep", net, subnet, port, "linux")),
        Tool(PORTABLE, lambda net, subnet, port: peer("our_sweep", net, subnet, port, "portable")),
        Tool("onesixtyone (no retry)", lambda net, _, port: ["onesixtyone", "-p", port, "-w", 0, "-c", communities, net]),
        Tool(
            "braa (no retry)",
            lambda net, _, port: ["braa", "-2", "-t", 1, "-r", 1, "-d", 0, f"public@{net[0]}-{net[-1]}:{port}:{_OBJECTS}"],
        ),
        Tool("gufo-snmp, 1,000 at once", lambda net, _, port: peer("gufo_sweep", net, port, 1000), 1 << 12),
        Tool("pysnmp, 1,000 at once", lambda net, _, port: peer("pysnmp_sweep", net, port, 1000), 1 << 10),
        Tool(
            "nmap -sU -T4",
            lambda net, _, port: [
                "nmap", "-sU", f"-p{port}", "-n", "-Pn", "-T4", "--max-retries", 1, "--data", _QUESTION, net, "-oG", "-",
            ],
            1 << 8,
        ),
        Tool(
            "GLPI's netdiscovery, 64 threads (no retry)",
            lambda net, _, port: [
                _netdiscovery(), "--first", net[0], "--last", net[-1], "--port", port, "--timeout", 1, "--threads", 64,
                "--credentials", "version:2c,community:public",
            ],
            1 << 8,
        ),
    ]  # fmt: skip


def _netdiscovery() -> str:
    """GLPI's agent, or the one that it comes from, by whichever name it is here."""
    return "glpi-netdiscovery" if shutil.which("glpi-netdiscovery") else "fusioninventory-netdiscovery"


def missing(tool: Tool) -> str | None:
    """What a tool needs and is not here."""
    program, *_ = words = [str(word) for word in tool.command(SUBNET.network, 24, 161)]
    if not shutil.which(program):
        return f"no {program} on PATH"
    library = {"bench.peers.gufo_sweep": "gufo.snmp", "bench.peers.pysnmp_sweep": "pysnmp"}.get(words[2], "json")
    return None if has(library) else f"no {library} among the packages"


def found_by(tool: str, out: str) -> int:
    """How many printers a tool says it found: by its own listing, or as the JSON of ours."""
    pattern = next((pattern for name, pattern in _LISTINGS.items() if tool.startswith(name)), None)
    return count(pattern, out) if pattern else int(json.loads(out.strip().splitlines()[-1])["found"])


def measure(rounds: int = 3) -> Rows:
    """Every tool in turn at each site, `rounds` times in one run."""
    measured = Rows()
    with tempfile.TemporaryDirectory(prefix="bench-sweep-") as name:
        folder = Path(name)
        build(folder)
        every = tools(folder)
        measured.left_out = {tool.name: reason for tool in every if (reason := missing(tool))}
        for site in SITES:
            with farm(folder, [site.cidr], *site.farm) as running:
                turns: defaultdict[str, list[Row]] = defaultdict(list)
                for _ in range(rounds):
                    for tool in every:
                        if tool.name not in measured.left_out and min(tool.most, site.network.num_addresses) >= 256:
                            _turn(site, tool, running, turns, measured.left_out)
            measured.rows += [_median(rows) for rows in turns.values()]
    return measured


def _turn(site: Site, tool: Tool, running: Farm, turns: defaultdict[str, list[Row]], left_out: dict[str, str]) -> None:
    if tool.most < 1 << 10 and site is not SUBNET:
        return
    network = site.network
    if network.num_addresses > tool.most:
        network = next(network.subnets(new_prefix=33 - tool.most.bit_length()))
    try:
        turns[tool.name].append(_once(site, tool, network, running))
    except CannotMeasure as reason:
        if tool.name in (LIMIT, OURS):
            raise
        left_out[tool.name] = str(reason).splitlines()[0][:200]


def _once(site: Site, tool: Tool, network: IPv4Network, running: Farm) -> Row:
    printers = sum(ipaddress.ip_address(address) in network for address in running.printers)
    spent = run(tool.command(network, site.subnet, running.port))
    silent = running.report()["per_silent"]
    return Row(
        site.name,
        tool.name,
        network.num_addresses,
        spent.seconds,
        spent.cpu / network.num_addresses * 1e6,
        spent.peak_mb,
        silent["queries"] / max(1, silent["asked"]),
        found_by(tool.name, spent.out),
        printers,
    )


def _median(rows: Sequence[Row]) -> Row:
    return Row(
        rows[0].site,
        rows[0].tool,
        rows[0].addresses,
        middle([row.seconds for row in rows]),
        middle([row.cpu_us for row in rows]),
        middle([row.peak_mb for row in rows]),
        middle([row.packets for row in rows]),
        min(row.found for row in rows),
        rows[0].printers,
    )


def aims(measured: Rows) -> dict[str, tuple[str, bool]]:
    """What the product is held to: what was measured, and whether it is met."""
    ours = {site.name: measured.of(site, OURS) for site in SITES}
    ratio = ours[WHOLE.name].seconds / measured.of(WHOLE, LIMIT).seconds
    one, many = ours[SUBNET.name].seconds - TIMEOUTS, ours[SUBNETS.name].seconds - TIMEOUTS
    packets = max(row.packets for row in ours.values())
    found, printers = sum(row.found for row in ours.values()), sum(row.printers for row in ours.values())
    return {
        f"one /24 within {SUBNET_AIM} s of its two timeouts": (f"{one:.2f} s", one <= SUBNET_AIM),
        f"64 subnets within {SUBNETS_AIM} s of the same two timeouts": (f"{many:.2f} s", many <= SUBNETS_AIM),
        f"a /16 in at most {WALL_AIM} of the C sender's time": (f"{ratio:.2f}", ratio <= WALL_AIM),
        "exactly 2 packets to a silent address": (f"{packets:.3f}", packets == 2),
        "no printer missed": (f"{found} of {printers}", found == printers),
    }


def markdown(measured: Rows) -> Iterator[str]:
    """A table for each site, the aims, and what is not here, as lines."""
    for site in SITES:
        yield line(
            [
                site.name,
                "addresses",
                "s",
                "of C",
                "CPU µs/address",
                "of C",
                "peak MB",
                "packets/silent address",
                "found",
            ]
        )
        yield line(["---"] * 9)
        limit = measured.of(site, LIMIT)
        for row in (row for row in measured.rows if row.site == site.name):
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
    for aim, (figures, met) in aims(measured).items():
        yield f"- {aim}: {figures}{'' if met else ' — missed'}"
    if measured.left_out:
        yield ""
        yield f"Left out: {'; '.join(f'{tool} ({reason})' for tool, reason in measured.left_out.items())}."


def main() -> None:
    for written in markdown(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)):
        print(written)


if __name__ == "__main__":
    main()
