"""What stands in a workbook: one row per device, one per supply, the volume of each meter, everything once more for
programs, and a page that says how to read them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import IO, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from flexprint_server.fleet.rules import USUAL, Rules
from flexprint_server.fleet.summary import SupplyFacts, fills_up, is_low, left, scarcest
from flexprint_server.reports.sheets import (
    INSTANT,
    NUMBER,
    PERCENT,
    PLAIN,
    CellValue,
    Column,
    Row,
    Sheet,
    Strong,
    Tone,
    write,
)
from flexprint_server.reports.wanted import UTC_ZONE, SheetName
from flexprint_shared import meters
from flexprint_shared.times import rfc3339
from flexprint_shared.usage import Begun, Epoch, Quality, Volume

ROWS_A_SHEET: Final = 1_000_000
"""Rows of one sheet for programs; what is more stands on another one."""

MOST_NAMED: Final = 8
"""Low supplies, and stale devices, that a summary names; the rest it only counts."""

_TONES: Final = {"plain": Tone(), "new": Tone(fill="FFFFF4B8"), "stale": Tone(fill="FFFADADF")}
_VOLUME_TONES: Final = {"plain": Tone(), "doubt": Tone(fill="FFFFE8CC")}
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
    """A device as its newest read shows it. `meters` are {name: (value, unit, source)}, `supplies` those of
    fleet.models.Device."""

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
    device_id: int = 0
    customer_id: int = 0
    site_id: int = 0
    retired_at: datetime | None = None


class VolumeRow(NamedTuple):
    """The volume of one meter, (name, unit), of a device."""

    device: DeviceRow
    meter: tuple[str, str]
    volume: Volume


@dataclass(slots=True, frozen=True)
class About:
    """What a workbook is about. `meters` are the (name, unit) pairs that occur, `devices` are so many, and have
    `figures` meters together; `left_out` counts the devices that were not read for so long that it is made without
    them. Volume is told from `since` to `until`. People's sheets show instants on the clock of
    `zone`."""

    customer: str
    site: str
    made_at: datetime
    meters: Sequence[tuple[str, str]]
    left_out: int = 0
    figures: int = 0
    devices: int = 0
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    zone: ZoneInfo = UTC_ZONE
    rules: Rules = USUAL

    @property
    def title(self) -> str:
        return self.name or f"{self.customer}, {self.site}"


@dataclass(slots=True)
class Summary:
    """What the rows came to, counted while they were written."""

    devices: int = 0
    new: int = 0
    stale: int = 0
    low: int = 0
    supplies: int = 0
    stale_after: str = USUAL.stale.words
    zone: str = "UTC"
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
_KEY: Final = "Serial"
_identity: Final = attrgetter(
    "customer", "site", "manufacturer", "model", "serial", "asset", "address", "name", "location"
)
_CONDITION: Final = (
    _Fact("Lowest supply", 28, "The supply that ends first; a waste container when it is nearly full."),
    _Fact("Left", 11, "How much of it is left, or the device's word for it. Red when it is low.", PERCENT),
    _Fact("Status", 28, "What the device was doing when it was read, and what it complained about."),
    _Fact("Last read (UTC)", 19, "When the figures of this row were read from the device.", INSTANT),
    _Fact("Days since read", 11, "Whole days between the last read and this report.", NUMBER),
    _Fact("First seen (UTC)", 19, "When the device was read for the first time.", INSTANT),
    _Fact("Reported (UTC)", 19, "When this workbook was made.", INSTANT),
)
_VOLUME: Final = (
    _Fact("Meter", 20, "What is counted."),
    _Fact("Unit", 15, "In which unit. Add up only pages of one unit."),
    _Fact("From (UTC)", 19, "The instant from which pages are counted.", INSTANT),
    _Fact("From value", 14, "What the meter showed at that instant.", NUMBER),
    _Fact("From quality", 14, "How that figure was obtained; see Qualities."),
    _Fact("To (UTC)", 19, "The instant up to which pages are counted.", INSTANT),
    _Fact("To value", 14, "What the meter showed at that instant.", NUMBER),
    _Fact("To quality", 14, "How that figure was obtained; see Qualities."),
    _Fact("Pages", 12, "Pages between the two, counted epoch by epoch where the meter began anew.", NUMBER),
    _Fact("Note", 60, "What somebody should look at before this is billed."),
)
_QUALITIES: Final[Mapping[Quality, str]] = {
    "actual": "Read from the device within the day before that instant.",
    "manual": "Typed by a person.",
    "interpolated": "On the line between two reads around that instant.",
    "estimated": "Worked out from what was printed before, or read across a gap.",
    "missing": "Not known: nothing was read near that instant. Pages are those between the reads that there are.",
}
_BREAKS: Final[Mapping[Begun, str]] = {
    "first": "began",
    "rollover": "passed its largest figure and went on at 0; the pages across are counted",
    "lower": "went down (a reset, or another board); pages in between are not known and not counted",
    "leap": "rose faster than any machine prints (another board?); that step is not counted",
    "source": "is read from another source since then; the step between the two is not counted",
}
_IMPORT: Final = (
    _Fact("device_id", 10, "The printer's number at this collector. It never changes.", PLAIN),
    _Fact("customer_id", 12, "The customer's number.", PLAIN),
    _Fact("customer", 24, "Who has the printer."),
    _Fact("site_id", 9, "The site's number.", PLAIN),
    _Fact("site", 20, "Where the agent that read it stands."),
    _Fact("manufacturer", 17, "As the device says."),
    _Fact("model", 30, "As the device says."),
    _Fact("serial", 19, "As the device says, as text."),
    _Fact("asset", 14, "The asset number, as text."),
    _Fact("meter", 18, "The meter's name, from a fixed list: total, total.mono, print.color, scan ..."),
    _Fact("value", 13, "The counter as the device gave it.", PLAIN),
    _Fact("unit", 14, "What it counts."),
    _Fact("read_at", 22, "When it was read from the device: RFC 3339, UTC."),
    _Fact(
        "source", 11, "vendor: the maker's own counter; standard: the Printer MIB; derived: a sum; spooler: a queue."
    ),
    _Fact("quality", 10, "actual: what the device answered at read_at."),
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
    _Fact("Last read (UTC)", 19, "When the figures of this row were read from the device.", INSTANT),
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


def _key(fact: _Fact) -> str:
    """`Last read (UTC)` as it is kept: `last_read`."""
    return fact.heading.removesuffix(" (UTC)").lower().replace(" ", "_")


COLUMNS: Final[Mapping[str, str]] = {
    **{_key(fact): fact.heading for fact in _DEVICE},
    "meters": "Meters",
    **{_key(fact): fact.heading for fact in _CONDITION},
}
"""Columns of the sheet Devices that may be chosen: their keys, and what people call them."""

ALWAYS: Final = frozenset(("serial", "last_read"))
"""Columns that no sheet of devices goes without: which device it is, and how old its figures are."""


@dataclass(slots=True, frozen=True)
class Contents:
    """What stands in a workbook beside the sheets Devices and About. `columns` are keys of COLUMNS, none for all."""

    sheets: Sequence[SheetName] = ("supplies", "import")
    columns: Sequence[str] = ()


def write_workbook(
    file: IO[bytes],
    about: About,
    devices: Callable[[], Iterable[DeviceRow]],
    contents: Contents = Contents(),
    volumes: Iterable[VolumeRow] = (),
) -> Summary:
    """Writes the workbook and gives what the rows came to. `devices` is walked once for each sheet, so that none of
    them is kept. Raises sheets.TooManyRows."""
    summary = Summary(stale_after=about.rules.stale.words, zone=str(about.zone))
    counted = _meter_columns(about.meters)
    facts = [("", fact) for fact in _DEVICE]
    facts += [("meters", fact) for meter in counted for fact in _meter_facts(meter)]
    facts += [("", fact) for fact in _CONDITION]
    kept = _kept([key or _key(fact) for key, fact in facts], contents.columns)
    shown = _on_the_clock((facts[number][1] for number in kept), about.zone)
    rows = _device_rows(about, counted, devices(), summary)
    legends: list[tuple[str, Sequence[_Fact]]] = [("Devices", shown)]
    sheets = [Sheet("Devices", _columns(shown), _picked(rows, kept, len(facts)), _TONES, zone=about.zone, key=_KEY)]
    if "supplies" in contents.sheets:
        supply = _on_the_clock(_SUPPLY, about.zone)
        columns = _columns((*_DEVICE, *supply))
        sheets.append(Sheet("Supplies", columns, _supply_rows(devices(), summary), zone=about.zone, key=_KEY))
        legends.append(("Supplies", supply))
    if "volume" in contents.sheets:
        volume = _on_the_clock(_VOLUME, about.zone)
        columns = _columns((*_DEVICE, *volume))
        sheets.append(Sheet("Volume", columns, _volume_rows(volumes, about.zone), _VOLUME_TONES, zone=about.zone))
        legends.append(("Volume", volume))
    if "import" in contents.sheets:
        sheets += _import_sheets(about, devices())
        legends.append(("Import", _IMPORT))
    page = (Column("", 26), Column("", 100))
    sheets.append(Sheet("About", page, _about_rows(about, summary, legends), _PAGE_TONES, headings=False))
    write(file, sheets, title=f"Printers of {about.title}", made_at=about.made_at)
    return summary


def _kept(keys: Sequence[str], chosen: Sequence[str]) -> list[int]:
    """The places of the columns that were chosen."""
    wanted = ALWAYS | set(chosen)
    return [number for number, key in enumerate(keys) if not chosen or key in wanted]


def _picked(rows: Iterator[Row], kept: Sequence[int], of: int) -> Iterator[Row]:
    if len(kept) == of:
        return rows
    pick = itemgetter(*kept)
    return ((tone, pick(values)) for tone, values in rows)


def _columns(facts: Iterable[_Fact]) -> list[Column]:
    return [Column(fact.heading, fact.width, fact.format) for fact in facts]


def _on_the_clock(facts: Iterable[_Fact], zone: ZoneInfo) -> list[_Fact]:
    """The facts with the zone in the headings of instants."""
    return [
        fact._replace(heading=fact.heading.replace("(UTC)", f"({zone.key})"), width=max(fact.width, len(zone.key) + 4))
        if fact.format == INSTANT
        else fact
        for fact in facts
    ]


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
        tone = _tone(device, about.rules, made_at)
        supply = scarcest(device.supplies)
        _count(summary, tone, device, about)
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


def _tone(device: DeviceRow, rules: Rules, made_at: datetime) -> str:
    if rules.is_stale(device.site_id, device.last_read_at, made_at):
        return "stale"
    return "new" if rules.is_new(device.site_id, device.first_seen_at, made_at) else "plain"


def _meter_cells(given: Sequence[Any] | None, meter: _Meter) -> tuple[CellValue, ...]:
    value, unit, *_ = given or (None, None)
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


def _count(summary: Summary, tone: str, device: DeviceRow, about: About) -> None:
    summary.devices += 1
    summary.new += tone == "new"
    if tone == "stale":
        summary.stale += 1
        if len(summary.stale_devices) < MOST_NAMED:
            days = (about.made_at - device.last_read_at).days
            summary.stale_devices.append(f"{_label(device, about)}: last read {days} days ago")
    low = [supply for supply in device.supplies if is_low(supply)]
    summary.low += bool(low)
    for supply in low[: MOST_NAMED - len(summary.low_supplies)]:
        summary.low_supplies.append(f"{_label(device, about)}: {supply['name']} {_level_text(supply)}")


def _label(device: DeviceRow, about: About) -> str:
    """How a person tells this device from the others: its model and where it is, from customer and site on where there
    are several."""
    model = " ".join(filter(None, (device.manufacturer, device.model))) or "Printer"
    places = [(device.customer, about.customer), (device.site, about.site)]
    where = [place for place, all_are_there in places if place != all_are_there]
    return f"{model} ({', '.join([*where, device.location or device.name or device.serial or device.address])})"


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


# ---------------------------------------------------------------- volume


def _volume_rows(rows: Iterable[VolumeRow], zone: ZoneInfo) -> Iterator[Row]:
    for row in rows:
        device, (name, unit), volume = row
        start, end = volume.start, volume.end
        yield (
            "doubt" if volume.has_hole or "missing" in (start.quality, end.quality) else "plain",
            (
                *_identity(device),
                meters.title(name),
                _words(unit),
                start.at,
                start.value,
                start.quality,
                end.at,
                end.value,
                end.quality,
                volume.pages,
                volume_note(row, zone),
            ),
        )


def volume_note(row: VolumeRow, zone: ZoneInfo = UTC_ZONE) -> str | None:
    """What somebody should look at before this is billed."""
    volume, unit = row.volume, row.meter[1]
    notes = [f"Meter {_break(epoch, zone)}" for epoch in volume.epochs]
    if volume.pages is None:
        notes.append("Nothing was read that pages could be counted from.")
    elif volume.start.quality == "missing":
        notes.append(f"Counted from the first read: {unit_word(unit)} before it are not known.")
    elif volume.end.quality == "missing":
        notes.append(f"Counted up to the last read: {unit_word(unit)} after it are not known.")
    if row.device.retired_at:
        notes.append(f"Retired on {row.device.retired_at.astimezone(zone):%Y-%m-%d}.")
    return " ".join(notes) or None


def unit_word(unit: str) -> str:
    return "pages" if unit == "impressions" else _words(unit)


def _break(epoch: Epoch, zone: ZoneInfo) -> str:
    before = f"{epoch.before.value:,} to " if epoch.before else ""
    return f"{_BREAKS[epoch.begun]}: {before}{epoch.first.value:,} by {_minute(epoch.first.at, zone)}."


def _minute(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


# ---------------------------------------------------------------- for programs


def _import_sheets(about: About, devices: Iterable[DeviceRow]) -> Iterator[Sheet]:
    """One sheet, or as many as the rows need, walked one after the other."""
    rows = _import_rows(devices)
    yield Sheet("Import", _columns(_IMPORT), islice(rows, ROWS_A_SHEET))
    for number in range(1, -(-about.figures // ROWS_A_SHEET)):
        yield Sheet(f"Import {number + 1}", _columns(_IMPORT), islice(rows, ROWS_A_SHEET))


def _import_rows(devices: Iterable[DeviceRow]) -> Iterator[Row]:
    for device in devices:
        which = (
            device.device_id,
            device.customer_id,
            device.customer,
            device.site_id,
            device.site,
            device.manufacturer,
            device.model,
            device.serial,
            device.asset,
        )
        read_at = rfc3339(device.last_read_at)
        for name, (value, unit, source) in device.meters.items():
            yield "plain", (*which, name, value, unit, read_at, source, "actual")


# ---------------------------------------------------------------- about


def _about_rows(about: About, summary: Summary, legends: Iterable[tuple[str, Sequence[_Fact]]]) -> Iterator[Row]:
    """Walked last, when the rows have been counted."""
    counted: list[tuple[str, str]] = [
        ("Customer", about.customer),
        ("Site", about.site),
        ("Made", _minute(about.made_at, about.zone)),
        ("Devices", f"{summary.devices:,}"),
        ("New", f"{summary.new:,}"),
        (f"Not read for {about.rules.stale.words}", f"{summary.stale:,}"),
        ("With a low supply", f"{summary.low:,}"),
        (f"Left out, not read for {about.rules.drop.words}", f"{about.left_out:,}"),
    ]
    if about.since and about.until:
        counted.append(("Volume", f"{_minute(about.since, about.zone)} to {_minute(about.until, about.zone)}"))
    yield "title", (Strong("Printer report"), None)
    yield from (("name", (Strong(name), value)) for name, value in counted)
    yield "plain", (None, None)
    yield "part", (Strong("Colours"), None)
    yield "new", ("Yellow row", f"New: first seen in the last {about.rules.new.words}.")
    old = f"Not read for more than {about.rules.stale.words}: the figures are old. Switched off, moved or gone?"
    yield "stale", ("Pink row", old)
    yield "plain", (Strong("Red"), "A supply that is low or empty, or a waste container that is nearly full.")
    yield "plain", (None, None)
    yield "part", (Strong("How to read it"), None)
    yield from (("plain", (name, text.format(zone=about.zone.key))) for name, text in _HOW)
    for sheet, facts in legends:
        yield "plain", (None, None)
        yield "part", (Strong(f"Sheet {sheet}"), None)
        yield from (("plain", (fact.heading, fact.meaning)) for fact in facts)
        if sheet == "Volume":
            yield "plain", (None, None)
            yield "part", (Strong("Qualities"), None)
            yield from (("plain", (name, meaning)) for name, meaning in _QUALITIES.items())


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
    ("Times", "Times are those of {zone}; in Import they are UTC. Reading, first sight and report are three columns."),
    ("Text", _NEVER_FORMULAS),
)
