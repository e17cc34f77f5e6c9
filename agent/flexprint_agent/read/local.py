"""A printer on a cable: what its print queue and, where it speaks IPP, the device itself say -> a read. Pure.

The attributes are those of RFC 8011, PWG 5100.13 (printer-supply), PWG 5100.22 (the counters), PWG 5107.2
(printer-device-id) and CUPS (marker-*).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flexprint_agent.read import supplies as mib
from flexprint_agent.read import tables, words
from flexprint_agent.read.identity import parse_1284
from flexprint_agent.read.jobs import Tally
from flexprint_shared.meters import SPOOLER
from flexprint_shared.readings import LARGEST_NUMBER, DeviceState, Identity, Meter, Read, Status, Supply, fills_up
from flexprint_shared.text import clean

Attributes = Mapping[str, Sequence[Any]]

COUNTERS: Final = (
    "printer-impressions-completed",
    "printer-impressions-completed-col",
    "printer-media-sheets-completed",
)
FINISHED_JOBS: Final = "job-impressions-completed"
PRINT_QUEUE: Final = "Print Queue, Total Pages Printed"
"""Where a spooler's pages come from: CUPS's jobs, Windows' performance counter."""

PAGE_COUNT: Final = "@PJL INFO PAGECOUNT"
"""Where a count in PJL comes from; it stands in the place of an OID."""

# To be asked for by name: "all" leaves the counters out.
DEVICE_ATTRIBUTES: Final = (
    *COUNTERS,
    "marker-colors",
    "marker-levels",
    "marker-names",
    "marker-types",
    "printer-device-id",
    "printer-firmware-string-version",
    "printer-location",
    "printer-make-and-model",
    "printer-serial-number",
    "printer-state",
    "printer-state-reasons",
    "printer-supply",
    "printer-supply-description",
    "printer-up-time",
)

_STATES: Final[Mapping[int, DeviceState]] = {3: "idle", 4: "printing", 5: "other"}
# printer-state-reasons (RFC 8011, CUPS) without their severity -> bits of hrPrinterDetectedErrorState.
_ERRORS: Final = {
    "media-low": "lowPaper",
    "media-empty": "noPaper",
    "media-needed": "noPaper",
    "toner-low": "lowToner",
    "marker-supply-low": "lowToner",
    "toner-empty": "noToner",
    "marker-supply-empty": "noToner",
    "door-open": "doorOpen",
    "cover-open": "doorOpen",
    "interlock-open": "doorOpen",
    "media-jam": "jammed",
    "offline": "offline",
    "shutdown": "offline",
    "input-tray-missing": "inputTrayMissing",
    "output-tray-missing": "outputTrayMissing",
    "output-area-almost-full": "outputNearFull",
    "output-area-full": "outputFull",
    "marker-waste-full": "serviceRequested",
}
_SEVERITY: Final = re.compile(r"-(report|warning|error)$")
_COLOURS: Final = {
    "#000000": "black",
    "#00ffff": "cyan",
    "#ff00ff": "magenta",
    "#ffff00": "yellow",
}
_KINDS: Final = {re.sub("(?=[A-Z])", "-", kind).lower(): kind for kind in mib.KINDS.values()}
_MOST_SUPPLIES: Final = 100
_DRIVER: Final = re.compile(
    r",\s*(driverless|hpcups|hpijs|.*\b(cups|driver|gutenprint|foomatic|postscript|pcl)\b).*", re.IGNORECASE
)


@dataclass(slots=True, frozen=True)
class Cable:
    """A printer as its queue knows it: where it hangs, and what the device's URI or the system told of it. `address`
    stands where a printer on the network has its IP address: `usb:NAME`."""

    address: str
    queue: str
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    driver: str | None = None
    location: str | None = None


def identity_of(cable: Cable, attributes: Attributes) -> Identity:
    """Who it is: its IEEE 1284 id before what the URI says, and both before the name of its driver."""
    ieee1284 = parse_1284(_text(attributes, "printer-device-id", 2048) or "")
    driver = _text(attributes, "printer-make-and-model") or cable.driver or ""
    named = _DRIVER.sub("", driver)
    names = (ieee1284.get("maker"), cable.manufacturer, named, cable.model)
    models = tuple(one for one in (ieee1284.get("model"), cable.model, named) if one)
    maker = tables.maker_of(tuple(filter(None, names)), models) or cable.manufacturer
    serials = (ieee1284.get("serial"), _text(attributes, "printer-serial-number"), cable.serial)
    return Identity(
        manufacturer=maker or ieee1284.get("maker"),
        model=tables.without_maker(models[0], maker) if models else None,
        serial=next((clean(serial) for serial in serials if serial), None),
        name=clean(cable.queue) or None,
        location=_text(attributes, "printer-location") or cable.location,
        firmware=_text(attributes, "printer-firmware-string-version"),
    )


def read_of(
    cable: Cable,
    attributes: Attributes,
    read_at: datetime,
    *,
    by_device: bool,
    pages: int | None = None,
    tally: Tally | None = None,
    tallied: str = FINISHED_JOBS,
) -> Read:
    """One read. `by_device`: the device itself said these attributes; otherwise its spooler did, which keeps what it
    was told when it last printed. `pages` is what the device said in PJL. The `tally` (from where `tallied`
    says) counts only where the device gives no counter."""
    meters = _counters(attributes) if by_device else ()
    if not meters and pages is not None:
        meters = (Meter("total", pages, "impressions", PAGE_COUNT, "vendor"),)
    warnings = [] if by_device else ["supplies and state are what the print spooler was told when it last printed"]
    if not meters and tally is not None:
        meters = (Meter(SPOOLER, tally.pages, "impressions", tallied, "spooler"),)
        since = f"{tally.since:%Y-%m-%d %H:%M} UTC"
        warnings.append(f"pages are those that this computer has printed since {since}, not the printer's own counter")
    elif not meters:
        warnings.append("no meter is answered: the printer gives no counter, and its spooler counts no pages")
    found = tuple(_supplies(attributes))
    return Read(
        address=cable.address,
        port=0,
        read_at=read_at,
        identity=identity_of(cable, attributes),
        uptime_s=_natural(attributes, "printer-up-time") if by_device else None,
        color=_prints_colour(found),
        meters=meters,
        supplies=found,
        status=_status(attributes),
        warnings=tuple(warnings),
    )


def _counters(attributes: Attributes) -> tuple[Meter, ...]:
    """What the device counted. A counter it leaves out is unknown, never 0."""
    impressions = _natural(attributes, COUNTERS[0])
    sheets = _natural(attributes, COUNTERS[2])
    meters = []
    if impressions is not None:
        meters.append(Meter("total", impressions, "impressions", COUNTERS[0], "standard"))
    elif sheets is not None:
        meters.append(Meter("total", sheets, "sheets", COUNTERS[2], "standard"))
    by_colour = _first(attributes, COUNTERS[1])
    if isinstance(by_colour, dict) and not any("two-sided" in member for member in by_colour):
        # Whether a member counts what its two-sided sister counts, too, is not for us to guess.
        for member, name in (("monochrome", "total.mono"), ("full-color", "total.color")):
            value = _natural(by_colour, member)
            if value is not None:
                meters.append(Meter(name, value, "impressions", f"{COUNTERS[1]}/{member}", "standard"))
    return tuple(meters)


def _supplies(attributes: Attributes) -> Iterator[Supply]:
    """printer-supply, where the device gives it, before CUPS's marker attributes."""
    rows = list(attributes.get("printer-supply", ()))[:_MOST_SUPPLIES]
    descriptions = attributes.get("printer-supply-description", ())
    if rows:
        for number, row in enumerate(rows):
            description = descriptions[number] if number < len(descriptions) else ""
            if isinstance(row, bytes | str):
                yield _supply_of_row(number, row, description)
        return
    names = list(attributes.get("marker-names", ()))[:_MOST_SUPPLIES]
    for number, name in enumerate(names):
        if isinstance(name, str):
            said = [
                values[number] if number < len(values := attributes.get(column, ())) else None
                for column in ("marker-types", "marker-colors", "marker-levels")
            ]
            yield _marker(number, clean(name), *said)


def _supply_of_row(number: int, row: bytes | str, description: Any) -> Supply:
    """`index=1;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=42;colorantname=black;`:
    the words are those of the Printer MIB."""
    text = row.decode("utf-8", "replace") if isinstance(row, bytes) else row
    pairs = (part.partition("=") for part in text[:2048].split(";"))
    facts = {key.strip().lower(): clean(value) for key, _, value in pairs}
    kind = facts.get("type", "")
    kind = kind if kind in mib.KINDS.values() else "unknown"
    name = clean(description) if isinstance(description, str) else ""
    unit = facts.get("unit", "")
    colour = words.colour_in(facts.get("colorantname", "")) or words.colour_in(name)
    waste = fills_up(kind) or facts.get("class") == "receptacleThatIsFilled"
    level, capacity = _whole(facts.get("level")), _whole(facts.get("maxcapacity"))
    return _supply(number, name, kind, colour, level, capacity, unit, waste=waste)


def _marker(number: int, name: str, kind: Any, colour: Any, level: Any) -> Supply:
    """A level is a percentage; of waste, how full it is. -1 and -2 say nothing, -3 that there is some (CUPS)."""
    known = _KINDS.get(kind, "unknown") if isinstance(kind, str) else "unknown"
    waste = fills_up(known)
    told = level if isinstance(level, int) and -3 <= level <= 100 and level != -1 else -2
    shade = _COLOURS.get(colour.lower()) if isinstance(colour, str) else None
    left = 100 - told if waste and told >= 0 else told
    return _supply(number, name, known, shade or words.colour_in(name), left, 100, "percent", waste=waste)


def _supply(
    number: int, name: str, kind: str, colour: str | None, level: int | None, capacity: int | None, unit: str,
    *, waste: bool,
) -> Supply:  # fmt: skip
    left = mib.percent_left(level, capacity, mib.PERCENT if unit == "percent" else None, waste=waste)
    return Supply(
        index=str(number + 1),
        name=name,
        kind=kind,
        color=colour,
        percent=100 - left if left is not None and fills_up(kind) else left,
        state=mib.state(level, capacity, left, waste=waste),
        level=level,
        capacity=capacity,
        unit=unit if unit in mib.UNITS.values() else "unknown",
    )


def _prints_colour(found: Sequence[Supply]) -> bool | None:
    colours = {supply.color for supply in found if supply.color and supply.kind in mib.MARKING}
    return True if words.CHROMATIC & colours else (False if colours else None)


def _status(attributes: Attributes) -> Status:
    reasons = [clean(one, 80) for one in attributes.get("printer-state-reasons", ())[:50] if isinstance(one, str)]
    errors = [_ERRORS.get(_SEVERITY.sub("", reason)) for reason in reasons]
    state = _first(attributes, "printer-state")
    return Status(
        state=_STATES.get(state, "unknown") if isinstance(state, int) else "unknown",
        errors=tuple(dict.fromkeys(error for error in errors if error)),
    )


def _first(attributes: Attributes, name: str) -> Any:
    values = attributes.get(name) or (None,)
    return values[0]


def _text(attributes: Attributes, name: str, limit: int = 255) -> str | None:
    value = _first(attributes, name)
    return (clean(value, limit) or None) if isinstance(value, str) else None


def _natural(attributes: Attributes, name: str) -> int | None:
    value = _first(attributes, name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _whole(text: str | None) -> int | None:
    number = int(text) if text and re.fullmatch(r"-?[0-9]{1,18}", text) else None
    return number if number is None or number <= LARGEST_NUMBER else None
