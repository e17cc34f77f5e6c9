"""The simulated office: three floors on loopback, printers of many makers, a dozen decoys, much silence.

Everything about it is data: a file per maker with its models and the machines that stand here, made from
the facts that are publicly known about each maker's SNMP agent, with invented serials and people.
"""

# ruff: noqa: TID252 - the lab goes by two names, lab and tests.lab, so it cannot name itself

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from ..device import Quirks
from ..recording import Row
from .decoys import decoy_rows
from .machine import Machine, SupplyTruth, machine, printed
from .rows import Sheet, machine_rows

SEGMENTS: Final = ("127.20.10.0/24", "127.20.11.0/24", "127.20.12.0/25")
"""Ground floor, first floor, second floor: 634 addresses."""

_FOLDER: Final = Path(__file__).parent
_DECOYS: Final = "decoys.toml"
_QUIRKS: Final = "quirks.toml"


@dataclass(slots=True, frozen=True)
class Truth:
    """What a printer really is and has: what a perfect read of it says.

    `total` is the billing total, None for machines that count no pages. `meters` holds every meter the
    machine has, by the names of the vocabulary; not each maker tells each of them over SNMP. `asset` is what the
    machine itself holds; most hold none.
    """

    maker: str
    model: str
    serial: str
    total: int | None
    color: bool | None
    mac: str
    name: str
    location: str
    contact: str
    asset: str | None
    meters: dict[str, int]
    supplies: tuple[SupplyTruth, ...]
    errors: tuple[str, ...]
    console: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Placed:
    """A device at an address. `truth` is None for what is no printer; `kind` says what it is instead."""

    address: str
    rows: list[Row]
    quirks: Quirks
    kind: str = "printer"
    truth: Truth | None = None
    machine: Machine | None = None


def office() -> list[Placed]:
    """Every device of the office, printers first."""
    return [_placed(one) for one in _machines()] + [_decoy(one) for one in _facts(_FOLDER / _DECOYS)["decoys"]]


def addresses() -> list[str]:
    """Every address of the office that a sweep asks, silent ones included."""
    return [str(host) for segment in SEGMENTS for host in IPv4Network(segment).hosts()]


def grown(placed: Placed, pages: int) -> Placed:
    """The same printer after it printed `pages` more, in its usual mix of colour, copies and duplex."""
    if placed.machine is None:
        return placed
    return _placed(printed(placed.machine, pages))


@dataclass(slots=True, frozen=True)
class Quirk:
    """One way in which real printers have been seen to misbehave, and a machine that does. `told` is what a right
    read of it says (see quirks.toml)."""

    name: str
    seen_on: str
    rows: list[Row]
    agent: Quirks
    told: dict[str, Any]


def quirks() -> list[Quirk]:
    """Every quirk, each on a machine of its own."""
    return [_quirk(one) for one in _facts(_FOLDER / _QUIRKS)["quirks"]]


def _quirk(facts: dict[str, Any]) -> Quirk:
    base = next(one for one in _machines() if one.address == f"127.20.{facts['base']}")
    gone = tuple(f"{oid}." for oid in facts.get("without", ()))
    sheet = Sheet(base.codec)
    sheet.rows = {row.oid: row for row in machine_rows(base) if not f"{row.oid}.".startswith(gone or "-")}
    for oid, said in facts.get("rows", {}).items():
        kind, _, text = said.partition(" ")
        sheet.maker(oid, kind, text)
    for column, (count, said) in facts.get("many", {}).items():
        kind, _, text = said.partition(" ")
        for row in range(1, count + 1):
            sheet.maker(f"{column}.{row}", kind, text)
    agent = facts.get("agent", {})
    manners = replace(base.quirks, **{name: tuple(of) if isinstance(of, list) else of for name, of in agent.items()})
    return Quirk(facts["name"], facts["seen_on"], list(sheet.rows.values()), manners, facts["told"])


def _placed(one: Machine) -> Placed:
    return Placed(one.address, machine_rows(one), one.quirks, truth=_truth(one), machine=one)


def _truth(one: Machine) -> Truth:
    return Truth(
        maker=one.maker,
        model=one.model,
        serial=one.serial,
        total=one.counters.get("total"),
        color=one.color,
        mac=one.mac,
        name=one.name,
        location=one.location,
        contact=one.contact,
        asset=one.asset,
        meters=one.meters(),
        supplies=tuple(supply.truth() for supply in one.supplies),
        errors=one.errors,
        console=one.console,
    )


def _decoy(facts: dict[str, Any]) -> Placed:
    return Placed(facts["address"], decoy_rows(facts), Quirks(**facts.get("quirks", {})), kind=facts["kind"])


@cache
def _machines() -> tuple[Machine, ...]:
    found = []
    for path in sorted(_FOLDER.glob("*.toml")):
        if path.name not in (_DECOYS, _QUIRKS):
            facts = _facts(path)
            found += [machine(facts, one) for one in facts["printers"]]
    return tuple(replace(one, place=place) for place, one in enumerate(found))


def _facts(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
