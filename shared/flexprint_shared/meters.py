"""The closed vocabulary of meters: names, units, and the order people see them in.

A name is `function[.colour][.size|.sides]`, lower case, dot-separated: `total`, `print.color`,
`copy.mono.large`, `fax.sent`. Values are integers as the device gave them, but for one name: `print.spooler` is what a
computer's print spooler counted of its own finished jobs, for a printer on a cable that gives no counter. It has a
name of its own so that no sum, no difference and no bill ever takes it for the device's.
"""

from typing import Final, Literal

Source = Literal["vendor", "standard", "derived", "spooler"]

SPOOLER: Final = "print.spooler"

FUNCTIONS: Final = ("total", "print", "copy", "fax", "scan", "other")
COLOURS: Final = ("mono", "color", "color1", "color2", "color3")
SIZES: Final = ("large", "duplex")

# prtMarkerCounterUnit (RFC 3805, PrtMarkerCounterUnitTC) and the units makers add to it.
UNITS: Final = (
    "impressions",
    "sheets",
    "equivalents",
    "scans",
    "events",
    "hours",
    "characters",
    "lines",
    "dot_rows",
    "feet",
    "meters",
    "micrometers",
    "ten_thousandths_of_inches",
    "inches",
    "centimeters",
    "square_meters",
    "other",
)


def _vocabulary() -> tuple[str, ...]:
    names = []
    for function in FUNCTIONS:
        for colour in ("", *COLOURS):
            base = f"{function}.{colour}" if colour else function
            names += [base, *(f"{base}.{size}" for size in SIZES)]
    return (*names, "fax.sent", "fax.received", "scan.adf", "scan.flatbed", SPOOLER)


METER_NAMES: Final = _vocabulary()
"""Every legal name, in the order in which workbooks and pages show them."""

_POSITION: Final = {name: position for position, name in enumerate(METER_NAMES)}


def position(name: str) -> int:
    """Where `name` stands in every list of meters. Raises KeyError for a name outside the vocabulary."""
    return _POSITION[name]


def is_meter_name(name: str) -> bool:
    return name in _POSITION


def usual_unit(name: str) -> str:
    """The unit that a meter of this name has where nothing else is said."""
    return "scans" if name.split(".", 1)[0] == "scan" else "impressions"


def title(name: str) -> str:
    """A meter's heading for people: `total.mono` becomes "Total mono"."""
    return name.replace(".", " ").capitalize()
