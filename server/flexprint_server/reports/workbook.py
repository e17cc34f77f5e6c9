"""What stands in a workbook: one row per device, one per supply, and a page that says how to read them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import IO, Any, Final, NamedTuple

from flexprint_server.fleet.summary import (
    DROPPED_AFTER,
    NEW_FOR,
    STALE_AFTER,
    SupplyFacts,
    fills_up,
    is_low,
    is_new,
    is_stale,
    left,
    scarcest,
)
from flexprint_server.reports.sheets import INSTANT, NUMBER, PERCENT, CellValue, Column, Row, Sheet, Strong, Tone, write
from flexprint_shared import meters

MOST_NAMED: Final = 8
"""Low supplies, and stale devices, that a summary names; the rest it only counts."""

_TONES: Final = {"plain": Tone(), "new": Tone(fill="FFFFF4B8"), "stale": Tone(fill="FFFADADF")}
_PAGE_TONES: Final = {
    **_TONES,
    "title": Tone(size=18, strong="FF2F4858"),
    "part": Tone(size=13, strong="FF2F4858"),
    "name": Tone(strong="FF1F2933"),
}

_CAPITALS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|_")

# The words of flexprint_shared.readings.SupplyState for people; of a waste container the space in it is meant.
_STATES: Final = {"some": "some left", "unlimited": "no limit"}
_WASTE_STATES: Final = {"low": "nearly full", "empty": "full"}
# The levels and capacities of RFC 3805 that are no figures.
_SPECIAL: Final = {-1: "no limit", -2: "unknown", -3: "some left"}


class DeviceRow(NamedTuple):
    """A device as its newest read shows it. `meters` and `supplies` are those of fleet.models.Device."""

    customer: str
    site: str
    manufacturer: str | None
    model: str | None
    serial: str | None
    asset: str | None
    address: str
    name: str | None
    location: str | None
    state: str
    errors: Sequence[str]
    first_seen_at: datetime
    last_read_at: datetime
    meters: Mapping[str, Sequence[Any]]
    supplies: Sequence[SupplyFacts]


@dataclass(slots=True, frozen=True)
class About:
    """What a workbook is about. `meters` are the (name, unit) pairs that occur; `left_out` counts the devices that
    were not read for so long that it is made without them. All instants are UTC."""

    customer: str
    site: str
    made_at: datetime
    meters: Sequence[tuple[str, str]]
    left_out: int = 0


@dataclass(slots=True)
class Summary:
    """What the rows came to, counted while they were written."""

    devices: int = 0
    new: int = 0
    stale: int = 0
    low: int = 0
    supplies: int = 0
    low_supplies: list[str] = field(default_factory=list)
    stale_devices: list[str] = field(default_factory=list)


class _Fact(NamedTuple):
    heading: str
    width: float
    meaning: str
    format: str = "@"


_DEVICE: Final = (
    _Fact("Customer", 24, "Who has the printer."),
    _Fact("Site", 20, "Where the agent that read it stands."),
    _Fact("Manufacturer", 17, "As the device says."),
    _Fact("Model", 30, "As the device says."),
    _Fact("Serial", 19, "As the device says, kept as text: leading zeros stay."),
    _Fact("Asset", 14, "The asset number that was entered on the device."),
    _Fact("IP address", 16, "Where it answered last. It may change; the serial does not."),
    _Fact("Name", 20, "The device's own name in the network."),
    _Fact("Location", 24, "The place that was entered on the device."),
)
_identity: Final = attrgetter(
    "customer", "site", "manufacturer", "model", "serial", "asset", "address", "name", "location"
)
_CONDITION: Final = (
    _Fact("Lowest supply", 28, "The supply that ends first; a waste container when it is nearly full."),
    _Fact("Left", 11, "How much of it is left, or the device's word for it. Red when it is low.", PERCENT),
    _Fact("Status", 28, "What the device was doing when it was read, and what it complained about."),
    _Fact("Last read (UTC)", 17, "When the figures of this row were read from the device.", INSTANT),
    _Fact("Days since read", 11, "Whole days between the last read and this report.", NUMBER),
    _Fact("First seen (UTC)", 17, "When the device was read for the first time.", INSTANT),
    _Fact("Reported (UTC)", 17, "When this workbook was made.", INSTANT),
)
_SUPPLY: Final = (
    _Fact("Supply", 34, "The supply's name, as the device says."),
    _Fact("Kind", 17, "What it is: toner, ink, drum (opc), fuser, waste ..."),
    _Fact("Colour", 11, "Its colour, where it has one."),
    _Fact("Percent", 10, "What is left in percent; of a waste container how full it is.", PERCENT),
    _Fact("State", 13, "ok, low, empty, or what the device says instead of a figure. Red when low."),
    _Fact("Level", 13, "The level as the device gave it, in the unit beside it.", NUMBER),
    _Fact("Capacity", 13, "The capacity as the device gave it.", NUMBER),
    _Fact("Unit", 22, "The unit of level and capacity."),
    _Fact("Last read (UTC)", 17, "When the figures of this row were read from the device.", INSTANT),
)


class _Meter(NamedTuple):
    """One meter's column. Where a device counts in another unit than usual, a column beside it names each
    device's unit, so that no figure stands there without its own."""

    name: str
    shows_unit: bool


def _meter_columns(pairs: Iterable[tuple[str, str]]) -> list[_Meter]:
    """The meters of a fleet in their fixed order; names that nobody knows come last."""
    units: dict[str, set[str]] = {}
    for name, unit in pairs:
        units.setdefault(name, set()).add(unit)
    known = len(meters.METER_NAMES)
    ordered = sorted(units, key=lambda name: (meters.position(name) if meters.is_meter_name(name) else known, name))
    return [_Meter(name, units[name] != {meters.usual_unit(name)}) for name in ordered]


def write_workbook(
    file: IO[bytes], about: About, devices: Iterable[DeviceRow], devices_again: Iterable[DeviceRow]
) -> Summary:
    """Writes the workbook and gives what the rows came to. The devices are walked twice, once for each sheet, so
    that none of them is kept. Raises sheets.TooManyRows."""
    summary = Summary()
    counted = _meter_columns(about.meters)
    facts = (*_DEVICE, *(fact for meter in counted for fact in _meter_facts(meter)), *_CONDITION)
    sheets = (
        Sheet("Devices", _columns(facts), _device_rows(about, counted, devices, summary), _TONES),
        Sheet("Supplies", _columns((*_DEVICE, *_SUPPLY)), _supply_rows(devices_again, summary)),
        Sheet(
            "About",
            (Column("", 26), Column("", 100)),
            _about_rows(about, summary, facts),
            _PAGE_TONES,
            headings=False,
        ),
    )
    write(file, sheets, title=f"Printers of {about.customer}, {about.site}", made_at=about.made_at)
    return summary


def _columns(facts: Iterable[_Fact]) -> list[Column]:
    return [Column(fact.heading, fact.width, fact.format) for fact in facts]


def _meter_facts(meter: _Meter) -> Iterator[_Fact]:
    title = meters.title(meter.name)
    counted = "scans" if meters.usual_unit(meter.name) == "scans" else "printed sides"
    by = "by one computer's print queue since it was first seen, not" if meter.name == meters.SPOOLER else ""
    told = f"{by} by the device over its life".strip()
    if not meter.shows_unit:
        yield _Fact(title, 13, f"Meter {meter.name}: {counted}, counted {told}.", NUMBER)
        return
    yield _Fact(title, 13, f"Meter {meter.name}, counted {told} in the unit beside it.", NUMBER)
    yield _Fact(f"{title} unit", 13, f"What {meter.name} counts. Add up only figures of one unit.")


# ---------------------------------------------------------------- devices


def _device_rows(
    about: About, counted: Sequence[_Meter], devices: Iterable[DeviceRow], summary: Summary
) -> Iterator[Row]:
    made_at = about.made_at
    for device in devices:
        tone = _tone(device, made_at)
        supply = scarcest(device.supplies)
        _count(summary, tone, device, made_at)
        yield (
            tone,
            (
                *_identity(device),
                *[cell for meter in counted for cell in _meter_cells(device.meters.get(meter.name), meter)],
                supply["name"] if supply else None,
                _left(supply) if supply else None,
                status_text(device.state, tuple(device.errors)),
                device.last_read_at,
                max((made_at - device.last_read_at).days, 0),
                device.first_seen_at,
                made_at,
            ),
        )


def _tone(device: DeviceRow, made_at: datetime) -> str:
    if is_stale(device.last_read_at, made_at):
        return "stale"
    return "new" if is_new(device.first_seen_at, made_at) else "plain"


def _meter_cells(given: Sequence[Any] | None, meter: _Meter) -> tuple[CellValue, ...]:
    value, unit = given or (None, None)
    if not meter.shows_unit:
        return (value,)
    return (value, unit and _words(unit))


def _left(supply: SupplyFacts) -> CellValue:
    share = left(supply)
    value = _level_text(supply) if share is None or fills_up(supply) else share / 100
    return Strong(value) if is_low(supply) else value


def _level_text(supply: SupplyFacts) -> str:
    """`42 %`, `70 % full` for a waste container, or the word for it."""
    if supply["percent"] is None:
        return _state_text(supply)
    return f"{supply['percent']} %{' full' if fills_up(supply) else ''}"


def _state_text(supply: SupplyFacts) -> str:
    state = str(supply["state"])
    return (_WASTE_STATES if fills_up(supply) else _STATES).get(state, _STATES.get(state, state))


@lru_cache(1024)
def status_text(state: str, errors: tuple[str, ...]) -> str:
    """`idle` and `lowToner, noPaper` as people say it: "Idle: low toner, no paper"."""
    if not errors:
        return _words(state).capitalize()
    return f"{_words(state)}: {', '.join(map(_words, errors))}".capitalize()


@lru_cache(1024)
def _words(name: str) -> str:
    """`lowToner` or `tenths_of_grams` in words."""
    return _CAPITALS.sub(" ", name).lower()


def _count(summary: Summary, tone: str, device: DeviceRow, made_at: datetime) -> None:
    summary.devices += 1
    summary.new += tone == "new"
    if tone == "stale":
        summary.stale += 1
        if len(summary.stale_devices) < MOST_NAMED:
            days = (made_at - device.last_read_at).days
            summary.stale_devices.append(f"{_label(device)}: last read {days} days ago")
    low = [supply for supply in device.supplies if is_low(supply)]
    summary.low += bool(low)
    for supply in low[: MOST_NAMED - len(summary.low_supplies)]:
        summary.low_supplies.append(f"{_label(device)}: {supply['name']} {_level_text(supply)}")


def _label(device: DeviceRow) -> str:
    """How a person tells this device from the others: its model and where it is."""
    model = " ".join(filter(None, (device.manufacturer, device.model))) or "Printer"
    return f"{model} ({device.location or device.name or device.serial or device.address})"


# ---------------------------------------------------------------- supplies


def _supply_rows(devices: Iterable[DeviceRow], summary: Summary) -> Iterator[Row]:
    for device in devices:
        for supply in device.supplies:
            summary.supplies += 1
            percent = supply["percent"]
            state = _state_text(supply)
            yield (
                "plain",
                (
                    *_identity(device),
                    supply["name"],
                    _words(supply["kind"]),
                    supply["color"],
                    None if percent is None else percent / 100,
                    Strong(state) if is_low(supply) else state,
                    _figure(supply["level"]),
                    _figure(supply["capacity"]),
                    _words(supply["unit"]),
                    device.last_read_at,
                ),
            )


def _figure(value: int | None) -> CellValue:
    """A level or capacity: the special values stay words, so that nobody adds them up."""
    return value if value is None or value >= 0 else _SPECIAL.get(value, "unknown")


# ---------------------------------------------------------------- about


def _about_rows(about: About, summary: Summary, facts: Sequence[_Fact]) -> Iterator[Row]:
    """Walked last, when the rows have been counted."""
    counted = (
        ("Customer", about.customer),
        ("Site", about.site),
        ("Made", f"{about.made_at:%Y-%m-%d %H:%M} UTC"),
        ("Devices", f"{summary.devices:,}"),
        ("New", f"{summary.new:,}"),
        (f"Not read for {STALE_AFTER.days} days", f"{summary.stale:,}"),
        ("With a low supply", f"{summary.low:,}"),
        (f"Left out, not read for {DROPPED_AFTER.days} days", f"{about.left_out:,}"),
    )
    yield "title", (Strong("Printer report"), None)
    yield from (("name", (Strong(name), value)) for name, value in counted)
    yield "plain", (None, None)
    yield "part", (Strong("Colours"), None)
    yield "new", ("Yellow row", f"New: first seen in the last {NEW_FOR.days} days.")
    old = f"Not read for more than {STALE_AFTER.days} days: the figures are old. Switched off, moved or gone?"
    yield "stale", ("Pink row", old)
    yield "plain", (Strong("Red"), "A supply that is low or empty, or a waste container that is nearly full.")
    yield "plain", (None, None)
    yield "part", (Strong("How to read it"), None)
    yield from (("plain", (name, text)) for name, text in _HOW)
    for title, chosen in (("Sheet Devices", facts), ("Sheet Supplies", _SUPPLY)):
        yield "plain", (None, None)
        yield "part", (Strong(title), None)
        yield from (("plain", (fact.heading, fact.meaning)) for fact in chosen)


_NEVER_GUESSED: Final = (
    "Figures are the device's own counters at its last read, never estimated. An empty cell: the device does "
    "not give this meter."
)
_NEVER_FORMULAS: Final = (
    "What a device says of itself is shown as text. Where it begins like a formula (= + - @) an apostrophe stands "
    "before it."
)
_HOW: Final = (
    ("Meters", _NEVER_GUESSED),
    ("Units", "Printed sides (impressions), or scans, unless a column beside the figure names another unit."),
    ("Times", "All times are UTC. Reading, first sight and report are three different columns."),
    ("Text", _NEVER_FORMULAS),
)
