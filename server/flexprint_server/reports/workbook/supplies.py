"""The sheet Supplies: a row for each supply of each device."""

from collections.abc import Iterable, Iterator
from typing import Final

from flexprint_server.fleet.summary import is_low
from flexprint_server.reports.sheets import INSTANT, NUMBER, PERCENT, CellValue, Row, Strong
from flexprint_server.reports.workbook.columns import Fact, identity
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


def supply_rows(devices: Iterable[DeviceRow], summary: Summary) -> Iterator[Row]:
    for device in devices:
        for supply in device.supplies:
            summary.supplies += 1
            percent = supply["percent"]
            state = state_text(supply)
            yield (
                "plain",
                (
                    *identity(device),
                    supply["name"],
                    words(supply["kind"]),
                    supply["color"],
                    None if percent is None else percent / 100,
                    Strong(state) if is_low(supply) else state,
                    _figure(supply["level"]),
                    _figure(supply["capacity"]),
                    words(supply["unit"]),
                    device.last_read_at,
                ),
            )


def _figure(value: int | None) -> CellValue:
    """A level or capacity: the special values stay words, so that nobody adds them up."""
    return value if value is None or value >= 0 else _SPECIAL.get(value, "unknown")
