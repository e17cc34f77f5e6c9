"""The sheet Supplies: a row for each supply of each device."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from flexprint_server.fleet.summary import is_low
from flexprint_server.reports.sheets import CellValue, Page, Strong
from flexprint_server.reports.skeleton import INSTANT, NUMBER, PERCENT, Sheet
from flexprint_server.reports.workbook.columns import DEVICE, KEY, Fact, columns_of, identity
from flexprint_server.reports.workbook.rows import DeviceRow, Summary
from flexprint_server.reports.workbook.words import state_text, words

# The levels and capacities of RFC 3805 that are no figures.
_SPECIAL: Final = {-1: "no limit", -2: "unknown", -3: "some left"}

SUPPLY: Final = (
    Fact("Supply", 34, "The supply's name, as the device says."),
    Fact("Kind", 17, "What it is: toner, ink, drum (opc), fuser, waste ..."),
    Fact("Colour", 11, "Its colour, where it has one."),
    Fact("Percent", 10, "What is left in percent; of a waste container how full it is.", PERCENT),
    Fact("State", 13, "ok, low, empty, or what the device says instead of a figure. Red when low."),
    Fact("Level", 13, "The level as the device gave it, in the unit beside it.", NUMBER),
    Fact("Capacity", 13, "The capacity as the device gave it.", NUMBER),
    Fact("Unit", 22, "The unit of level and capacity."),
    Fact("Last read (UTC)", 19, "When the figures of this row were read from the device.", INSTANT),
)


_facts: Final = itemgetter("name", "kind", "color", "percent", "state", "level", "capacity", "unit")


def supply_sheet(shown: Sequence[Fact], zone: ZoneInfo) -> Sheet:
    return Sheet("Supplies", columns_of((*DEVICE, *shown)), zone=zone, key=KEY)


def supply_writer(page: Page, summary: Summary) -> Callable[[DeviceRow], None]:
    """Adds the rows of a device's supplies to the page, and counts them."""
    read_column = len(DEVICE) + len(SUPPLY) - 1

    @lru_cache(4096)
    def supply_cells(*facts: Any) -> str:
        # Supplies of one model are alike but for what is left of them, and that is mostly a whole number of percent.
        return page.cells("plain", _supply_values(*facts), len(DEVICE))

    def write(device: DeviceRow) -> None:
        if not device.supplies:
            return
        which = page.cells("plain", identity(device))
        read = page.cells("plain", (device.last_read_at,), read_column)
        for supply in device.supplies:
            page.add("plain", f"{which}{supply_cells(*_facts(supply))}{read}")
        summary.supplies += len(device.supplies)

    return write


def _supply_values(
    name: str, kind: str, color: str | None, percent: int | None, state: str, level: int | None, capacity: int | None,
    unit: str,
) -> Sequence[CellValue]:  # fmt: skip
    supply = {"kind": kind, "state": state}
    called = state_text(supply)
    return (
        name,
        words(kind),
        color,
        None if percent is None else percent / 100,
        Strong(called) if is_low(supply) else called,
        _figure(level),
        _figure(capacity),
        words(unit),
    )


def _figure(value: int | None) -> CellValue:
    """A level or capacity: the special values stay words, so that nobody adds them up."""
    return value if value is None or value >= 0 else _SPECIAL.get(value, "unknown")
