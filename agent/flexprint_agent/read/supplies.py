"""prtMarkerSuppliesTable (RFC 3805) -> supplies, and whether the device prints in colour."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from flexprint_agent.read import words
from flexprint_agent.read.objects import (
    COLORANT_VALUE,
    MARKER_COLORANTS,
    SUPPLY_CAPACITY,
    SUPPLY_CLASS,
    SUPPLY_COLORANT,
    SUPPLY_LEVEL,
    SUPPLY_MARKER,
    SUPPLY_NAME,
    SUPPLY_TYPE,
    SUPPLY_UNIT,
    Answers,
    Index,
)
from flexprint_agent.read.text import text_of
from flexprint_agent.snmp.ber import OCTET_STRING
from flexprint_shared.readings import Supply, SupplyState, fills_up

# PrtMarkerSuppliesTypeTC, IANA-PRINTER-MIB.
KINDS: Final = {
    1: "other",
    2: "unknown",
    3: "toner",
    4: "wasteToner",
    5: "ink",
    6: "inkCartridge",
    7: "inkRibbon",
    8: "wasteInk",
    9: "opc",
    10: "developer",
    11: "fuserOil",
    12: "solidWax",
    13: "ribbonWax",
    14: "wasteWax",
    15: "fuser",
    16: "coronaWire",
    17: "fuserOilWick",
    18: "cleanerUnit",
    19: "fuserCleaningPad",
    20: "transferUnit",
    21: "tonerCartridge",
    22: "fuserOiler",
    23: "water",
    24: "wasteWater",
    25: "glueWaterAdditive",
    26: "wastePaper",
    27: "bindingSupply",
    28: "bandingSupply",
    29: "stitchingWire",
    30: "shrinkWrap",
    31: "paperWrap",
    32: "staples",
    33: "inserts",
    34: "covers",
    35: "matteToner",
    36: "matteInk",
}
# PrtMarkerSuppliesSupplyUnitTC, IANA-PRINTER-MIB.
UNITS: Final = {
    1: "other",
    2: "unknown",
    3: "tenThousandthsOfInches",
    4: "micrometers",
    7: "impressions",
    8: "sheets",
    11: "hours",
    12: "thousandthsOfOunces",
    13: "tenthsOfGrams",
    14: "hundredthsOfFluidOunces",
    15: "tenthsOfMilliliters",
    16: "feet",
    17: "meters",
    18: "items",
    19: "percent",
}
MARKING: Final = frozenset(
    {"toner", "tonerCartridge", "matteToner", "ink", "inkCartridge", "matteInk", "inkRibbon", "solidWax", "ribbonWax"}
)
CONSUMED: Final = 3
RECEPTACLE: Final = 4
"""prtMarkerSuppliesClass receptacleThatIsFilled: its level is the space that is left."""

PERCENT: Final = 19
UNLIMITED: Final = -1
UNKNOWN: Final = -2
SOME: Final = -3
LOW: Final = 10
"""Percent left from which a supply is called low."""

_MOST: Final = 200
_MOST_LISTED: Final = 16
_NOTHING: Final = (0, b"")
_NUMBERS: Final = (SUPPLY_COLORANT, SUPPLY_CLASS, SUPPLY_TYPE, SUPPLY_UNIT, SUPPLY_CAPACITY, SUPPLY_LEVEL)
_TELLING: Final = (SUPPLY_MARKER, SUPPLY_NAME, *_NUMBERS)

Colorants = dict[Index, str | None]


class _Facts(NamedTuple):
    """The numbers of one row, None where the device gives none."""

    colorant: int | None
    supply_class: int | None
    supply_type: int | None
    unit: int | None
    capacity: int | None
    level: int | None


def supplies(
    answers: Answers, charset: int | None, colorants: Colorants, *, waste_fills: bool = False
) -> tuple[Supply, ...]:
    """Every row that any column of the table has, in the order of the index. `waste_fills`: the device tells how
    full its waste containers are instead of the space that is left in them."""
    told = answers.column(SUPPLY_NAME)
    columns = [answers.integers(column) for column in _NUMBERS]
    found = []
    for index in _rows(answers):
        tag, octets = told.get(index, _NOTHING)
        name = text_of(octets, charset) if tag == OCTET_STRING else ""
        facts = _Facts(*[column.get(index) for column in columns])
        # prtMarkerColorantValue may say nothing: other, unknown, no such row.
        colour = colorants.get((*index[:-1], facts.colorant or 0)) or words.colour_in(name)
        found.append((index, name, facts, colour))
    by_letter = words.colours_by_letter(name for _, name, _, _ in found)
    return tuple(_supply(*one, by_letter.get(one[1]), waste_fills=waste_fills) for one in found)


def _rows(answers: Answers) -> list[Index]:
    found = set().union(*map(answers.column, _TELLING))
    return sorted(answers.own(found))[:_MOST]


def colorants_of(answers: Answers) -> Colorants:
    """The colours that prtMarkerColorantValue names; None for a row that names none."""
    rows = answers.column(COLORANT_VALUE).items()
    return {index: words.colour_in(text_of(octets)) for index, (tag, octets) in rows if tag == OCTET_STRING}


def _supply(
    index: Index, name: str, facts: _Facts, colour: str | None, colour_by_letter: str | None, *, waste_fills: bool
) -> Supply:
    _, supply_class, supply_type, unit, capacity, level = facts
    kind = _kind(supply_type, supply_class, name)
    # Of either class the level is what is left, be it space: a class that contradicts the type turns nothing round.
    waste = fills_up(kind) or supply_class == RECEPTACLE
    left = percent_left(level, capacity, unit, waste=waste)
    if left is not None and waste and waste_fills:
        left = 100 - left
    part, serial = words.numbers_in(name)
    return Supply(
        index=".".join(map(str, index)),
        name=name,
        kind=kind,
        color=colour or (None if waste else colour_by_letter),
        percent=100 - left if left is not None and fills_up(kind) else left,
        state=state(level, capacity, left, waste=waste),
        level=level,
        capacity=capacity,
        unit=UNITS.get(unit or 0, "unknown"),
        part=part,
        serial=serial,
    )


def _kind(supply_type: int | None, supply_class: int | None, name: str) -> str:
    """What the type says. Where it says nothing or "other" the name is heard, of an "other" only to tell a waste
    container: how full it is would pass for what is left in it."""
    told = KINDS.get(supply_type or 0)
    if told is None:
        return words.kind_in(name) or "unknown"
    if told in ("other", "unknown") and supply_class != CONSUMED:
        named = words.kind_in(name)
        return named if named and fills_up(named) else told
    return told


def oddities(found: Iterable[Supply]) -> Iterator[str]:
    """In words, the rows that people will ask about: told twice, empty, or with a level that is no share."""
    named: dict[str, list[str]] = {}
    above, silent = [], []
    for supply in found:
        named.setdefault(supply.name, []).append(supply.index)
        if supply.capacity and 0 < supply.capacity < (supply.level or 0):
            above.append(f"{supply.index} ({supply.level} of {supply.capacity})")
        if not supply.name and supply.kind == "unknown" and supply.state == "unknown":
            silent.append(supply.index)
    if above:
        yield f"supplies above their capacity, so that no percentage is told: {_listed(above)}"
    for name, rows in islice(named.items(), _MOST_LISTED):
        if name and len(rows) > 1:
            yield f"supplies {_listed(rows)} are all called {name[:80]}: one told twice, or several of a kind"
    if silent:
        yield f"supplies without a name, a kind and a level: {_listed(silent)}"


def _listed(some: list[str]) -> str:
    return ", ".join(some[:_MOST_LISTED])


def percent_left(level: int | None, capacity: int | None, unit: int | None, *, waste: bool) -> int | None:
    """What is left (of a receptacle: its space) in whole percent; None where the figures are no share.

    A level above the capacity is no percentage (HP Laser MFP 135w: 143065 of 100), a negative one is a
    special value, and a receptacle without a capacity may count either way: Sharp answers a constant 0.
    """
    if level is None or level < 0:
        return None
    if capacity is not None and capacity > 0:
        # Rounded half up: Python's own rounding takes 0.5 to 0 and 1.5 to 2.
        return (200 * level + capacity) // (2 * capacity) if level <= capacity else None
    nothing_of_nothing = level == 0 and capacity == 0  # a foreign cartridge, not an empty one
    if unit == PERCENT and level <= 100 and not waste and not nothing_of_nothing:
        return level
    return None


def state(level: int | None, capacity: int | None, left: int | None, *, waste: bool) -> SupplyState:
    """A word for the level. A waste container that is nearly or wholly full is "low": its space is."""
    if level == UNLIMITED:
        return "unlimited"
    if level == SOME:
        return "some"
    if left is None:
        # Without a capacity a positive level says no more than "some left"; 0 may be a flag (old Brother).
        no_share = capacity is None or capacity <= 0
        return "some" if no_share and level is not None and level > 0 and not waste else "unknown"
    if level == 0 and not waste:
        return "empty"
    return "low" if left <= LOW else "ok"


def prints_colour(answers: Answers, found: Iterable[Supply], colorants: Colorants) -> bool | None:
    """True, False, or None where nothing tells: colorants, prtMarkerProcessColorants and supplies are heard."""
    found = tuple(found)
    process = answers.integers(MARKER_COLORANTS).values()
    coloured = [supply.color for supply in found if supply.color]
    if (
        words.CHROMATIC.intersection(colorants.values())
        or max(process, default=0) >= 3
        or words.CHROMATIC.intersection(coloured)
    ):
        return True
    return False if "black" in colorants.values() or 1 in process or _only_black(found) else None


def _only_black(found: tuple[Supply, ...]) -> bool:
    """One toner or ink alone can only be black; of several, each must say so. A supply that says nothing at
    all may be anything."""
    if any(supply.kind == "unknown" and not supply.name for supply in found):
        return False
    marking = [supply for supply in found if supply.kind in MARKING]
    return len(marking) == 1 or (bool(marking) and all(supply.color == "black" for supply in marking))
