"""The sheet Devices: a row for each, the new ones yellow, the stale ones pink."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from flexprint_server.fleet.rules import Rules
from flexprint_server.fleet.summary import SupplyFacts, fills_up, is_low, left, scarcest
from flexprint_server.reports.sheets import CellValue, Page, Row, Strong
from flexprint_server.reports.skeleton import INSTANT, NUMBER, PERCENT, Sheet, Tone
from flexprint_server.reports.workbook.columns import DEVICE, KEY, Fact, columns_of, identity
from flexprint_server.reports.workbook.rows import About, DeviceRow, Summary
from flexprint_server.reports.workbook.words import level_text, status_text, words
from flexprint_shared import meters

MOST_NAMED: Final = 8
"""Low supplies, and stale devices, that a summary names; the rest it only counts."""

TONES: Final = {"plain": Tone(), "new": Tone(fill="FFFFF4B8"), "stale": Tone(fill="FFFADADF")}
_NOTES: Final = {"plain": None, "new": "New", "stale": "Stale"}

_CONDITION: Final = (
    Fact("Lowest supply", 28, "The supply that ends first; a waste container when it is nearly full."),
    Fact("Left", 11, "How much of it is left, or the device's word for it. Red when it is low.", PERCENT),
    Fact("Status", 28, "What the device was doing when it was read, and what it complained about."),
    Fact("Note", 9, "New or Stale: what the colour of the row says, also on paper without colours."),
    Fact("Last read (UTC)", 19, "When the figures of this row were read from the device.", INSTANT),
    Fact("Days since read", 11, "Whole days between the last read and this report.", NUMBER),
    Fact("First seen (UTC)", 19, "When the device was read for the first time.", INSTANT),
    Fact("Reported (UTC)", 19, "When this workbook was made.", INSTANT),
)


class Meter(NamedTuple):
    """One meter's column. Where a device counts in another unit than usual, a column beside it names each
    device's unit, so that no figure stands there without its own."""

    name: str
    shows_unit: bool


def meter_columns(pairs: Iterable[tuple[str, str]]) -> list[Meter]:
    """The meters of a fleet in their fixed order; names that nobody knows come last."""
    units: dict[str, set[str]] = {}
    for name, unit in pairs:
        units.setdefault(name, set()).add(unit)
    known = len(meters.METER_NAMES)
    ordered = sorted(units, key=lambda name: (meters.position(name) if meters.is_meter_name(name) else known, name))
    return [Meter(name, units[name] != {meters.usual_unit(name)}) for name in ordered]


def _key(fact: Fact) -> str:
    """`Last read (UTC)` as it is kept: `last_read`."""
    return fact.heading.removesuffix(" (UTC)").lower().replace(" ", "_")


COLUMNS: Final[Mapping[str, str]] = {
    **{_key(fact): fact.heading for fact in DEVICE},
    "meters": "Meters",
    **{_key(fact): fact.heading for fact in _CONDITION},
}
"""Columns of the sheet Devices that may be chosen: their keys, and what people call them."""

ALWAYS: Final = frozenset(("serial", "note", "last_read"))
"""Columns that no sheet of devices goes without: which device it is, what its colour says, and how old its figures
are."""


def device_facts(counted: Iterable[Meter]) -> list[Fact]:
    """Every column of the sheet."""
    return [*DEVICE, *(fact for meter in counted for fact in _meter_facts(meter)), *_CONDITION]


def chosen_places(facts: Sequence[Fact], chosen: Sequence[str]) -> list[int]:
    """The places of the columns that were chosen; all of them where none was."""
    wanted = ALWAYS | set(chosen)
    meters_from, meters_to = len(DEVICE), len(facts) - len(_CONDITION)
    keys = ["meters" if meters_from <= n < meters_to else _key(fact) for n, fact in enumerate(facts)]
    return [number for number, key in enumerate(keys) if not chosen or key in wanted]


def device_sheet(shown: Sequence[Fact], zone: ZoneInfo) -> Sheet:
    return Sheet("Devices", columns_of(shown), TONES, zone=zone, key=KEY)


def device_writer(
    page: Page, about: About, counted: Sequence[Meter], kept: Sequence[int], summary: Summary
) -> Callable[[DeviceRow], None]:
    """Adds the row of a device to the page, with those of its columns that are kept, and counts it."""
    pick = itemgetter(*kept)

    def write(device: DeviceRow) -> None:
        tone, values = device_row(device, about, counted)
        _count(summary, tone, device, about)
        page.add(tone, page.cells(tone, pick(values)))

    return write


def _meter_facts(meter: Meter) -> Iterator[Fact]:
    title = meters.title(meter.name)
    counted = "scans" if meters.usual_unit(meter.name) == "scans" else "printed sides"
    by = "by one computer's print queue since it was first seen, not" if meter.name == meters.SPOOLER else ""
    told = f"{by} by the device over its life".strip()
    if not meter.shows_unit:
        yield Fact(title, 13, f"Meter {meter.name}: {counted}, counted {told}.", NUMBER)
        return
    yield Fact(title, 13, f"Meter {meter.name}, counted {told} in the unit beside it.", NUMBER)
    yield Fact(f"{title} unit", 13, f"What {meter.name} counts. Add up only figures of one unit.")


def device_row(device: DeviceRow, about: About, counted: Sequence[Meter]) -> Row:
    """The row in all columns."""
    supply = scarcest(device.supplies)
    tone = _tone(device, about.rules, about.made_at)
    return (
        tone,
        (
            *identity(device),
            *[cell for meter in counted for cell in _meter_cells(device.meters.get(meter.name), meter)],
            supply["name"] if supply else None,
            _left(supply) if supply else None,
            status_text(device.state, tuple(device.errors)),
            _NOTES[tone],
            device.last_read_at,
            max((about.made_at - device.last_read_at).days, 0),
            device.first_seen_at,
            about.made_at,
        ),
    )


def _tone(device: DeviceRow, rules: Rules, made_at: datetime) -> str:
    if rules.is_stale(device, made_at):
        return "stale"
    return "new" if rules.is_new(device, made_at) else "plain"


def _meter_cells(given: Sequence[Any] | None, meter: Meter) -> tuple[CellValue, ...]:
    value, unit, *_ = given or (None, None)
    if not meter.shows_unit:
        return (value,)
    return (value, unit and words(unit))


def _left(supply: SupplyFacts) -> CellValue:
    share = left(supply)
    value = level_text(supply) if share is None or fills_up(supply) else share / 100
    return Strong(value) if is_low(supply) else value


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
        summary.low_supplies.append(f"{_label(device, about)}: {supply['name']} {level_text(supply)}")


def _label(device: DeviceRow, about: About) -> str:
    """How a person tells this device from the others: its model and where it is, from customer and site on where there
    are several."""
    model = " ".join(filter(None, (device.manufacturer, device.model))) or "Printer"
    places = [(device.customer, about.customer), (device.site, about.site)]
    where = [place for place, all_are_there in places if place != all_are_there]
    return f"{model} ({', '.join([*where, device.location or device.name or device.serial or device.address])})"
